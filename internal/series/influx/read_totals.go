package influx

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Totals are summed by the server: 5,000 wearers' day is 2.4 M minutes of eight numbers. Most minutes have one point, and
// then their sums are those of the points, which its storage adds up. Where a minute has several, of which the last
// counts, it takes the last of each minute first, which takes three times as long.
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
	sums, err := s.sums(ctx, of, whose, false)
	if err != nil || len(sums) == 0 {
		return nil, err
	}
	// After the sums: what comes in between makes them be taken again, and not count twice.
	minutes, err := s.minuteCounts(ctx, of, whose, true)
	if err != nil {
		return nil, err
	}
	points, err := s.minuteCounts(ctx, of, whose, false)
	if err != nil {
		return nil, err
	}
	for wearer, n := range points {
		if n != minutes[wearer] {
			if sums, err = s.sums(ctx, of, whose, true); err != nil {
				return nil, err
			}
			break
		}
	}
	all := make([]series.Totals, 0, len(sums))
	for wearer, t := range sums {
		if t.Wearer, err = schemas.ParseID(wearer); err != nil {
			return nil, err
		}
		t.Minutes = int(minutes[wearer])
		all = append(all, *t)
	}
	slices.SortFunc(all, func(x, y series.Totals) int { return x.Wearer.Compare(y.Wearer) })
	return all, nil
}

// sums adds up each wearer's points, or the last of each minute.
func (s *Store) sums(ctx context.Context, of span, whose cond, lasts bool) (map[string]*series.Totals, error) {
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, fields(summed()...))
	if lasts {
		f.windows(time.Minute, 0, lastOf)
	}
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

// minuteCounts counts each wearer's points, or minutes.
func (s *Store) minuteCounts(ctx context.Context, of span, whose cond, minutes bool) (map[string]int64, error) {
	f := new(flux).from(s.bucket(bucketRollups), of.from, of.to, measurement(measMinutes), whose, field(fieldSitting))
	if minutes {
		f.windows(time.Minute, 0, lastOf)
	}
	f.count().keep(colValue, tagWearer).group()
	counts := map[string]int64{}
	err := s.query(ctx, f, func(r *row) error {
		counts[r.text(tagWearer)] = r.int(colValue)
		return nil
	})
	return counts, err
}
