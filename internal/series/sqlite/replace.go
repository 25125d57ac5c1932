package sqlite

import (
	"context"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Replace writes what is to be done into the index's journal, then does it, file by file,
// while nobody reads: an append waits for some 20 ms for a wearer's day, and for
// as long as it takes to read the day if its state is compared. What a crash has left
// undone is done by whoever changes the store next, or opens it. What is of an erased wearer, and
// from before, is dropped.
func (s *Store) Replace(ctx context.Context, q series.Query, with series.Rebuilt) error {
	r, err := rebuild(q, with)
	if err == nil && r.from < r.to {
		err = s.alone(func() error {
			if err := s.transact(ctx, func(calm context.Context, c *changing) error {
				// Nobody else changes what the others' connections read, and this has
				// changed nothing itself.
				if err := s.unchanged(ctx, q, with.Was); err != nil {
					return err
				}
				r.keep(c.known.tombs.erasedBefore(r.org, r.wearer))
				return c.note(calm, r)
			}); err != nil {
				return err
			}
			return s.transact(context.WithoutCancel(ctx), func(calm context.Context, c *changing) error { return c.finish(calm) })
		})
	}
	if err != nil {
		return fmt.Errorf("replace %s/%s from %v to %v: %w", q.Org, q.Wearer, q.From, q.To, err)
	}
	return nil
}

// unchanged is an error if the state of a range is not what it was.
func (s *Store) unchanged(ctx context.Context, q series.Query, was series.State) error {
	if was == (series.State{}) {
		return nil
	}
	is, err := series.StateOf(ctx, s, q)
	if err == nil && is != was {
		err = series.ErrChanged
	}
	return err
}

// keep drops what is from before the wearer was erased: it was made of what is gone.
func (r *rebuilding) keep(erasedBefore int64) {
	dropped := 0
	r.Rollups = series.Keep(r.Rollups, &dropped, func(u *schemas.Rollup) bool { return u.Minute*minute >= erasedBefore })
	all, bodies := r.Findings, r.bodies
	r.Findings, r.bodies = nil, nil
	for i := range all {
		if all[i].Start.UnixMilli() >= erasedBefore {
			r.Findings, r.bodies = append(r.Findings, all[i]), append(r.bodies, bodies[i])
		}
	}
}

// rebuilding is a replacement that has been checked.
type rebuilding struct {
	series.Rebuilt

	org, wearer schemas.ID
	from, to    int64    // milliseconds, from included, to not
	bodies      [][]byte // of the findings, packed
}

// rebuild checks that all of a replacement is of its wearer and range, and packs it.
func rebuild(q series.Query, with series.Rebuilt) (*rebuilding, error) {
	if q.Org.IsZero() || q.Wearer.IsZero() {
		return nil, errNoName
	}
	r := &rebuilding{Rebuilt: with, org: q.Org, wearer: q.Wearer, from: millis(q.From), to: millis(q.To)}
	first, last := wholeMinutes(r.from, r.to)
	for i := range with.Rollups {
		u := &with.Rollups[i]
		if u.Org != q.Org || u.Wearer != q.Wearer || u.Minute < first || u.Minute > last {
			return nil, fmt.Errorf("minute %d of %s/%s is none of that", u.Minute, u.Org, u.Wearer)
		}
	}
	var pack packer
	for i := range with.Findings {
		f := &with.Findings[i]
		if start := f.Start.UnixMilli(); f.Org != q.Org || f.Wearer != q.Wearer || start < r.from || start >= r.to {
			return nil, fmt.Errorf("finding %q of %s/%s, of an episode from %v on, is none of that", f.ID, f.Org, f.Wearer, f.Start)
		}
		body, err := pack.finding(f)
		if err != nil {
			return nil, fmt.Errorf("finding %q: %w", f.ID, err)
		}
		r.bodies = append(r.bodies, body)
	}
	return r, nil
}
