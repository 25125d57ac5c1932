package influx

import (
	"context"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// subject is what Options.MaxSeries counts: a wearer, with no device, or a device that a
// wearer wears.
type subject struct{ org, wearer, device schemas.ID }

// names are those of whom something is stored. They are read from the server at the first
// append, and only become more: what retention or an erasure removes counts until the
// store is opened again.
type names map[subject]struct{}

const tooManyNames = "there are as many wearers and devices already as the store may have (MaxSeries)"

func (n names) has(k subject) bool {
	_, ok := n[k]
	return ok
}

// admit takes parts what is of known names, or of new ones as long as there is room, from
// the rest.
func (s *Store) admit(ctx context.Context, b *series.Batch) (admitted, strangers series.Batch, err error) {
	if s.names == nil {
		if s.names, err = s.readNames(ctx); err != nil {
			return admitted, strangers, err
		}
	}
	admitted = s.split(b, func(k subject) bool {
		if !s.names.has(k) && len(s.names) < s.o.MaxSeries {
			s.names[k] = struct{}{}
		}
		return s.names.has(k)
	})
	if count(&admitted) < count(b) {
		strangers = s.split(b, func(k subject) bool { return !s.names.has(k) })
	}
	return admitted, strangers, nil
}

// split is the part of a batch for whose names ok holds.
func (s *Store) split(b *series.Batch, ok func(subject) bool) series.Batch {
	part, n := *b, 0
	part.Readings = series.Keep(b.Readings, &n, func(r *schemas.Batch) bool { return ok(subject{r.Org, r.Wearer, r.Device}) })
	part.Late = series.Keep(b.Late, &n, func(l *schemas.Late) bool { return ok(subject{l.Org, l.Wearer, l.Device}) })
	part.Rollups = series.Keep(b.Rollups, &n, func(r *schemas.Rollup) bool { return ok(subject{r.Org, r.Wearer, schemas.ID{}}) })
	part.Findings = series.Keep(b.Findings, &n, func(f *schemas.Finding) bool { return ok(subject{f.Org, f.Wearer, schemas.ID{}}) })
	part.Decisions = series.Keep(b.Decisions, &n, func(d *schemas.Decision) bool { return ok(subject{d.Org, d.Wearer, schemas.ID{}}) })
	return part
}

// readNames asks each bucket for one value of each of its series.
func (s *Store) readNames(ctx context.Context) (names, error) {
	all := names{}
	for _, q := range []struct {
		bucket
		measurement, field string
	}{
		{bucketRaw, measReadings, fieldRun},
		{bucketRaw, measEvents, fieldRun},
		{bucketRollups, measMinutes, fieldSitting},
		{bucketEvents, measFindings, fieldLevel},
		{bucketEvents, measDecisions, fieldLog},
	} {
		f := new(flux).from(s.bucket(q.bucket), minNanos, maxNanos, measurement(q.measurement), field(q.field)).
			first().keep(tagOrg, tagWearer, tagDevice).group()
		if err := s.rows(ctx, f, all.add); err != nil {
			return nil, fmt.Errorf("read the names in bucket %s: %w", s.bucket(q.bucket), err)
		}
	}
	return all, nil
}

// add takes the name of a row.
func (n names) add(r *row) (err error) {
	var k subject
	for _, tag := range []struct {
		name string
		id   *schemas.ID
	}{{tagOrg, &k.org}, {tagWearer, &k.wearer}, {tagDevice, &k.device}} {
		if err := tag.id.UnmarshalText([]byte(r.text(tag.name))); err != nil {
			return fmt.Errorf("tag %s: %w", tag.name, err)
		}
	}
	n[k] = struct{}{}
	return nil
}
