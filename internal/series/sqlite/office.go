package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlAddAggregate = `INSERT INTO aggregates (org, kind, start, team, ended, suppressed, contributors,
		sitting, slouched, breaks, flexion, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING`
	sqlSetAggregate = `UPDATE aggregates SET ended = ?5, suppressed = ?6, contributors = ?7, sitting = ?8, slouched = ?9,
		breaks = ?10, flexion = ?11, made = ?12 WHERE org = ?1 AND kind = ?2 AND start = ?3 AND team = ?4`
	sqlAggregates = `SELECT team, start, ended, suppressed, contributors, sitting, slouched, breaks, flexion, made FROM aggregates
		WHERE org = ?1 AND kind = ?2 AND start >= ?3 AND start < ?4 ORDER BY start, team`
)

var errNoWindow = errors.New("it names no window, or one that ends before it starts")

// PutAggregates stores aggregates in one transaction of their own file: appends go on
// beside it.
func (s *Store) PutAggregates(ctx context.Context, all []series.Aggregate) error {
	for i := range all {
		a := &all[i]
		err := errNoWindow
		switch {
		case a.Org.IsZero():
			err = errNoName
		case a.Window != "" && a.Start.Before(a.End):
			continue
		}
		return fmt.Errorf("store aggregate of %q, %s from %v to %v: %w", a.Org, a.Window, a.Start, a.End, err)
	}
	err := s.inOffice(ctx, func(ctx context.Context, tx *fileTx) error {
		for i := range all {
			a := &all[i]
			if err := tx.put(ctx, sqlAddAggregate, sqlSetAggregate, countAggregates, a.Org.String(), string(a.Window), a.Start.Unix(),
				a.Group.String(), a.End.Unix(), a.Suppressed, a.Contributors, a.SittingMin, a.SlouchedPct, a.Breaks, a.FlexionDeg, a.Made.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("store aggregates", err)
}

// inOffice runs a transaction in the office's file, which is nobody else's: it needs no
// lock but its own.
func (s *Store) inOffice(ctx context.Context, do func(context.Context, *fileTx) error) error {
	w := &s.office.write
	w.mu.Lock()
	defer w.mu.Unlock()
	tx := &fileTx{writer: w, key: s.office.key, counts: map[string]int64{}}
	if err := tx.run(ctx, do); err != nil {
		return err
	}
	if err := w.tend(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("log of the store not moved into its file", "file", s.office.key.name(), "err", err)
	}
	return nil
}

type aggregateRow struct {
	team, contributors                 string
	start, ended, made                 int64
	suppressed                         bool
	sitting, slouched, breaks, flexion float64
}

func (r *aggregateRow) fields() []any {
	return []any{&r.team, &r.start, &r.ended, &r.suppressed, &r.contributors, &r.sitting, &r.slouched, &r.breaks, &r.flexion, &r.made}
}

// Aggregates reads those of an organisation's windows.
func (s *Store) Aggregates(ctx context.Context, q series.OfficeQuery) ([]series.Aggregate, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("read aggregates: %w", errNoName)
	}
	stored, err := query(ctx, s, s.office, (*aggregateRow).fields, sqlAggregates,
		q.Org.String(), string(q.Window), ceilSeconds(q.From), ceilSeconds(q.To))
	if err != nil {
		return nil, wrap("read aggregates", err)
	}
	all := make([]series.Aggregate, len(stored))
	for i, r := range stored {
		all[i] = series.Aggregate{
			Org: q.Org, Window: q.Window, Start: time.Unix(r.start, 0).UTC(), End: time.Unix(r.ended, 0).UTC(),
			Made:       time.Unix(r.made, 0).UTC(),
			Suppressed: r.suppressed, Contributors: r.contributors,
			SittingMin: r.sitting, SlouchedPct: r.slouched, Breaks: r.breaks, FlexionDeg: r.flexion,
		}
		if r.team == "" {
			continue
		}
		if all[i].Group, err = schemas.ParseID(r.team); err != nil {
			return nil, wrap("read aggregates", err)
		}
	}
	return all, nil
}

// ceilSeconds is a bound of a range in seconds: a whole second is before t exactly if it
// is before t rounded up.
func ceilSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}
