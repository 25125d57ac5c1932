package sqlite

import (
	"context"
	"fmt"
	"math"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// storeRollup writes a wearer's minute; update says what becomes of an earlier one of
// the same minute: sqlGrowRollup for what the log brings, sqlSetRollup for a rebuild.
// Seconds are kept to 1 ms, flexion to 0.001 degree and the load to 0.001: what is
// a whole number of them, as all sums of readings' times are, comes back bit by bit.
func (a *appending) storeRollup(ctx context.Context, r *schemas.Rollup, update string) error {
	wearer, err := a.wearer(ctx, r.Org, r.Wearer)
	if err != nil {
		return err
	}
	if r.Minute < 0 || r.Minute > maxMinute {
		return fmt.Errorf("minute %d of %s/%s is out of range", r.Minute, r.Org, r.Wearer)
	}
	return a.put(ctx, sqlAddRollup, update, countRollups, rowKey(wearer, r.Minute),
		thousandths(r.Sitting), thousandths(r.Standing), thousandths(r.Moving), thousandths(r.NotWorn),
		thousandths(r.Upright), thousandths(r.Slouched), thousandths(r.Flexion), r.Breaks,
		thousandths(r.FlexionP95), thousandths(r.LeanLeft), thousandths(r.LeanRight), thousandths(r.Bent),
		thousandths(r.LoadPeak), r.Shifts, thousandths(r.Bout))
}

// thousandths is v as an integer, so that sums of a year of them stay one: what is
// no number counts as none, and what is over 24 days or 2 million degrees as that.
func thousandths(v float32) int64 {
	if math.IsNaN(float64(v)) {
		return 0
	}
	return int64(min(max(math.Round(float64(v)*1000), -math.MaxInt32), math.MaxInt32))
}

func fromThousandths(n int64) float32 { return float32(float64(n) / 1000) }

type rollupRow struct {
	key, sitting, standing, moving, notWorn, upright, slouched, flexion int64
	flexionP95, leanLeft, leanRight, bent, loadPeak, bout               int64
	breaks, shifts                                                      int
}

// Rollups reads a wearer's minutes.
func (s *Store) Rollups(ctx context.Context, q series.Query) ([]schemas.Rollup, error) {
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return nil, wrap("read rollups", err)
	}
	first, last := sc.minuteRange()
	stored, err := s.rollupRows(ctx, first, last)
	if err != nil {
		return nil, wrap("read rollups", err)
	}
	rollups := make([]schemas.Rollup, len(stored))
	for i, r := range stored {
		rollups[i] = schemas.Rollup{
			Org: q.Org, Wearer: q.Wearer, Minute: r.key & maxMinute,
			Sitting: fromThousandths(r.sitting), Standing: fromThousandths(r.standing),
			Moving: fromThousandths(r.moving), NotWorn: fromThousandths(r.notWorn),
			Upright: fromThousandths(r.upright), Slouched: fromThousandths(r.slouched),
			Flexion: fromThousandths(r.flexion), Breaks: r.breaks,
			FlexionP95: fromThousandths(r.flexionP95), LeanLeft: fromThousandths(r.leanLeft), LeanRight: fromThousandths(r.leanRight),
			Bent: fromThousandths(r.bent), LoadPeak: fromThousandths(r.loadPeak), Shifts: r.shifts, Bout: fromThousandths(r.bout),
		}
	}
	return rollups, nil
}

func (s *Store) rollupRows(ctx context.Context, first, last int64) ([]rollupRow, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout FROM rollups WHERE id BETWEEN ? AND ? ORDER BY id`, first, last)
	return collect(rows, err, func(r *rollupRow) []any {
		return []any{
			&r.key, &r.sitting, &r.standing, &r.moving, &r.notWorn, &r.upright, &r.slouched, &r.flexion, &r.breaks,
			&r.flexionP95, &r.leanLeft, &r.leanRight, &r.bent, &r.loadPeak, &r.shifts, &r.bout,
		}
	})
}

// sqlTotals sums in integers: the outer loop is over an organisation's
// wearers, the inner one a range of each one's minutes.
const sqlTotals = `SELECT w.wearer, count(*), sum(sitting), sum(standing), sum(moving), sum(not_worn), sum(upright),
	sum(slouched), sum(flexion * (upright + slouched)), sum(breaks)
	FROM wearers w CROSS JOIN rollups r ON r.id BETWEEN (w.id << 28) + ?2 AND (w.id << 28) + ?3
	WHERE w.org = ?1 GROUP BY w.org, w.wearer`

type totalsRow struct {
	minutes, breaks                                                       int
	sitting, standing, moving, notWorn, upright, slouched, flexionSeconds float64
}

// Totals sums the rollups of an organisation's wearers, by wearer.
func (s *Store) Totals(ctx context.Context, q series.Query) ([]series.Totals, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("sum rollups: %w", errNoName)
	}
	first, last := wholeMinutes(millis(q.From), millis(q.To))
	if first > last {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, sqlTotals, q.Org.String(), first, last)
	type wearerTotals struct {
		wearer string
		totalsRow
	}
	sums, err := collect(rows, err, func(r *wearerTotals) []any { return append([]any{&r.wearer}, r.sums()...) })
	if err != nil {
		return nil, wrap("sum rollups", err)
	}
	totals := make([]series.Totals, len(sums))
	for i := range sums {
		wearer, err := schemas.ParseID(sums[i].wearer)
		if err != nil {
			return nil, wrap("sum rollups", err)
		}
		totals[i] = sums[i].totals(wearer)
	}
	return totals, nil
}

// sums are where the columns of a query of sums go.
func (r *totalsRow) sums() []any {
	return []any{&r.minutes, &r.sitting, &r.standing, &r.moving, &r.notWorn, &r.upright, &r.slouched, &r.flexionSeconds, &r.breaks}
}

func (r *totalsRow) totals(wearer schemas.ID) series.Totals {
	return series.Totals{
		Wearer: wearer, Minutes: r.minutes, Breaks: r.breaks,
		Sitting: r.sitting / 1e3, Standing: r.standing / 1e3, Moving: r.moving / 1e3, NotWorn: r.notWorn / 1e3,
		Upright: r.upright / 1e3, Slouched: r.slouched / 1e3, FlexionSum: r.flexionSeconds / 1e6,
	}
}
