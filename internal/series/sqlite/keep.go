package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const dayMillis = 24 * 60 * minute

type extentRow struct {
	org, wearer string
	from, to    int64
}

// sqlExtents are the first and the last time, in milliseconds, of what a wearer has.
const sqlExtents = `SELECT org, w.wearer, min(first), max(last) FROM (
	SELECT wearer, first * 60000 AS first, last * 60000 AS last FROM (
		SELECT id >> 28 AS wearer, min(id & 0xfffffff) AS first, max(id & 0xfffffff) AS last FROM minutes GROUP BY 1
		UNION ALL SELECT id >> 28, min(id & 0xfffffff), max(id & 0xfffffff) FROM rollups GROUP BY 1)
	UNION ALL SELECT wearer, min(start), max(start) FROM episodes GROUP BY 1
	UNION ALL SELECT wearer, min(time), max(time) FROM decisions GROUP BY 1) x JOIN wearers w ON w.id = x.wearer
	GROUP BY org, w.wearer ORDER BY org, w.wearer`

// Wearers reads who has something and when.
func (s *Store) Wearers(ctx context.Context, each func(series.Extent) error) error {
	rows, err := s.read.QueryContext(ctx, sqlExtents)
	all, err := collect(rows, err, func(r *extentRow) []any { return []any{&r.org, &r.wearer, &r.from, &r.to} })
	if err != nil {
		return wrap("read wearers", err)
	}
	for _, r := range all {
		e := series.Extent{From: fromMillis(r.from - r.from%dayMillis), To: fromMillis(r.to - r.to%dayMillis + dayMillis)}
		if e.Org, err = schemas.ParseID(r.org); err != nil {
			return wrap("read wearers", err)
		}
		if e.Wearer, err = schemas.ParseID(r.wearer); err != nil {
			return wrap("read wearers", err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// Erase removes a wearer in one transaction, and empties the log of the file.
func (s *Store) Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (done series.Erased, err error) {
	if org.IsZero() || wearer.IsZero() {
		return done, fmt.Errorf("erase %q of %q: %w", wearer, org, errNoName)
	}
	err = s.change(ctx, func(ctx context.Context, a *appending) error {
		if err := a.exec(ctx, sqlBury, a.known.tombs.key(wearerName{org, wearer}), ceilMillis(before)); err != nil {
			return err
		}
		a.known.version = 0 // it knows other tombstones
		var number int64
		err := a.stmt(ctx, sqlWearer).QueryRowContext(ctx, org.String(), wearer.String()).Scan(&number)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		return a.erase(ctx, number, &done)
	})
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, err = s.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if err != nil {
		return series.Erased{}, fmt.Errorf("erase %s/%s: %w", org, wearer, err)
	}
	return done, nil
}

// erase removes all rows of a wearer, and the runs that only its readings are of.
func (a *appending) erase(ctx context.Context, wearer int64, done *series.Erased) error {
	first, last := rowKey(wearer, 0), rowKey(wearer, maxMinute)
	mine, others, err := a.runsOf(ctx, first, last)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		query, counter string
		n              *int64
		args           []any
	}{
		{`DELETE FROM rollups WHERE id BETWEEN ?1 AND ?2`, countRollups, &done.Rollups, []any{first, last}},
		{`DELETE FROM findings WHERE wearer = ?1`, countFindings, &done.Findings, []any{wearer}},
		{`DELETE FROM episodes WHERE wearer = ?1`, countEpisodes, &done.Episodes, []any{wearer}},
		{`DELETE FROM decisions WHERE wearer = ?1`, countDecisions, &done.Decisions, []any{wearer}},
	} {
		result, err := a.tx.ExecContext(ctx, c.query, c.args...)
		if err != nil {
			return err
		}
		if *c.n, err = result.RowsAffected(); err != nil {
			return err
		}
		a.counts[c.counter] -= *c.n
	}
	for run, n := range mine {
		done.Readings += n
		for _, table := range []string{"seen WHERE run", "late WHERE run", "runs WHERE id"} {
			if others[run] > 0 {
				continue
			}
			if _, err := a.tx.ExecContext(ctx, `DELETE FROM `+table+` = ?`, run); err != nil {
				return err
			}
		}
	}
	a.counts[countReadings] -= done.Readings
	if _, err := a.tx.ExecContext(ctx, `DELETE FROM minutes WHERE id BETWEEN ?1 AND ?2`, first, last); err != nil {
		return err
	}
	_, err = a.tx.ExecContext(ctx, `DELETE FROM wearers WHERE id = ?`, wearer)
	return err
}

// runsOf counts the readings of each run in the minutes of first to last, and in all others.
func (a *appending) runsOf(ctx context.Context, first, last int64) (mine, others map[int64]int64, err error) {
	mine, others = map[int64]int64{}, map[int64]int64{}
	rows, err := a.tx.QueryContext(ctx, `SELECT id, data FROM minutes`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells it
	for rows.Next() {
		var row minuteRow
		if err := rows.Scan(&row.key, &row.data); err != nil {
			return nil, nil, err
		}
		for b := row.data; len(b) > 0; {
			run, n := binary.Uvarint(b)
			var items []schemas.Item
			if items, b, err = schemas.ReadItems(b[n:], nil); err != nil {
				return nil, nil, err
			}
			into := others
			if first <= row.key && row.key <= last {
				into = mine
			}
			into[int64(run)] += int64(len(items)) //nolint:gosec // a row's number
		}
	}
	return mine, others, rows.Err()
}

// Retain removes the days that are too old.
func (s *Store) Retain(ctx context.Context, r series.Retention, now time.Time) error {
	if err := r.Validate(); err != nil {
		return err
	}
	err := s.change(ctx, func(ctx context.Context, a *appending) error {
		cut := func(c series.Class) int64 { return r.Cut(c, now).UnixMilli() }
		if err := a.retainReadings(ctx, cut(series.Raw)); err != nil {
			return err
		}
		for _, c := range []struct {
			query, counter string
			cut            int64
		}{
			{`DELETE FROM rollups WHERE (id & 0xfffffff) * 60000 < ?1`, countRollups, cut(series.Rollups)},
			{`DELETE FROM findings WHERE (wearer, episode) IN (SELECT wearer, id FROM episodes WHERE start < ?1)`, countFindings, cut(series.Events)},
			{`DELETE FROM episodes WHERE start < ?1`, countEpisodes, cut(series.Events)},
			{`DELETE FROM decisions WHERE time < ?1`, countDecisions, cut(series.Events)},
			{`DELETE FROM aggregates WHERE start * 1000 < ?1`, countAggregates, cut(series.Office)},
		} {
			result, err := a.tx.ExecContext(ctx, c.query, c.cut)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			a.counts[c.counter] -= n
		}
		return nil
	})
	return wrap("apply retention", err)
}

// retainReadings removes the minutes before a time, and counts what it removes.
func (a *appending) retainReadings(ctx context.Context, cut int64) error {
	rows, err := a.tx.QueryContext(ctx, `SELECT data FROM minutes WHERE (id & 0xfffffff) * 60000 < ?1`, cut)
	blobs, err := collect(rows, err, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return err
	}
	for _, b := range blobs {
		for len(b) > 0 {
			_, n := binary.Uvarint(b)
			var items []schemas.Item
			if items, b, err = schemas.ReadItems(b[n:], nil); err != nil {
				return err
			}
			a.counts[countReadings] -= int64(len(items))
		}
	}
	_, err = a.tx.ExecContext(ctx, `DELETE FROM minutes WHERE (id & 0xfffffff) * 60000 < ?1`, cut)
	return err
}
