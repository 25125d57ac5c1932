package sqlite

import (
	"context"
	"fmt"
	"math"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlAddRollup = `INSERT INTO rollups (id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING`
	sqlSetRollup = `UPDATE rollups SET sitting = ?2, standing = ?3, moving = ?4, not_worn = ?5, upright = ?6, slouched = ?7,
		flexion = ?8, breaks = ?9, flexion_p95 = ?10, lean_left = ?11, lean_right = ?12, bent = ?13, load_peak = ?14,
		shifts = ?15, bout = ?16 WHERE id = ?1`
	// sqlGrowRollup leaves a minute alone that covers more time than what would replace it:
	// of what the wearer did, and where that is the same, of judged posture.
	sqlGrowRollup = sqlSetRollup + ` AND (sitting + standing + moving + not_worn, upright + slouched) <=
		(?2 + ?3 + ?4 + ?5, ?6 + ?7)`
	sqlDropRollups = `DELETE FROM rollups WHERE id BETWEEN ?1 AND ?2`
	sqlRollups     = `SELECT id, sitting, standing, moving, not_worn, upright, slouched, flexion, breaks,
		flexion_p95, lean_left, lean_right, bent, load_peak, shifts, bout FROM rollups WHERE id BETWEEN ?1 AND ?2 ORDER BY id`
)

func checkRollup(r *schemas.Rollup) error {
	if r.Minute < 0 || r.Minute > maxMinute {
		return fmt.Errorf("minute %d of %s/%s is out of range", r.Minute, r.Org, r.Wearer)
	}
	return checkWearer(r.Org, r.Wearer)
}

// storeRollup writes a wearer's minute; update says what becomes of an earlier one of
// the same minute: sqlGrowRollup for what the log brings, sqlSetRollup for a rebuild.
// Seconds are kept to 1 ms, flexion to 0.001 degree and the load to 0.001: what is
// a whole number of them, as all sums of readings' times are, comes back bit by bit.
func (tx *fileTx) storeRollup(ctx context.Context, r *schemas.Rollup, update string) error {
	wearer, err := tx.wearer(ctx, r.Org, r.Wearer)
	if err != nil {
		return err
	}
	return tx.put(ctx, sqlAddRollup, update, countRollups, rowKey(wearer, r.Minute),
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

func (r *rollupRow) fields() []any {
	return []any{
		&r.key, &r.sitting, &r.standing, &r.moving, &r.notWorn, &r.upright, &r.slouched, &r.flexion, &r.breaks,
		&r.flexionP95, &r.leanLeft, &r.leanRight, &r.bent, &r.loadPeak, &r.shifts, &r.bout,
	}
}

func (r *rollupRow) rollup(q series.Query) schemas.Rollup {
	return schemas.Rollup{
		Org: q.Org, Wearer: q.Wearer, Minute: r.key & maxMinute,
		Sitting: fromThousandths(r.sitting), Standing: fromThousandths(r.standing),
		Moving: fromThousandths(r.moving), NotWorn: fromThousandths(r.notWorn),
		Upright: fromThousandths(r.upright), Slouched: fromThousandths(r.slouched),
		Flexion: fromThousandths(r.flexion), Breaks: r.breaks,
		FlexionP95: fromThousandths(r.flexionP95), LeanLeft: fromThousandths(r.leanLeft), LeanRight: fromThousandths(r.leanRight),
		Bent: fromThousandths(r.bent), LoadPeak: fromThousandths(r.loadPeak), Shifts: r.shifts, Bout: fromThousandths(r.bout),
	}
}

// Rollups reads a wearer's minutes.
func (s *Store) Rollups(ctx context.Context, q series.Query) ([]schemas.Rollup, error) {
	rollups := []schemas.Rollup{}
	err := s.minutesOf(ctx, q, func(f *file, sc scope) error {
		first, last := sc.minuteRange()
		rows, err := query(ctx, s, f, (*rollupRow).fields, sqlRollups, first, last)
		for i := range rows {
			rollups = append(rollups, rows[i].rollup(q))
		}
		return err
	})
	if err != nil {
		return nil, wrap("read rollups", err)
	}
	return rollups, nil
}

// minutesOf calls each for the files with the minutes of a query.
func (s *Store) minutesOf(ctx context.Context, q series.Query, each func(*file, scope) error) error {
	from, to, found, err := spanOf(q)
	if err != nil || !found {
		return err
	}
	s.view.RLock()
	defer s.view.RUnlock()
	return s.scopes(ctx, series.Rollups, q, dayOf(from), dayOf(to-1), each)
}
