package influx

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

// Totals are summed by the server: 5,000 wearers' day is 2.4 M minutes of eight numbers. Most minutes have one point, and
// then their sums are those of the points, which its storage adds up. Where a wearer's minute has several, of which the
// last counts, or the server tells a point of any field twice, that wearer's are read and added up here.
func (s *Store) Totals(ctx context.Context, q series.Query) ([]series.Totals, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("sum rollups: %w", errNoName)
	}
	sc := scope{org: q.Org, from: boundOf(q.From), to: boundOf(q.To)}
	from, to := sc.minutes()
	if from >= to {
		return nil, nil
	}
	totals, err := s.totals(ctx, span{from, to}, tagIs(tagOrg, q.Org))
	return totals, wrap("sum rollups", err)
}

func (s *Store) totals(ctx context.Context, of span, whose cond) ([]series.Totals, error) {
	sums, err := s.sums(ctx, of, whose)
	if err != nil || len(sums) == 0 {
		return nil, err
	}
	// After the sums: what comes in between makes them be taken again, and not count twice.
	minutes, err := s.minuteCounts(ctx, of, whose)
	if err != nil {
		return nil, err
	}
	for wearer, t := range sums {
		t.Minutes = int(minutes[wearer])
	}
	several, err := s.several(ctx, of, whose, minutes)
	if err != nil {
		return nil, err
	}
	if len(several) > 0 {
		added, err := s.lastSums(ctx, of, whose, several)
		if err != nil {
			return nil, err
		}
		maps.Copy(sums, added)
	}
	all := make([]series.Totals, 0, len(sums))
	for wearer, t := range sums {
		if t.Wearer, err = schemas.ParseID(wearer); err != nil {
			return nil, err
		}
		all = append(all, *t)
	}
	slices.SortFunc(all, func(x, y series.Totals) int { return x.Wearer.Compare(y.Wearer) })
	return all, nil
}

// sums adds up each wearer's points.
func (s *Store) sums(ctx context.Context, of span, whose cond) (map[string]*series.Totals, error) {
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, fields(summed()...))
	f.sum().keep(colValue, colField, tagWearer).group()
	sums := map[string]*series.Totals{}
	err := s.query(ctx, f, func(r *row) error {
		t := sums[r.text(tagWearer)]
		if t == nil {
			t = &series.Totals{}
			sums[r.text(tagWearer)] = t
		}
		return addTo(t, r.text(colField), r.int(colValue))
	})
	return sums, err
}

// several are the wearers who have another number of points than of minutes, in any field.
func (s *Store) several(ctx context.Context, of span, whose cond, minutes map[string]int64) (wearers []string, err error) {
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, fields(summed()...)).
		count().keep(colValue, tagWearer).group()
	some := map[string]bool{}
	err = s.query(ctx, f, func(r *row) error {
		if wearer := r.text(tagWearer); r.int(colValue) != minutes[wearer] {
			some[strings.Clone(wearer)] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(some)), err
}

// minuteCounts counts each wearer's minutes. Where the server tells a point twice, its windows are fewer than its points.
func (s *Store) minuteCounts(ctx context.Context, of span, whose cond) (map[string]int64, error) {
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, field(fieldSitting)).
		windows(time.Minute, 0, lastOf)
	f.count().keep(colValue, tagWearer).group()
	counts := map[string]int64{}
	err := s.query(ctx, f, func(r *row) error {
		counts[r.text(tagWearer)] = r.int(colValue)
		return nil
	})
	return counts, err
}
