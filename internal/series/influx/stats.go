package influx

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
)

// Stats counts the points in the server. A reading that came again with another time is
// two of them, though Readings tells it once: to know that, all would have to be read.
// What came again with the same time cannot be told, so Duplicates is 0, as is Bytes.
func (s *Store) Stats(ctx context.Context) (stats series.Stats, err error) {
	for _, c := range []struct {
		into *int64
		flux *flux
	}{
		{&stats.Readings, s.all(bucketRaw, measurements(measReadings, measEvents), field(fieldRun)).count()},
		// A minute has a point for each extent of it that was told.
		{&stats.Rollups, s.all(bucketRollups, measurement(measMinutes), field(fieldSitting)).windows(time.Minute, 0, lastOf).count()},
		{&stats.Findings, s.all(bucketEvents, measurement(measFindings), field(fieldLevel)).count()},
		{&stats.Episodes, s.all(bucketEvents, measurement(measFindings), field(fieldEpisode)).group(tagOrg, tagWearer).distinct().count()},
		{&stats.Decisions, s.all(bucketEvents, measurement(measDecisions), field(fieldID)).group(tagOrg, tagWearer).distinct().count()},
		{&stats.Aggregates, s.all(bucketOffice, measurement(measAggregates), field(fieldMade)).count()},
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
