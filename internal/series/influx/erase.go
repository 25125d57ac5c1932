package influx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// errLeft says that an erasure was not.
var errLeft = errors.New("something is still there after it was removed")

// personal are the buckets that hold what is of wearers.
func personal() []bucket { return []bucket{bucketRaw, bucketRollups, bucketEvents} }

// Erase buries a wearer first, so that nothing comes again, and then removes all points that bear their
// name. The server answers no query about them before a query has shown that it has nothing left. What
// it keeps of removed points in its files goes when it compacts them, within hours.
func (s *Store) Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (done series.Erased, err error) {
	if org.IsZero() || wearer.IsZero() {
		return done, fmt.Errorf("erase %q of %q: %w", wearer, org, errNoName)
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	if err = s.settle(ctx); err == nil {
		done, err = s.erase(ctx, scope{org: org, wearer: wearer}, ceilMillis(before))
	}
	if err != nil {
		return series.Erased{}, fmt.Errorf("erase %s/%s: %w", org, wearer, err)
	}
	return done, nil
}

// ceilMillis is a time in milliseconds, rounded up.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(nanosInMilli) != 0 {
		ms++
	}
	return ms
}

func (s *Store) erase(ctx context.Context, sc scope, before int64) (done series.Erased, err error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	n, err := s.counted(ctx, sc.whose())
	if err != nil {
		return done, err
	}
	if err := s.bury(ctx, sc.org, sc.wearer, before); err != nil {
		return done, err
	}
	s.replaced.Lock()
	defer s.replaced.Unlock()
	s.hints.clear()
	for _, b := range personal() {
		if err := s.clear(ctx, b, span{minNanos, maxNanos}, sc.whose(), sc.predicate("")); err != nil {
			return done, err
		}
	}
	if err := s.gone(ctx, sc); err != nil {
		return done, err
	}
	return series.Erased{Readings: n.Readings, Rollups: n.Rollups, Episodes: n.Episodes, Findings: n.Findings, Decisions: n.Decisions}, nil
}

// gone is an error if there is a point of a wearer in any of the buckets.
func (s *Store) gone(ctx context.Context, sc scope) error {
	f := new(flux)
	for _, b := range personal() {
		s.allTime(f, b, sc.whose()).first().keep(colTime, colMeasurement).yield(string(b))
	}
	return s.rows(ctx, f, func(r *row) error {
		return fmt.Errorf("%s of %v in bucket %s: %w", r.text(colMeasurement), time.Unix(0, r.time(colTime)).UTC(), s.bucket(bucket(r.text(colResult))), errLeft)
	})
}

// predicate names a wearer's points, of one measurement or of all, for a removal.
func (sc scope) predicate(measurement string) string {
	whose := equals(tagOrg, sc.org.String()) + " AND " + equals(tagWearer, sc.wearer.String())
	if measurement != "" {
		whose = equals(colMeasurement, measurement) + " AND " + whose
	}
	return whose
}

// equals is a part of a predicate. The text is an identifier, or a constant.
func equals(tag, text string) string { return tag + `="` + text + `"` }
