package sqlite

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
)

// sqlSlots sums a wearer's minutes (?1 to ?2) over steps of ?4 ms from ?3 on.
const sqlSlots = `SELECT ((id & 0xfffffff) * 60000 - ?3) / ?4 AS slot, count(*), sum(sitting), sum(standing), sum(moving), sum(not_worn),
	sum(upright), sum(slouched), sum(flexion * (upright + slouched)), sum(breaks)
	FROM rollups WHERE id BETWEEN ?1 AND ?2 GROUP BY slot ORDER BY slot`

type slotRow struct {
	slot int64
	totalsRow
}

// Slots sums a wearer's rollups over steps.
func (s *Store) Slots(ctx context.Context, q series.Query, length time.Duration) ([]series.Slot, error) {
	if length < time.Minute || length%time.Minute != 0 {
		return nil, fmt.Errorf("sum rollups in steps of %v: a step is whole minutes", length)
	}
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return nil, wrap("sum rollups", err)
	}
	first, last := sc.minuteRange()
	start := ceilMillis(q.From)
	rows, err := s.read.QueryContext(ctx, sqlSlots, first, last, start, length.Milliseconds())
	sums, err := collect(rows, err, func(r *slotRow) []any { return append([]any{&r.slot}, r.sums()...) })
	if err != nil {
		return nil, wrap("sum rollups", err)
	}
	within := time.UnixMilli(start).Sub(q.From) // below 1 ms
	slots := make([]series.Slot, len(sums))
	for i := range sums {
		at := fromMillis(start + sums[i].slot*length.Milliseconds()).Add(-within)
		slots[i] = series.Slot{Start: at, Totals: sums[i].totals(q.Wearer)}
	}
	return slots, nil
}
