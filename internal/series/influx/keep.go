package influx

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const nanosInDay = 24 * nanosInHour

// Wearers asks for the first and the last point of everything that is a wearer's.
func (s *Store) Wearers(ctx context.Context, each func(series.Extent) error) error {
	extents := map[wearerName]*series.Extent{}
	f := new(flux)
	for _, b := range personal() {
		s.allTime(f, b, b.points()).first().keep(colTime, tagOrg, tagWearer).group().yield(string(b) + "-first")
		s.allTime(f, b, b.points()).last().keep(colTime, tagOrg, tagWearer).group().yield(string(b) + "-last")
	}
	if err := s.query(ctx, f, func(r *row) error { return extend(extents, r) }); err != nil {
		return wrap("read wearers", err)
	}
	all := make([]series.Extent, 0, len(extents))
	for _, e := range extents {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(x, y series.Extent) int {
		if x.Org != y.Org {
			return x.Org.Compare(y.Org)
		}
		return x.Wearer.Compare(y.Wearer)
	})
	for _, e := range all {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// points is the condition of one field of each point of a bucket, but of late marks.
func (b bucket) points() cond {
	switch b {
	case bucketRaw:
		return places()
	case bucketRollups:
		return both(measurement(measMinutes), field(fieldSitting))
	case bucketEvents:
		return either(both(measurement(measFindings), field(fieldTold)), both(measurement(measDecisions), field(fieldLog)))
	case bucketOffice:
		return both(measurement(measAggregates), field(fieldMade))
	case bucketState:
	}
	return both()
}

func (s *Store) allTime(f *flux, b bucket, all ...cond) *flux {
	return f.from(s.bucket(b), minNanos, maxNanos, all...)
}

// extend makes a wearer's extent one that has a point, too.
func extend(extents map[wearerName]*series.Extent, r *row) error {
	org, err := schemas.ParseID(r.text(tagOrg))
	if err != nil {
		return err
	}
	wearer, err := schemas.ParseID(r.text(tagWearer))
	if err != nil {
		return err
	}
	day := time.Unix(0, floor(r.time(colTime), nanosInDay)).UTC()
	next := day.Add(24 * time.Hour)
	e := extents[wearerName{org, wearer}]
	if e == nil {
		e = &series.Extent{Org: org, Wearer: wearer, From: day, To: next}
		extents[wearerName{org, wearer}] = e
	}
	if day.Before(e.From) {
		e.From = day
	}
	if next.After(e.To) {
		e.To = next
	}
	return nil
}

// Retain removes points by their time, whosoever's: the server lets go of whole files where a
// bucket has a retention, and this removes what is left of the days that are over. A bucket that
// was left its longer retention at Open keeps its points until the server removes them.
func (s *Store) Retain(ctx context.Context, r series.Retention, now time.Time) error {
	if err := r.Validate(); err != nil {
		return err
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	if !s.longer[bucketRaw] {
		if err := s.keepMarks(ctx, r.Cut(series.Raw, now)); err != nil {
			return wrap("apply retention: keep late marks", err)
		}
	}
	for _, c := range series.Classes() {
		if s.longer[bucket(c)] {
			continue // Options.Shorten was not said
		}
		if err := s.clear(ctx, bucket(c), span{minNanos, r.Cut(c, now).UnixNano()}, cond{}, ""); err != nil {
			return fmt.Errorf("apply retention of %s: %w", c, err)
		}
	}
	return nil
}

// keepMarks moves the marks that lie before a day, and are of later readings, too, to its
// start.
func (s *Store) keepMarks(ctx context.Context, cut time.Time) error {
	p := newPoints()
	f := new(flux).from(s.bucket(bucketRaw), minNanos, cut.UnixNano(), measurement(measLate)).pivot()
	if err := s.query(ctx, f, func(r *row) error {
		l, ok, err := lateOf(r)
		if ok && l.To >= cut.UnixMilli()-repeatsMillis {
			l.From, l.To = cut.UnixMilli(), max(l.To, cut.UnixMilli())
			p.late(&l)
		}
		return err
	}); err != nil || p.len() == 0 {
		return err
	}
	return s.write(ctx, bucketRaw, p.bytes())
}

// removedAtOnce is how long a range one request removes: the server takes a tenth of a
// second and more for each file that has something of it.
const removedAtOnce = 30 * nanosInDay

// clear removes the points of a range for which a condition and a predicate hold that say the
// same, as far as there are any. It is for whoever holds writes, and perhaps replaced.
func (s *Store) clear(ctx context.Context, b bucket, of span, whose cond, predicate string) error {
	if of.from >= of.to {
		return nil
	}
	has := b.points()
	if b == bucketRaw {
		has = either(has, both(measurement(measLate), field(fieldTo)))
	}
	f, some := new(flux), span{maxNanos, 0}
	f.from(s.bucket(b), of.from, of.to, has, whose).first().keep(colTime).group().yield("first")
	f.from(s.bucket(b), of.from, of.to, has, whose).last().keep(colTime).group().yield("last")
	if err := s.rows(ctx, f, func(r *row) error {
		t := r.time(colTime)
		some = span{min(some.from, t), max(some.to, t+1)}
		return nil
	}); err != nil {
		return err
	}
	for some.to-some.from > removedAtOnce {
		if err := s.remove(ctx, b, span{some.from, some.from + removedAtOnce}, predicate); err != nil {
			return err
		}
		some.from += removedAtOnce
	}
	return s.remove(ctx, b, some, predicate)
}

// remove deletes the points of a range for which a predicate holds, all for none.
func (s *Store) remove(ctx context.Context, b bucket, of span, predicate string) error {
	if of.from >= of.to {
		return nil
	}
	in := struct {
		Start     string `json:"start"`
		Stop      string `json:"stop"`
		Predicate string `json:"predicate,omitempty"`
	}{timeOf(of.from), timeOf(of.to - 1), predicate} // the server removes what lies at stop, too
	err := s.ask(ctx, http.MethodPost, "delete", url.Values{"org": {s.o.Org}, "bucket": {s.bucket(b)}}, in, nil)
	if err != nil {
		return fmt.Errorf("remove from bucket %s: %w", s.bucket(b), err)
	}
	return nil
}
