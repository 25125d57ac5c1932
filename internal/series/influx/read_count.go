package influx

import (
	"context"
	"strings"

	"sitwell/internal/series"
)

// exactly is up to how many points readings are counted by their names: it takes about a
// second. Above, points are counted, and one that came again with another time is two.
const exactly = 1_000_000

// readings counts readings and events for which conditions hold, too.
func (s *Store) readings(ctx context.Context, whose ...cond) (n int64, err error) {
	f := s.allTime(new(flux), bucketRaw, places(), both(whose...)).count().keep(colValue).group().sum()
	if err := s.query(ctx, f, func(r *row) error { n = r.int(colValue); return nil }); err != nil || n <= 0 {
		return n, err
	}
	if n > exactly {
		return s.distinct(ctx, bucketRaw, 1, places(), both(whose...))
	}
	orgs := map[string]*gathering{}
	f = s.allTime(new(flux), bucketRaw, measurements(measReadings, measEvents), fields(fieldRun, fieldSeqHigh), both(whose...)).
		keep(colTime, colValue, colField, tagDevice, tagWearer, tagOrg, colMeasurement).yield(partOthers)
	if err := s.query(ctx, f, func(r *row) error {
		g := orgs[r.text(tagOrg)]
		if g == nil {
			g = &gathering{devices: map[string]*worn{}}
			orgs[strings.Clone(r.text(tagOrg))] = g
		}
		return g.take(r)
	}); err != nil {
		return 0, err
	}
	n = 0
	for _, g := range orgs {
		for _, w := range g.devices {
			n += w.names()
		}
	}
	return n, nil
}

// names counts what Readings would tell of a device, whoever asks.
func (w *worn) names() (n int64) {
	sources, m, most := w.sources(""), merging{seen: map[placeName]int64{}}, pointsAtOnce
	for src := earliest(sources); src != nil; src = earliest(sources) {
		var r series.Reading
		r.Boot, r.Item = src.of.place(src.nanos[0])
		src.nanos = src.nanos[1:]
		if !m.again(&r) {
			n++
		}
		if len(m.seen) > most {
			m.forget(r.Time)
			most = max(pointsAtOnce, 2*len(m.seen))
		}
	}
	return n
}
