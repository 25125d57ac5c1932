package influx

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
)

// Stats counts what is in the server. Of more than a million readings it counts the points:
// one that came again with another time is two of them, though Readings tells it once.
// What came again with the same time cannot be told, so Duplicates is 0, as is Bytes.
func (s *Store) Stats(ctx context.Context) (series.Stats, error) { return s.counted(ctx) }

// counted counts the points for which conditions hold, too.
func (s *Store) counted(ctx context.Context, whose ...cond) (stats series.Stats, err error) {
	if stats.Readings, err = s.readings(ctx, whose...); err != nil {
		return series.Stats{}, fmt.Errorf("count what is stored: %w", err)
	}
	for _, c := range []struct {
		into *int64
		flux *flux
	}{
		// A minute has a point for each extent of it that was told.
		{&stats.Rollups, s.all(bucketRollups, both(measurement(measMinutes), field(fieldSitting)), both(whose...)).windows(time.Minute, 0, lastOf).count()},
		{&stats.Findings, s.all(bucketEvents, both(measurement(measFindings), field(fieldLevel)), both(whose...)).count()},
		{&stats.Episodes, s.all(bucketEvents, both(measurement(measFindings), field(fieldEpisode)), both(whose...)).group(tagOrg, tagWearer).distinct().count()},
		{&stats.Decisions, s.all(bucketEvents, both(measurement(measDecisions), field(fieldID)), both(whose...)).group(tagOrg, tagWearer).distinct().count()},
		{&stats.Aggregates, s.all(bucketOffice, both(measurement(measAggregates), field(fieldMade)), both(whose...)).count()},
	} {
		if err := s.query(ctx, c.flux.keep(colValue), func(r *row) error { *c.into += r.int(colValue); return nil }); err != nil {
			return series.Stats{}, fmt.Errorf("count what is stored: %w", err)
		}
	}
	return stats, nil
}

// all begins a query of all times of a bucket.
func (s *Store) all(b bucket, conds ...cond) *flux {
	return new(flux).from(s.bucket(b), minNanos, maxNanos, conds...)
}
