package influx

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// run is a device since it was switched on.
type run struct {
	device schemas.ID
	boot   uint32
}

// mark is a span of sequence numbers of a run, both ends included, and of the
// milliseconds in which they lie.
type mark struct {
	first, last uint64
	from, to    int64
	reach       uint64 // the greatest last of this one and those before it
}

// lateMarks are the marks of some devices, of each run by first.
type lateMarks map[run][]mark

// longMillis is how long marks mostly are at most: those that begin earlier than that
// before a range are asked for where there is one that reaches into it.
const longMillis = 24 * 60 * millisInMin

// marks asks for the marks that may cover something of a range, whoever they are of, and for where the earlier
// ones lie that reach into it.
func (s *Store) marks(f *flux, sc scope, devices []schemas.ID) {
	early := max(sc.from-longMillis, 0)
	s.marksOf(f, sc, devices, early, sc.to+repeatsMillis).pivot().yield(partLate)
	s.marksOf(f, sc, devices, 0, early, field(fieldTo), valueAbove(sc.from-repeatsMillis-1)).keep(colTime).yield(partEarly)
}

func (s *Store) marksOf(f *flux, sc scope, devices []schemas.ID, from, to int64, and ...cond) *flux {
	return f.from(s.bucket(bucketRaw), at(from, 0), at(max(to, from+1), 0), measurement(measLate), tagIs(tagOrg, sc.org), tagIsOneOf(tagDevice, devices), both(and...))
}

// early reads the marks from a time on that marks leaves out.
func (l lateMarks) early(ctx context.Context, s *Store, sc scope, devices []schemas.ID, from int64) error {
	f := s.marksOf(new(flux), sc, devices, from, sc.from-longMillis).pivot()
	return s.query(ctx, f, func(r *row) error { return l.take(r, sc) })
}

// take takes a mark that may cover something of a range.
func (l lateMarks) take(r *row, sc scope) error {
	m, ok, err := lateOf(r)
	if ok && m.To >= sc.from-repeatsMillis {
		run := run{m.Device, m.Boot}
		l[run] = append(l[run], mark{first: m.First, last: m.Last, from: m.From, to: m.To})
	}
	return err
}

// sort makes them ready for cover.
func (l lateMarks) sort() {
	for _, all := range l {
		slices.SortFunc(all, func(x, y mark) int { return cmp.Compare(x.first, y.first) })
		for i, reach := 0, uint64(0); i < len(all); i++ {
			reach = max(reach, all[i].last)
			all[i].reach = reach
		}
	}
}

// lateOf is the mark of a point; ok is false where it is not all there yet.
//
//nolint:gosec // each number was written from the type it is read into
func lateOf(r *row) (l schemas.Late, ok bool, err error) {
	if !r.has(fieldBoot, fieldFirst, fieldLast, fieldTo) {
		return l, false, nil
	}
	l = schemas.Late{Boot: uint32(r.int(fieldBoot)), First: uint64(r.int(fieldFirst)), Last: uint64(r.int(fieldLast)), To: r.int(fieldTo)}
	l.From, _ = split(r.time(colTime))
	for into, tag := range map[*schemas.ID]string{&l.Org: tagOrg, &l.Wearer: tagWearer, &l.Device: tagDevice} {
		if *into, err = schemas.ParseID(r.text(tag)); err != nil {
			return l, false, err
		}
	}
	return l, true, nil
}

// cover reports whether a mark covers a reading: its number, and its time as far off as
// that of one may be that came again.
func (l lateMarks) cover(r *series.Reading) bool {
	all := l[run{r.Device, r.Boot}]
	for i := sort.Search(len(all), func(i int) bool { return all[i].first > r.Seq }) - 1; i >= 0 && all[i].reach >= r.Seq; i-- {
		m := &all[i]
		if m.last >= r.Seq && m.from-repeatsMillis <= r.Time && r.Time <= m.to+repeatsMillis {
			return true
		}
	}
	return false
}
