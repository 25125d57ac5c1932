package influx

import (
	"context"
	"fmt"

	"sitwell/internal/series"
)

// Stats counts what is in the server. Of more than a million readings it counts the points:
// one that came again with another time is two of them, though Readings tells it once. A point
// that the server tells twice is one, however many there are.
// What came again with the same time cannot be told, so Duplicates is 0, as is Bytes.
func (s *Store) Stats(ctx context.Context) (series.Stats, error) { return s.counted(ctx) }

// counted counts the points for which conditions hold, too.
func (s *Store) counted(ctx context.Context, whose ...cond) (stats series.Stats, err error) {
	if stats.Readings, err = s.readings(ctx, whose...); err != nil {
		return series.Stats{}, fmt.Errorf("count what is stored: %w", err)
	}
	for _, c := range []struct {
		into *int64
		b    bucket
		unit int64
		of   cond
	}{
		// A minute has a point for each extent of it that was told.
		{&stats.Rollups, bucketRollups, nanosInMin, both(measurement(measMinutes), field(fieldSitting))},
		{&stats.Findings, bucketEvents, 1, both(measurement(measFindings), field(fieldLevel))},
		{&stats.Aggregates, bucketOffice, 1, both(measurement(measAggregates), field(fieldMade))},
	} {
		if *c.into, err = s.distinct(ctx, c.b, c.unit, c.of, both(whose...)); err != nil {
			return series.Stats{}, fmt.Errorf("count what is stored: %w", err)
		}
	}
	for _, c := range []struct {
		into *int64
		flux *flux
	}{
		{&stats.Episodes, s.all(bucketEvents, both(measurement(measFindings), field(fieldEpisode)), both(whose...)).group(tagOrg, tagWearer).distinct().count()},
		{&stats.Decisions, s.all(bucketEvents, both(measurement(measDecisions), field(fieldID)), both(whose...)).group(tagOrg, tagWearer).distinct().count()},
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
