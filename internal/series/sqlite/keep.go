package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

type extentRow struct{ org, wearer string }

// sqlPresent are the wearers of whom a file has something that can be read.
func sqlPresent(class series.Class) string {
	rows := map[series.Class]string{
		series.Raw: `EXISTS (SELECT 1 FROM minutes WHERE id BETWEEN w.id << 28 AND (w.id << 28) + 0xfffffff)
			OR EXISTS (SELECT 1 FROM hours WHERE id BETWEEN w.id << 28 AND (w.id << 28) + 0xfffffff)`,
		series.Rollups: `EXISTS (SELECT 1 FROM rollups WHERE id BETWEEN w.id << 28 AND (w.id << 28) + 0xfffffff)`,
		series.Events: `EXISTS (SELECT 1 FROM episodes e WHERE e.wearer = w.id)
			OR EXISTS (SELECT 1 FROM decisions d WHERE d.wearer = w.id)`,
	}
	return `SELECT org, wearer FROM wearers w WHERE ` + rows[class]
}

// Wearers asks all files: one of a day in some milliseconds for thousands of wearers. Damaged
// files are left out.
func (s *Store) Wearers(ctx context.Context, each func(series.Extent) error) error {
	all := map[extentRow]*series.Extent{}
	for _, class := range dayClasses() {
		if err := s.wholeFiles(ctx, class, func(f *file) error {
			rows, err := query(ctx, s, f, func(r *extentRow) []any { return []any{&r.org, &r.wearer} }, sqlPresent(class))
			for _, r := range rows {
				if err := stretch(all, r, dayStart(f.key.day)); err != nil {
					return err
				}
			}
			return err
		}); err != nil {
			return wrap("read wearers", err)
		}
	}
	for _, e := range slices.SortedFunc(maps.Values(all), func(x, y *series.Extent) int {
		return cmp.Or(x.Org.Compare(y.Org), x.Wearer.Compare(y.Wearer))
	}) {
		if err := each(*e); err != nil {
			return err
		}
	}
	return nil
}

// stretch adds a day to what is known of a wearer.
func stretch(all map[extentRow]*series.Extent, r extentRow, start time.Time) (err error) {
	e, ok := all[r]
	if !ok {
		e = &series.Extent{From: start, To: start}
		if e.Org, err = schemas.ParseID(r.org); err != nil {
			return err
		}
		if e.Wearer, err = schemas.ParseID(r.wearer); err != nil {
			return err
		}
		all[r] = e
	}
	if start.Before(e.From) {
		e.From = start
	}
	if end := start.AddDate(0, 0, 1); end.After(e.To) {
		e.To = end
	}
	return nil
}

const (
	sqlDropAggregates = `DELETE FROM aggregates WHERE start < ?1`
	sqlDropReaches    = `DELETE FROM reaches WHERE day < ?1`
)

// Retain removes the files of days that are too old, and aggregates.
func (s *Store) Retain(ctx context.Context, r series.Retention, now time.Time) error {
	if err := r.Validate(); err != nil {
		return err
	}
	err := s.change(ctx, func(ctx context.Context, c *changing) error {
		for _, class := range dayClasses() {
			if err := c.retain(class, r.Cut(class, now).UnixMilli()/dayMillis); err != nil {
				return err
			}
		}
		c.known = known{} // the next change reads all again
		return c.index.exec(ctx, sqlDropReaches, r.Cut(series.Events, now).UnixMilli()/dayMillis)
	})
	if err == nil {
		err = s.inOffice(ctx, func(ctx context.Context, tx *fileTx) error {
			return tx.drop(ctx, sqlDropAggregates, countAggregates, r.Cut(series.Office, now).Unix())
		})
	}
	return wrap("apply retention", err)
}

// retain removes the files of a class of days before cut.
func (c *changing) retain(class series.Class, cut int64) error {
	days, err := c.days(class, 0, cut-1)
	if err != nil || len(days) == 0 {
		return err
	}
	for _, day := range days {
		key := fileKey{class, day}
		c.pool.forget(key)
		c.counted.forget(key)
		if err := removeFile(c.pathOf(key)); err != nil {
			return err
		}
		c.log.Info("day removed from the store", "class", class, "day", dayStart(day).Format(time.DateOnly))
	}
	return syncFolder(c.folder(class))
}
