package influx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sitwell/internal/series"
)

// Slots sums a wearer's minutes in the server, step by step. A step in which a minute has
// several points, or the server tells one twice, is added up here, from its rollups.
func (s *Store) Slots(ctx context.Context, q series.Query, length time.Duration) ([]series.Slot, error) {
	if length < time.Minute || length%time.Minute != 0 {
		return nil, fmt.Errorf("sum rollups in steps of %v: a step is whole minutes", length)
	}
	sc, some, err := scopeOf(q)
	if err != nil || !some {
		return nil, wrap("sum rollups", err)
	}
	slots, err := s.slots(ctx, q, sc, length)
	return slots, wrap("sum rollups", err)
}

// steps are ranges of whole minutes of a length, the first from a minute on.
type steps struct{ first, length int64 }

// stepsOf are those that begin at a time. A minute lies in the same one as its start.
func stepsOf(from time.Time, length time.Duration) steps {
	first := floor(from.Unix(), 60) / 60
	if from.Unix()%60 != 0 || from.Nanosecond() != 0 {
		first++
	}
	return steps{first, int64(length / time.Minute)}
}

// number is the step of a point's time.
func (s steps) number(nanos int64) int64 { return floor(minuteOf(nanos)-s.first, s.length) / s.length }

// offset is where the steps begin after 1970, below their length.
func (s steps) offset() time.Duration {
	return time.Duration(s.first-floor(s.first, s.length)) * time.Minute
}

// span is a step within a range.
func (s steps) span(number int64, within span) span {
	from := s.first + number*s.length
	return span{max(from*nanosInMin, within.from), min((from+s.length)*nanosInMin, within.to)}
}

// step is what is known of a slot.
type step struct {
	series.Totals

	minutes int64
	points  []int64 // of each field
}

func (s *Store) slots(ctx context.Context, q series.Query, sc scope, length time.Duration) ([]series.Slot, error) {
	from, to := sc.minutes()
	if from >= to {
		return nil, nil
	}
	by := stepsOf(q.From, length)
	found, err := s.steps(ctx, sc, span{from, to}, by)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, 0, len(found))
	for n := range found {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	slots := make([]series.Slot, 0, len(numbers))
	for _, n := range numbers {
		st := found[n]
		st.Minutes = int(st.minutes)
		if slices.ContainsFunc(st.points, func(n int64) bool { return n != st.minutes }) {
			if st.Totals, err = s.added(ctx, sc, by.span(n, span{from, to})); err != nil {
				return nil, err
			}
		}
		st.Wearer = q.Wearer
		start := time.Unix(q.From.Unix()+n*by.length*60, int64(q.From.Nanosecond())).UTC()
		slots = append(slots, series.Slot{Start: start, Totals: st.Totals})
	}
	return slots, nil
}

const (
	partSums    = "s"
	partPoints  = "p"
	partMinutes = "m"
)

// steps asks for each step's sums, and how many points, of each field, and minutes are in it.
func (s *Store) steps(ctx context.Context, sc scope, of span, by steps) (map[int64]*step, error) {
	b, length, offset := s.bucket(bucketRollups), time.Duration(by.length)*time.Minute, by.offset()
	f := new(flux)
	f.from(b, of.from, of.to, measurement(measMinutes), sc.whose(), fields(summed()...)).
		windows(length, offset, sumOf).keep(colTime, colValue, colField).yield(partSums)
	f.from(b, of.from, of.to, measurement(measMinutes), sc.whose(), fields(summed()...)).
		windows(length, offset, countOf).keep(colTime, colValue).yield(partPoints)
	f.from(b, of.from, of.to, measurement(measMinutes), sc.whose(), field(fieldSitting)).
		windows(time.Minute, 0, lastOf).windows(length, offset, countOf).keep(colTime, colValue).yield(partMinutes)
	found := map[int64]*step{}
	err := s.query(ctx, f, func(r *row) error {
		n := by.number(r.time(colTime))
		st := found[n]
		if st == nil {
			st = &step{}
			found[n] = st
		}
		switch r.text(colResult) {
		case partPoints:
			st.points = append(st.points, r.int(colValue))
		case partMinutes:
			st.minutes += r.int(colValue)
		default:
			return addTo(&st.Totals, r.text(colField), r.int(colValue))
		}
		return nil
	})
	return found, err
}

// added are the totals of a range, minute by minute.
func (s *Store) added(ctx context.Context, sc scope, of span) (t series.Totals, err error) {
	sc.from, _ = split(of.from)
	sc.to, _ = split(of.to)
	rollups, err := s.rollups(ctx, sc)
	sums := map[string]int64{}
	for i := range rollups {
		r := &rollups[i]
		t.Minutes++
		judged := thousandths(r.Upright) + thousandths(r.Slouched)
		sums[fieldSitting] += thousandths(r.Sitting)
		sums[fieldStanding] += thousandths(r.Standing)
		sums[fieldMoving] += thousandths(r.Moving)
		sums[fieldNotWorn] += thousandths(r.NotWorn)
		sums[fieldUpright] += thousandths(r.Upright)
		sums[fieldSlouched] += thousandths(r.Slouched)
		sums[fieldFlexionSum] += thousandths(r.Flexion) * judged
		sums[fieldBreaks] += int64(r.Breaks)
	}
	for name, sum := range sums {
		err = errors.Join(err, addTo(&t, name, sum))
	}
	return t, err
}
