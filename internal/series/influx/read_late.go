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

// lateMarks reads the marks that may cover something of a range: a mark lies at its first
// time, and may be as long as the range of readings that are kept.
func (s *Store) lateMarks(ctx context.Context, sc scope, devices []schemas.ID) (lateMarks, error) {
	g := gathering{devices: map[string]*worn{}}
	f := new(flux).from(s.bucket(bucketRaw), minNanos, at(sc.to+repeatsMillis, 0),
		measurement(measLate), tagIs(tagOrg, sc.org), tagIsOneOf(tagDevice, devices)).
		keep(colTime, colValue, colField, tagDevice, tagWearer).yield(partOthers)
	if err := s.query(ctx, f, g.take); err != nil {
		return nil, err
	}
	marks := lateMarks{}
	for _, device := range devices {
		w := g.devices[device.String()]
		if w == nil {
			continue
		}
		for _, of := range w.others { // a mark counts, whoever it is of
			marks.add(device, of, sc.from-repeatsMillis)
		}
	}
	for _, all := range marks {
		slices.SortFunc(all, func(x, y mark) int { return cmp.Compare(x.first, y.first) })
		for i, reach := 0, uint64(0); i < len(all); i++ {
			reach = max(reach, all[i].last)
			all[i].reach = reach
		}
	}
	return marks, nil
}

// add takes the marks of a device that do not end before a time, in milliseconds.
func (l lateMarks) add(device schemas.ID, of columns, since int64) {
	times := of[fieldTo]
	if times == nil {
		return
	}
	for _, nanos := range times.nanos {
		whole := true
		field := of.ints(nanos, &whole)
		m := mark{first: uint64(field(fieldFirst)), last: uint64(field(fieldLast)), to: field(fieldTo)} //nolint:gosec // written from them
		m.from, _ = split(nanos)
		r := run{device, uint32(field(fieldBoot))} //nolint:gosec // written from one
		if whole && m.to >= since {
			l[r] = append(l[r], m)
		}
	}
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
