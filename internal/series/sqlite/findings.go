package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sitwell/schemas"
)

// sqlFindings begins with the episode: there are few of a name, whatever the size of
// the organisation.
const sqlFindings = `SELECT f.body FROM findings f CROSS JOIN wearers w ON w.id = f.wearer WHERE f.episode = ?2 AND w.org = ?1`

// Findings reads those of an episode.
func (s *Store) Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error) {
	if org.IsZero() {
		return nil, fmt.Errorf("read findings of %q: %w", episode, errNoName)
	}
	rows, err := s.read.QueryContext(ctx, sqlFindings, org.String(), episode)
	bodies, err := collect(rows, err, func(body *[]byte) []any { return []any{body} })
	if err != nil {
		return nil, wrap("read findings", err)
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
