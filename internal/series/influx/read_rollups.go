package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// minutesAtOnce is how long a range of minutes a query holds in memory as points.
const minutesAtOnce = 31 * 24 * time.Hour

// minuteFields are what each point of a minute has.
func minuteFields() []string {
	return []string{
		fieldSitting, fieldStanding, fieldMoving, fieldNotWorn, fieldUpright, fieldSlouched, fieldFlexion, fieldFlexionSum, fieldBreaks,
		fieldFlexionP95, fieldLeanLeft, fieldLeanRight, fieldBent, fieldLoadPeak, fieldShifts, fieldBout,
	}
}

// Rollups reads a month at a time. Of the points of a minute the last counts, which covers
// most; one that is being written, and has not all fields yet, does not.
func (s *Store) Rollups(ctx context.Context, q series.Query) ([]schemas.Rollup, error) {
	sc, some, err := scopeOf(q)
	if err != nil || !some {
		return nil, wrap("read rollups", err)
	}
	rollups, err := s.rollups(ctx, sc)
	return rollups, wrap("read rollups", err)
}

func (s *Store) rollups(ctx context.Context, sc scope) ([]schemas.Rollup, error) {
	from, to := sc.minutes()
	held, err := s.held(ctx, bucketRollups, span{from, to}, minutesAtOnce, measurement(measMinutes), field(fieldSitting), sc.whose())
	if err != nil {
		return nil, err
	}
	var rollups []schemas.Rollup
	for _, part := range held {
		all, err := s.rollupsOf(ctx, sc, part)
		if err != nil {
			return nil, err
		}
		rollups = append(rollups, all...)
	}
	return rollups, nil
}

// held is a range in parts of a length, as far as it has points: ten years of nothing cost nothing.
func (s *Store) held(ctx context.Context, b bucket, within span, length time.Duration, all ...cond) (parts []span, err error) {
	if within.from >= within.to {
		return nil, nil
	}
	if within.to-within.from <= int64(length) {
		return []span{within}, nil
	}
	f := new(flux).from(s.bucket(b), within.from, within.to, all...).windows(length, 0, countOf).keep(colTime)
	err = s.query(ctx, f, func(r *row) error {
		start := floor(r.time(colTime), int64(length))
		parts = append(parts, span{max(start, within.from), min(start+int64(length), within.to)})
		return nil
	})
	slices.SortFunc(parts, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	return slices.Compact(parts), err
}

// versions are the points of a wearer's minutes.
type versions map[int64]*version

// version is a point, as far as it has been read.
type version struct {
	values [16]int64
	got    got
}

func (s *Store) rollupsOf(ctx context.Context, sc scope, of span) ([]schemas.Rollup, error) {
	names, all := minuteFields(), versions{}
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), sc.whose(), fields(names...)).
		keep(colTime, colValue, colField)
	err := s.query(ctx, f, func(r *row) error {
		t := r.time(colTime)
		v := all[t]
		if v == nil {
			v = &version{}
			all[t] = v
		}
		if name := r.text(colField); v.got.first(names, name) {
			v.values[slices.Index(names, name)] = r.int(colValue)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	times := make([]int64, 0, len(all))
	for t, v := range all {
		if v.got.all(names) {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	var rollups []schemas.Rollup
	for i, t := range times {
		if i+1 < len(times) && minuteOf(times[i+1]) == minuteOf(t) {
			continue
		}
		v := all[t]
		rollups = append(rollups, minuteFrom(sc.org, sc.wearer, t, func(name string) int64 { return v.values[slices.Index(names, name)] }))
	}
	return rollups, nil
}

// summed are the fields that Totals are the sums of.
func summed() []string {
	return []string{
		fieldSitting, fieldStanding, fieldMoving, fieldNotWorn, fieldUpright, fieldSlouched, fieldFlexionSum, fieldBreaks,
	}
}

// addTo adds the sum of a field to totals.
func addTo(t *series.Totals, name string, sum int64) error {
	v := float64(sum)
	switch name {
	case fieldSitting:
		t.Sitting += v / 1e3
	case fieldStanding:
		t.Standing += v / 1e3
	case fieldMoving:
		t.Moving += v / 1e3
	case fieldNotWorn:
		t.NotWorn += v / 1e3
	case fieldUpright:
		t.Upright += v / 1e3
	case fieldSlouched:
		t.Slouched += v / 1e3
	case fieldFlexionSum:
		t.FlexionSum += v / 1e6
	case fieldBreaks:
		t.Breaks += int(sum)
	default:
		return fmt.Errorf("sum of an unknown field %q", clip(name))
	}
	return nil
}
