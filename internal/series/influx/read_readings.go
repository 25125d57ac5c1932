package influx

import (
	"cmp"
	"context"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Readings reads about pointsAtOnce at a time. Of readings of one (device, boot, seq) that
// came with several times, the earliest counts: a reading is passed over if there
// is one of its name in the time series.Repeats before it, whoever had the device on then.
// That depends on no more than is stored, so that a range has the same readings in whatever parts it is asked for.
func (s *Store) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	sc, some, err := scopeOf(q)
	if err != nil || !some {
		return wrap("read readings", err)
	}
	p, err := s.plan(ctx, sc)
	if err != nil || len(p.spans) == 0 {
		return wrap("read readings", err)
	}
	m := merging{scope: sc, marks: lateMarks{}, seen: map[placeName]int64{}}
	for i, span := range p.spans {
		var marks lateMarks
		if i == 0 {
			span.from -= at(repeatsMillis, 0)
			marks = m.marks
		}
		devices, err := s.points(ctx, sc, &p, span, marks)
		if err == nil {
			marks.sort()
			err = m.merge(p.devices, devices)
		}
		if err != nil {
			return wrap("read readings", err)
		}
		for j := range m.readings {
			if err := each(m.readings[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// placeName is what names a reading of an organisation.
type placeName struct {
	device schemas.ID
	boot   uint32
	seq    uint64
}

// merging makes readings of points, a span after the other.
type merging struct {
	scope    scope
	marks    lateMarks
	seen     map[placeName]int64 // the last time, in milliseconds, of what may come again
	readings []series.Reading
}

// source is a column of times, in their order.
type source struct {
	wearer string
	nanos  []int64
	kind   sourceKind
	of     columns
}

type sourceKind int

const (
	ownReadings sourceKind = iota
	ownEvents
	othersPlaces
)

// merge fills readings with those of a span, in order.
func (m *merging) merge(devices []schemas.ID, points map[string]*worn) error {
	m.readings = m.readings[:0]
	newest := int64(minMillis)
	for _, device := range devices {
		w := points[device.String()]
		if w == nil {
			continue
		}
		last, err := m.mergeDevice(device, w)
		if err != nil {
			return err
		}
		newest = max(newest, last)
	}
	m.forget(newest)
	slices.SortFunc(m.readings, func(x, y series.Reading) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Seq, y.Seq), x.Device.Compare(y.Device), cmp.Compare(x.Boot, y.Boot))
	})
	return nil
}

// mergeDevice takes the points of a device by their times, and is the last of these.
func (m *merging) mergeDevice(device schemas.ID, w *worn) (newest int64, err error) {
	sources := w.sources(m.scope.wearer.String())
	newest = minMillis
	for {
		src := earliest(sources)
		if src == nil {
			return newest, nil
		}
		nanos := src.nanos[0]
		src.nanos = src.nanos[1:]
		r := series.Reading{Device: device}
		ok := true
		switch src.kind {
		case ownReadings:
			r.Boot, r.Item, ok = w.reading(nanos)
		case ownEvents:
			if r.Boot, r.Item, ok, err = w.event(nanos); err != nil {
				return newest, err
			}
		case othersPlaces:
			r.Boot, r.Item = src.of.place(nanos)
		}
		if !ok {
			continue
		}
		newest = r.Time
		if !m.again(&r) && src.kind != othersPlaces && m.scope.from <= r.Time {
			r.Late = m.marks.cover(&r)
			m.readings = append(m.readings, r)
		}
	}
}

// again reports whether there was one of the reading's name in the time before it.
func (m *merging) again(r *series.Reading) bool {
	n := placeName{r.Device, r.Boot, r.Seq}
	t, ok := m.seen[n]
	m.seen[n] = r.Time
	return ok && r.Time-t <= repeatsMillis
}

// forget lets go of what is too long ago to come again at a time or later.
func (m *merging) forget(now int64) {
	for n, t := range m.seen {
		if t < now-repeatsMillis {
			delete(m.seen, n)
		}
	}
}

// sources are what a device's points come from, at the same time the first counts.
func (w *worn) sources(wearer string) []*source {
	all := []*source{
		{wearer: wearer, nanos: w.readings.times(), kind: ownReadings},
		{wearer: wearer, nanos: w.events.times(), kind: ownEvents},
	}
	for whose, of := range w.others {
		all = append(all, &source{wearer: whose, nanos: of.times(), kind: othersPlaces, of: of})
	}
	slices.SortStableFunc(all, func(x, y *source) int { return cmp.Compare(x.wearer, y.wearer) })
	return all
}

// earliest is the source with the earliest time left, nil for none.
func earliest(all []*source) (first *source) {
	for _, s := range all {
		if len(s.nanos) > 0 && (first == nil || s.nanos[0] < first.nanos[0]) {
			first = s
		}
	}
	return first
}

// place is where somebody else's reading lies: its name and time alone.
func (c columns) place(nanos int64) (boot uint32, item schemas.Item) {
	whole := true
	field := c.ints(nanos, &whole)
	boot = uint32(field(fieldRun) >> 16) //nolint:gosec // written from it
	item.Time, item.Seq = placeOf(nanos, boot, field(fieldSeqHigh))
	return boot, item
}
