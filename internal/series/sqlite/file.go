package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
)

const (
	// readers are the read connections at once, over all files. Further queries wait for
	// one until their context ends; the dashboard bounds how many there are.
	readers = 6
	// lockWait is how long a statement waits for a lock that another process holds, in
	// milliseconds; then it fails, and the recorder tries again. A wait ends with its
	// context, too.
	lockWait = 5_000
	// The caches of a connection, in kB.
	readCache  = 1024
	writeCache = 8192
)

// file is an open file of the store: connections to read it, and one to write it once
// somebody has to.
type file struct {
	key   fileKey
	path  string
	once  sync.Once
	err   error // of opening it
	read  *sql.DB
	write writer

	// The pool's.
	info   os.FileInfo // which file of its name it is
	refs   int
	used   uint64
	doomed bool
}

func (f *file) open(ctx context.Context) error {
	if f.key.class != classIndex {
		if err := checkHeader(f.path); err != nil {
			return err
		}
	}
	var err error
	// A connection that is read-only to the system would leave a log behind when it is closed.
	if f.read, err = sql.Open("sqlite", address(f.path, "rw", busyTimeout(), "query_only(ON)", "wal_autocheckpoint(0)",
		fmt.Sprintf("cache_size(-%d)", readCache))); err != nil {
		return err
	}
	f.read.SetMaxOpenConns(readers)
	f.read.SetMaxIdleConns(1)
	if f.key.class == classIndex {
		f.read.SetMaxIdleConns(readers)
	}
	f.write.path = f.path
	if walSize(f.path) == 0 {
		return nil
	}
	// A crash has left a log, or another process is at it. What is in it has to be wiped
	// before the last connection that closes moves it into the file.
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	return f.write.checkpoint(ctx, passive)
}

// close moves all into the one file and closes it, whatever has ended.
//
//nolint:contextcheck,nolintlint // the first reads this line, the second does not see that
func (f *file) close() error {
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	var errs []error
	if f.write.conn != nil && walSize(f.path) > 0 {
		errs = append(errs, f.write.checkpoint(context.Background(), passive))
	}
	if f.read != nil {
		errs = append(errs, f.read.Close())
	}
	errs = append(errs, f.write.close())
	f.write.closed = true
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", f.key.name(), err)
	}
	return nil
}

// writer is the connection that changes a file.
type writer struct {
	path string

	mu    sync.Mutex // one transaction at a time; guards what follows
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	wiped wiped
	// nextAt is the size of the log from which on it is moved into the file. A reader of an
	// old state lets it grow beyond checkpointAt.
	nextAt int64
	closed bool
}

var errClosed = errors.New("the store is closed")

// connect opens the connection where that is still to be done.
func (w *writer) connect(ctx context.Context) (err error) {
	if w.closed {
		return errClosed
	}
	if w.conn != nil {
		return nil
	}
	logged := walSize(w.path) > 0
	if w.db, err = sql.Open("sqlite", address(w.path, "rw", busyTimeout(), "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(OFF)", "temp_store(MEMORY)", "wal_autocheckpoint(0)", "journal_size_limit(0)",
		fmt.Sprintf("cache_size(-%d)", writeCache))); err != nil {
		return err
	}
	w.db.SetMaxOpenConns(1)
	w.stmts = map[string]*sql.Stmt{}
	if w.conn, err = w.db.Conn(ctx); err == nil {
		err = w.recall(ctx, logged)
	}
	if err != nil {
		_ = w.close() // the first error says more
	}
	return err
}

// recall reads whether the file has pages to be wiped. Where it has and there is no log
// any more, another program has moved them into the file.
func (w *writer) recall(ctx context.Context, logged bool) error {
	var n int
	if err := w.conn.QueryRowContext(ctx, sqlDirty).Scan(&n); err != nil {
		return fmt.Errorf("read marks: %w", err)
	}
	w.wiped, w.nextAt = wiped{all: n != 0 && !logged}, checkpointAt
	return nil
}

func (w *writer) close() error {
	var errs []error
	for _, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	w.db, w.conn, w.stmts = nil, nil, nil
	return errors.Join(errs...)
}

// begin waits for the right to write, for lockWait at most: another process may have
// it. The wait ends with ctx, so that a locked file does not hold up a stop; the
// transaction does not.
func (w *writer) begin(ctx context.Context) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.rollback(ctx) // the end of ctx may have come after it
		return err
	}
	return nil
}

func (w *writer) commit(ctx context.Context) error {
	if err := w.exec(ctx, sqlSoil); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, "COMMIT")
	return err
}

// rollback undoes what was not committed. A connection that has nothing to undo, or cannot,
// is given up.
func (w *writer) rollback(ctx context.Context) {
	if _, err := w.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		_ = w.close() // the error that led here says more
	}
}

// unsynced runs transactions that a power cut may undo, until the log is synced, with the next
// transaction or before it is moved into the file. What was committed before is safe.
func (w *writer) unsynced(ctx context.Context, do func() error) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, "PRAGMA synchronous = OFF"); err != nil {
		return err
	}
	err := do()
	if w.conn == nil { // it was given up
		return err
	}
	if _, failed := w.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = FULL"); failed != nil {
		_ = w.close() // the next one is as it should be
		return errors.Join(err, failed)
	}
	return err
}

// stmt is a prepared statement.
func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	stmt, ok := w.stmts[query]
	if ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	w.stmts[query] = stmt
	return stmt, nil
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.count(ctx, query, args...)
	return err
}

// count is how many rows a statement has changed.
func (w *writer) count(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// find reads one row, if there is one.
func (w *writer) find(ctx context.Context, query string, args, into []any) (found bool, err error) {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	switch err := stmt.QueryRowContext(ctx, args...).Scan(into...); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

const (
	sqlDirty = `SELECT n FROM counters WHERE name = 'dirty'`
	sqlSoil  = `UPDATE counters SET n = 1 WHERE name = 'dirty' AND n = 0`
	sqlClean = `UPDATE counters SET n = 0 WHERE name = 'dirty'`
	sqlCount = `INSERT INTO counters (name, n) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET n = n + ?2`
)
