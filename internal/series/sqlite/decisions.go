package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlAddDecision  = `INSERT INTO decisions (wearer, id, time, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
	sqlSetDecision  = `UPDATE decisions SET time = ?3, body = ?4 WHERE wearer = ?1 AND id = ?2`
	sqlDropDecision = `DELETE FROM decisions WHERE wearer = ?1 AND id = ?2`
	sqlDecisions    = `SELECT body FROM decisions WHERE wearer = ?1 AND time >= ?2 AND time < ?3 ORDER BY time, id`
)

// packDecision is what is stored of a decision. Its time is kept to 1 ms.
func packDecision(d *schemas.Decision) ([]byte, error) {
	kept := *d
	kept.Time = d.Time.UTC().Truncate(time.Millisecond)
	return kept.Encode()
}

// storeDecision writes a decision over an earlier one of the same ID, or removes that one
// where there is no body.
func (tx *fileTx) storeDecision(ctx context.Context, d *schemas.Decision, body []byte) error {
	wearer, err := tx.wearer(ctx, d.Org, d.Wearer)
	if err != nil {
		return err
	}
	if body == nil {
		return tx.drop(ctx, sqlDropDecision, countDecisions, wearer, d.ID)
	}
	return tx.put(ctx, sqlAddDecision, sqlSetDecision, countDecisions, wearer, d.ID, d.Time.UnixMilli(), body)
}

// Decisions reads what was decided in the range.
func (s *Store) Decisions(ctx context.Context, q series.Query) ([]schemas.Decision, error) {
	from, to, found, err := spanOf(q)
	if err != nil || !found {
		return nil, wrap("read decisions", err)
	}
	decisions := []schemas.Decision{}
	err = s.scopes(ctx, series.Events, q, dayOf(from), dayOf(to-1), func(f *file, sc scope) error {
		bodies, err := query(ctx, s, f, func(body *[]byte) []any { return []any{body} }, sqlDecisions, sc.wearer, sc.from, sc.to)
		if err != nil {
			return err
		}
		for _, body := range bodies {
			var d schemas.Decision
			if err := json.Unmarshal(body, &d); err != nil {
				return err
			}
			decisions = append(decisions, d)
		}
		return nil
	})
	if err != nil {
		return nil, wrap("read decisions", err)
	}
	return decisions, nil
}
