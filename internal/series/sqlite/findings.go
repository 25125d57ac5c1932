package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// sqlFindings begins with the episode: there are few of a name, whatever the size of
// the organisation.
const sqlFindings = `SELECT f.body FROM findings f CROSS JOIN wearers w ON w.id = f.wearer WHERE f.episode = ?2 AND w.org = ?1`

// Findings reads those of an episode, from the day that it starts in. That is looked for
// from the newest back, unless the episode was listed lately.
func (s *Store) Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error) {
	if org.IsZero() {
		return nil, fmt.Errorf("read findings of %q: %w", episode, errNoName)
	}
	s.view.RLock()
	defer s.view.RUnlock()
	bodies, err := s.findingsOf(ctx, org, episode)
	if err != nil {
		return nil, fmt.Errorf("read findings of %q: %w", episode, err)
	}
	findings := make([]schemas.Finding, len(bodies))
	for i, body := range bodies {
		if findings[i], err = unpackFinding(body); err != nil {
			return nil, fmt.Errorf("read findings of %q: %w", episode, err)
		}
	}
	slices.SortFunc(findings, func(x, y schemas.Finding) int {
		return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.ID, y.ID))
	})
	return findings, nil
}

func (s *Store) findingsOf(ctx context.Context, org schemas.ID, episode string) (bodies [][]byte, err error) {
	look := func(day int64) error {
		return s.with(ctx, fileKey{series.Events, day}, func(f *file) (err error) {
			bodies, err = query(ctx, s, f, func(body *[]byte) []any { return []any{body} }, sqlFindings, org.String(), episode)
			return err
		})
	}
	if day, ok := s.listed.day(episode); ok {
		if err := look(day); err != nil || len(bodies) > 0 {
			return bodies, err
		}
	}
	days, err := s.everyDay(series.Events)
	if err != nil {
		return nil, err
	}
	for _, day := range slices.Backward(days) {
		if err := look(day); err != nil || len(bodies) > 0 {
			return bodies, err
		}
	}
	return nil, nil
}
