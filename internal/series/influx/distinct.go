package influx

import (
	"context"
	"slices"
	"time"

	"sitwell/internal/series"
)

// The server may answer a point twice: while its cache has points of the time of a block in its files, as after it was
// killed, it begins the block again where it had been in the middle of it, for each field by itself. So times go back
// within a series, and its own counts, sums and windows take what comes again as new. What is no later than what was
// there of a series came before.

// colTable numbers the series of an answer, which come one after the other.
const colTable = "table"

// rising tells what comes of a series for the first time from what comes again.
type rising struct {
	table string
	last  int64
	some  bool
}

// next reports whether a row of a series is later, by whole units, than all before it. began says that it is the first
// of its series.
func (in *rising) next(r *row, unit int64) (later, began bool) {
	t := floor(r.time(colTime), unit)
	if began = !in.some || r.text(colTable) != in.table; began {
		in.table, in.some = r.text(colTable), true
	}
	if later = began || t > in.last; later {
		in.last = t
	}
	return later, began
}

// distinct counts points of a bucket by their times in their series, rounded down to whole units, of which an hour has a
// whole number. It reads the times of some 100,000 at once and keeps none.
func (s *Store) distinct(ctx context.Context, b bucket, unit int64, all ...cond) (n int64, err error) {
	hours, p := map[int64]int64{}, plan{}
	f := s.allTime(new(flux), b, all...).windows(time.Hour, 0, countOf).keep(colTime, colValue)
	if err := s.query(ctx, f, func(r *row) error {
		hours[floor(r.time(colTime), nanosInHour)] += r.int(colValue)
		return nil
	}); err != nil {
		return 0, err
	}
	p.divide(hours, span{minNanos, maxNanos})
	for _, part := range p.spans {
		var in rising
		f := new(flux).from(s.bucket(b), part.from, part.to, all...).
			keep(colTime, colMeasurement, colField, tagOrg, tagWearer, tagDevice, tagRule, tagAction, tagGroup, tagWindow)
		if err := s.query(ctx, f, func(r *row) error {
			if later, _ := in.next(r, unit); later {
				n++
			}
			return nil
		}); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// fewWearers are told one by one in a query.
const fewWearers = 50

// lastSums adds up the last point of each minute of some of the wearers, here and row by row, and counts the minutes.
func (s *Store) lastSums(ctx context.Context, of span, whose cond, wearers []string) (map[string]*series.Totals, error) {
	if len(wearers) <= fewWearers {
		whose = both(whose, eachOf(wearers, func(name string) cond { return tagIsText(tagWearer, name) }))
	}
	sums := map[string]*series.Totals{}
	var add adding
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, fields(summed()...)).
		keep(colTime, colValue, colField, tagWearer)
	if err := s.query(ctx, f, func(r *row) error { return add.take(r, sums) }); err != nil {
		return nil, err
	}
	return sums, add.end()
}

// adding is a field of a wearer while its points come.
type adding struct {
	in     rising
	into   *series.Totals
	field  string
	sum    int64
	value  int64 // of the last point
	minute int64 // that it is of
	n      int
}

func (a *adding) take(r *row, sums map[string]*series.Totals) error {
	later, began := a.in.next(r, 1)
	if !later {
		return nil
	}
	t := r.time(colTime)
	if began {
		if err := a.end(); err != nil {
			return err
		}
		wearer := r.text(tagWearer)
		if sums[wearer] == nil {
			sums[wearer] = &series.Totals{}
		}
		*a = adding{in: a.in, into: sums[wearer], field: r.text(colField)}
	}
	if began || minuteOf(t) != a.minute {
		a.sum += a.value
		a.minute = minuteOf(t)
		a.n++
	}
	a.value = r.int(colValue)
	return nil
}

// end is for when all points of a field were there.
func (a *adding) end() error {
	if a.into == nil {
		return nil
	}
	if a.field == fieldSitting {
		a.into.Minutes = a.n
	}
	return addTo(a.into, a.field, a.sum+a.value)
}

// got says which of a point's fields have come. The first counts: what comes again may be what was overwritten.
type got uint32

// first reports whether a field is one of these, and comes for the first time.
func (g *got) first(names []string, name string) bool {
	i := slices.Index(names, name)
	if i < 0 || *g&(1<<i) != 0 {
		return false
	}
	*g |= 1 << i
	return true
}

// all reports whether each of these has come.
func (g got) all(names []string) bool { return g == 1<<len(names)-1 }
