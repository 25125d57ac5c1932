package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sums = `count(*), sum(sitting), sum(standing), sum(moving), sum(not_worn), sum(upright),
	sum(slouched), sum(flexion * (upright + slouched)), sum(breaks)`

	// sqlSlots sums a wearer's minutes (?1 to ?2) over steps of ?4 ms from ?3 on.
	sqlSlots = `SELECT ((id & 0xfffffff) * 60000 - ?3) / ?4 AS slot, ` + sums + `
	FROM rollups WHERE id BETWEEN ?1 AND ?2 GROUP BY slot ORDER BY slot`

	// sqlTotals sums in integers: the outer loop is over an organisation's
	// wearers, the inner one a range of each one's minutes.
	sqlTotals = `SELECT w.wearer, ` + sums + `
	FROM wearers w CROSS JOIN rollups r ON r.id BETWEEN (w.id << 28) + ?2 AND (w.id << 28) + ?3
	WHERE w.org = ?1 GROUP BY w.org, w.wearer`
)

// totalsRow has milliseconds and thousandths of degrees.
type totalsRow struct {
	minutes, breaks                                                       int
	sitting, standing, moving, notWorn, upright, slouched, flexionSeconds float64
}

func (r *totalsRow) fields() []any {
	return []any{&r.minutes, &r.sitting, &r.standing, &r.moving, &r.notWorn, &r.upright, &r.slouched, &r.flexionSeconds, &r.breaks}
}

// add sums what two files have.
func (r *totalsRow) add(o *totalsRow) {
	r.minutes += o.minutes
	r.breaks += o.breaks
	r.sitting += o.sitting
	r.standing += o.standing
	r.moving += o.moving
	r.notWorn += o.notWorn
	r.upright += o.upright
	r.slouched += o.slouched
	r.flexionSeconds += o.flexionSeconds
}

func (r *totalsRow) totals(wearer schemas.ID) series.Totals {
	return series.Totals{
		Wearer: wearer, Minutes: r.minutes, Breaks: r.breaks,
		Sitting: r.sitting / 1e3, Standing: r.standing / 1e3, Moving: r.moving / 1e3, NotWorn: r.notWorn / 1e3,
		Upright: r.upright / 1e3, Slouched: r.slouched / 1e3, FlexionSum: r.flexionSeconds / 1e6,
	}
}

type slotRow struct {
	slot int64
	totalsRow
}

// Slots sums a wearer's rollups over steps.
func (s *Store) Slots(ctx context.Context, q series.Query, length time.Duration) ([]series.Slot, error) {
	if length < time.Minute || length%time.Minute != 0 {
		return nil, fmt.Errorf("sum rollups in steps of %v: a step is whole minutes", length)
	}
	start, step := ceilMillis(q.From), length.Milliseconds()
	var all []slotRow
	err := s.minutesOf(ctx, q, func(f *file, sc scope) error {
		first, last := sc.minuteRange()
		rows, err := query(ctx, s, f, func(r *slotRow) []any { return append([]any{&r.slot}, r.fields()...) }, sqlSlots, first, last, start, step)
		if n := len(all); n > 0 && len(rows) > 0 && all[n-1].slot == rows[0].slot {
			all[n-1].add(&rows[0].totalsRow) // it goes on over midnight
			rows = rows[1:]
		}
		all = append(all, rows...)
		return err
	})
	if err != nil {
		return nil, wrap("sum rollups", err)
	}
	within := time.UnixMilli(start).Sub(q.From) // below 1 ms
	slots := make([]series.Slot, len(all))
	for i := range all {
		slots[i] = series.Slot{Start: fromMillis(start + all[i].slot*step).Add(-within), Totals: all[i].totals(q.Wearer)}
	}
	return slots, nil
}

type wearerRow struct {
	wearer string
	totalsRow
}

// Totals sums the rollups of an organisation's wearers, by wearer.
func (s *Store) Totals(ctx context.Context, q series.Query) ([]series.Totals, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("sum rollups: %w", errNoName)
	}
	from, to := millis(q.From), millis(q.To)
	first, last := wholeMinutes(from, to)
	if first > last {
		return nil, nil
	}
	all, err := s.totals(ctx, q.Org, first, last)
	if err != nil {
		return nil, wrap("sum rollups", err)
	}
	totals := make([]series.Totals, 0, len(all))
	for _, name := range slices.SortedFunc(maps.Keys(all), strings.Compare) {
		wearer, err := schemas.ParseID(name)
		if err != nil {
			return nil, wrap("sum rollups", err)
		}
		totals = append(totals, all[name].totals(wearer))
	}
	return totals, nil
}

// totals sums the minutes from first to last, both included, for each wearer.
func (s *Store) totals(ctx context.Context, org schemas.ID, first, last int64) (map[string]*totalsRow, error) {
	all := map[string]*totalsRow{}
	s.view.RLock()
	defer s.view.RUnlock()
	err := s.files(ctx, series.Rollups, first/dayMinutes, last/dayMinutes, func(f *file) error {
		rows, err := query(ctx, s, f, func(r *wearerRow) []any { return append([]any{&r.wearer}, r.fields()...) }, sqlTotals, org.String(), first, last)
		for i := range rows {
			if sum := all[rows[i].wearer]; sum != nil {
				sum.add(&rows[i].totalsRow)
			} else {
				all[rows[i].wearer] = &rows[i].totalsRow
			}
		}
		return err
	})
	return all, err
}
