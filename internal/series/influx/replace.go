package influx

import (
	"context"
	"fmt"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Replace removes what is stored of the range and writes what was rebuilt: two steps, between which
// nobody else is answered. What it is about to do is in the journal before, so that it is finished by whoever writes next, or
// opens the store next, if it could not be.
func (s *Store) Replace(ctx context.Context, q series.Query, with series.Rebuilt) error {
	sc, some, err := scopeOf(q)
	if err == nil {
		err = ofRange(sc, &with)
	}
	if err == nil && some {
		err = s.replaceWith(ctx, sc, q, with)
	}
	if err != nil {
		return fmt.Errorf("replace %s/%s from %v to %v: %w", q.Org, q.Wearer, q.From, q.To, err)
	}
	return nil
}

// ofRange checks that all of a replacement is of its wearer and range, and can be stored.
func ofRange(sc scope, with *series.Rebuilt) error {
	from, to := sc.minutes()
	for i := range with.Rollups {
		if r := &with.Rollups[i]; r.Org != sc.org || r.Wearer != sc.wearer || r.Minute < from/nanosInMin || r.Minute >= to/nanosInMin {
			return fmt.Errorf("minute %d of %s/%s is none of that", r.Minute, r.Org, r.Wearer)
		}
	}
	for i := range with.Findings {
		f := &with.Findings[i]
		if start := f.Start.UnixMilli(); f.Org != sc.org || f.Wearer != sc.wearer || start < sc.from || start >= sc.to {
			return fmt.Errorf("finding %q of %s/%s, of an episode from %v on, is none of that", f.ID, f.Org, f.Wearer, f.Start)
		}
	}
	return nil
}

func (s *Store) replaceWith(ctx context.Context, sc scope, q series.Query, with series.Rebuilt) error {
	s.writes.Lock()
	defer s.writes.Unlock()
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.unchanged(ctx, sc, q, with.Was); err != nil {
		return err
	}
	e, err := newEntry(sc, with)
	if err != nil {
		return err
	}
	if err := s.putJournal(ctx, e); err != nil {
		return err
	}
	return s.settle(ctx)
}

// unchanged is an error if the state of a range is not what it was. The caller holds writes, so
// that it stays what it is.
func (s *Store) unchanged(ctx context.Context, sc scope, q series.Query, was series.State) error {
	if was == (series.State{}) {
		return nil
	}
	findings, err := s.whole(ctx, s.query, sc)
	if err != nil {
		return err
	}
	is, err := series.StateOf(ctx, present{s, findings}, q)
	if err == nil && is != was {
		err = series.ErrChanged
	}
	return err
}

// present is the store with the findings of a range at hand: a question for each episode would take long.
type present struct {
	*Store

	findings map[string][]schemas.Finding
}

// Findings are those of an episode of the range.
func (p present) Findings(_ context.Context, _ schemas.ID, episode string) ([]schemas.Finding, error) {
	return p.findings[episode], nil
}
