package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Replace puts rebuilt minutes and episodes in place in one transaction. Checks and
// packing come before it: an append waits for some 15 ms for a wearer's day, and for
// as long as it takes to read the day if its state is compared.
func (s *Store) Replace(ctx context.Context, q series.Query, with series.Rebuilt) error {
	r, err := rebuild(q, with)
	if err == nil && r.from < r.to {
		err = s.change(ctx, func(calm context.Context, a *appending) error {
			// The transaction has the right to write already, so nobody else changes what
			// the others' connections read, and it has changed nothing itself.
			if err := s.unchanged(ctx, q, with.Was); err != nil {
				return err
			}
			return r.replace(calm, a)
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
		if u := &with.Rollups[i]; u.Org != q.Org || u.Wearer != q.Wearer || u.Minute < first || u.Minute > last {
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

// replace removes what is stored and stores what was rebuilt. A wearer of whom nothing
// is stored is given a number only if there is something to store.
func (r *rebuilding) replace(ctx context.Context, a *appending) error {
	var wearer int64
	err := a.stmt(ctx, sqlWearer).QueryRowContext(ctx, r.org.String(), r.wearer.String()).Scan(&wearer)
	if errors.Is(err, sql.ErrNoRows) {
		return r.store(ctx, a)
	}
	if err != nil {
		return fmt.Errorf("find wearer: %w", err)
	}
	sc := scope{wearer: wearer, from: r.from, to: r.to}
	first, last := sc.minuteRange()
	if err := a.drop(ctx, sqlDropRollups, countRollups, first, last); err != nil {
		return fmt.Errorf("remove rollups: %w", err)
	}
	if err := a.drop(ctx, sqlDropFindings, countFindings, wearer, sc.from, sc.to); err != nil {
		return fmt.Errorf("remove findings: %w", err)
	}
	if err := a.drop(ctx, sqlDropEpisodes, countEpisodes, wearer, sc.from, sc.to); err != nil {
		return fmt.Errorf("remove episodes: %w", err)
	}
	return r.store(ctx, a)
}

func (r *rebuilding) store(ctx context.Context, a *appending) error {
	for i := range r.Rollups {
		if err := a.storeRollup(ctx, &r.Rollups[i], sqlSetRollup); err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
	}
	for i := range r.Findings {
		if err := a.storeFinding(ctx, &r.Findings[i], r.bodies[i]); err != nil {
			return fmt.Errorf("store finding %q: %w", r.Findings[i].ID, err)
		}
	}
	return nil
}
