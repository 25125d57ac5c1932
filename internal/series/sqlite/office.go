package sqlite

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// tableAggregates holds what may be known of groups. Times are seconds since 1970 UTC.
const tableAggregates = `
CREATE TABLE IF NOT EXISTS aggregates (org TEXT NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL, team TEXT NOT NULL,
	ended INTEGER NOT NULL, suppressed INTEGER NOT NULL, contributors TEXT NOT NULL, sitting REAL NOT NULL,
	slouched REAL NOT NULL, breaks REAL NOT NULL, flexion REAL NOT NULL, made INTEGER NOT NULL, PRIMARY KEY (org, kind, start, team)) WITHOUT ROWID;
`

const (
	sqlAddAggregate = `INSERT INTO aggregates (org, kind, start, team, ended, suppressed, contributors,
		sitting, slouched, breaks, flexion, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING`
	sqlSetAggregate = `UPDATE aggregates SET ended = ?5, suppressed = ?6, contributors = ?7, sitting = ?8, slouched = ?9,
		breaks = ?10, flexion = ?11, made = ?12 WHERE org = ?1 AND kind = ?2 AND start = ?3 AND team = ?4`
	sqlAggregates = `SELECT team, start, ended, suppressed, contributors, sitting, slouched, breaks, flexion, made FROM aggregates
		WHERE org = ?1 AND kind = ?2 AND start >= ?3 AND start < ?4 ORDER BY start, team`
)

// PutAggregates stores aggregates in one transaction.
func (s *Store) PutAggregates(ctx context.Context, all []series.Aggregate) error {
	for i := range all {
		if a := &all[i]; a.Org.IsZero() || a.Window == "" || !a.Start.Before(a.End) {
			return fmt.Errorf("store aggregate of %q, %s from %v to %v: %w", a.Org, a.Window, a.Start, a.End, errNoName)
		}
	}
	err := s.change(ctx, func(ctx context.Context, a *appending) error {
		for i := range all {
			g := &all[i]
			if err := a.put(ctx, sqlAddAggregate, sqlSetAggregate, countAggregates, g.Org.String(), string(g.Window), g.Start.Unix(), g.Group.String(), g.End.Unix(),
				g.Suppressed, g.Contributors, g.SittingMin, g.SlouchedPct, g.Breaks, g.FlexionDeg, g.Made.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("store aggregates", err)
}

type aggregateRow struct {
	team, contributors                 string
	start, ended, made                 int64
	suppressed                         bool
	sitting, slouched, breaks, flexion float64
}

// Aggregates reads those of an organisation's windows.
func (s *Store) Aggregates(ctx context.Context, q series.OfficeQuery) ([]series.Aggregate, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("read aggregates: %w", errNoName)
	}
	rows, err := s.read.QueryContext(ctx, sqlAggregates, q.Org.String(), string(q.Window), ceilSeconds(q.From), ceilSeconds(q.To))
	stored, err := collect(rows, err, func(r *aggregateRow) []any {
		return []any{&r.team, &r.start, &r.ended, &r.suppressed, &r.contributors, &r.sitting, &r.slouched, &r.breaks, &r.flexion, &r.made}
	})
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
