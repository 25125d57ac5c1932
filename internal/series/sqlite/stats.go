package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sitwell/internal/series"
)

type counterRow struct {
	name string
	n    int64
}

// Stats reads counters that appends keep, and the sizes of the files: it is
// cheap however much is stored.
func (s *Store) Stats(ctx context.Context) (series.Stats, error) {
	var stats series.Stats
	rows, err := s.read.QueryContext(ctx, `SELECT name, n FROM counters`)
	counters, err := collect(rows, err, func(r *counterRow) []any { return []any{&r.name, &r.n} })
	if err != nil {
		return stats, wrap("read statistics", err)
	}
	for _, c := range counters {
		switch c.name {
		case countReadings:
			stats.Readings = c.n
		case countDuplicates:
			stats.Duplicates = c.n
		case countRollups:
			stats.Rollups = c.n
		case countEpisodes:
			stats.Episodes = c.n
		case countFindings:
			stats.Findings = c.n
		case countDecisions:
			stats.Decisions = c.n
		case countAggregates:
			stats.Aggregates = c.n
		}
	}
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.path + suffix)
		switch {
		case err == nil:
			stats.Bytes += info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return stats, wrap("read statistics", err)
		}
	}
	return stats, nil
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
