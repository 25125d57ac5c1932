package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// query reads all rows of a query of a file; fields are where a row's columns go. It waits
// for one of the store's places to read until ctx ends, and holds none when it returns.
func query[T any](ctx context.Context, s *Store, f *file, fields func(*T) []any, text string, args ...any) ([]T, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	rows, err := f.read.QueryContext(ctx, text, args...)
	all, err := collect(rows, err, fields)
	if noRoom(err) && walSize(f.path) == 0 {
		return queryStill(ctx, f, fields, text, args...)
	}
	return all, err
}

// noRoom reports whether SQLite could not make the files that it keeps beside a database.
func noRoom(err error) bool {
	failed := new(sqlite.Error)
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL:
		return true
	}
	return false
}

// queryStill reads a file without any beside it, as where the disk is full. There is nothing
// in a log, so that the file has all, and it does not change while there is no room.
func queryStill[T any](ctx context.Context, f *file, fields func(*T) []any, text string, args ...any) ([]T, error) {
	db, err := sql.Open("sqlite", address(f.path, "ro")+"&immutable=1")
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it is only read
	rows, err := db.QueryContext(ctx, text, args...)
	return collect(rows, err, fields)
}

// collect reads all rows; fields are where a row's columns go.
func collect[T any](rows *sql.Rows, err error, fields func(*T) []any) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells it
	var row T
	targets := fields(&row)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// wrap says what failed, if anything did.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
