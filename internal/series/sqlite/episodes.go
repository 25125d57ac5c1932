package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// notTripped is the rank of a finding that tells no flexion.
const notTripped = 1000

// storeFinding puts what a finding says into its episode. The order of an
// episode's findings does not matter, nor how often they come.
func (a *appending) storeFinding(ctx context.Context, f *schemas.Finding) error {
	wearer, err := a.wearer(ctx, f.Org, f.Wearer)
	if err != nil {
		return err
	}
	var ended sql.NullInt64
	tripped := f.Level
	switch f.Step {
	case schemas.Opened:
		tripped = 0
	case schemas.Closed:
		end := f.End
		if end.IsZero() {
			end = f.Time
		}
		ended = sql.NullInt64{Int64: end.UnixMilli(), Valid: true}
		tripped = notTripped - 1
	case schemas.Escalated:
	case schemas.Risen:
		tripped = notTripped - 1
	}
	if f.FlexionDeg == 0 {
		tripped = notTripped
	}
	return a.put(ctx, sqlAddEpisode, sqlSetEpisode, countEpisodes, wearer, f.Episode, string(f.Rule),
		f.Start.UnixMilli(), ended, f.Level, string(f.Outcome), f.Seconds, f.FlexionDeg, tripped, f.Time.UnixMilli())
}

type episodeRow struct {
	id, rule, outcome string
	start             int64
	ended             sql.NullInt64
	level             int
	seconds, flexion  float64
}

// sqlEpisodes ends an open episode series.OpenFor (?4, in milliseconds) after
// the last that is known of it.
const sqlEpisodes = `SELECT id, rule, outcome, start, ended, level, seconds, flexion FROM episodes
	WHERE wearer = ?1 AND start < ?3 AND (ifnull(ended, max(told, start) + ?4) > ?2 OR start >= ?2) ORDER BY start, id`

// Episodes reads those that overlap the range; one without length counts where it starts.
func (s *Store) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return nil, wrap("read episodes", err)
	}
	rows, err := s.read.QueryContext(ctx, sqlEpisodes, sc.wearer, sc.from, sc.to, series.OpenFor.Milliseconds())
	stored, err := collect(rows, err, func(r *episodeRow) []any {
		return []any{&r.id, &r.rule, &r.outcome, &r.start, &r.ended, &r.level, &r.seconds, &r.flexion}
	})
	if err != nil {
		return nil, wrap("read episodes", err)
	}
	episodes := make([]series.Episode, len(stored))
	for i, r := range stored {
		episodes[i] = series.Episode{
			ID: r.id, Rule: schemas.Rule(r.rule), Start: fromMillis(r.start), Level: r.level,
			Outcome: schemas.Outcome(r.outcome), Seconds: r.seconds, FlexionDeg: r.flexion,
		}
		if r.ended.Valid {
			episodes[i].End = fromMillis(r.ended.Int64)
		}
	}
	return episodes, nil
}

// storeDecision writes a decision over an earlier one of the same ID. Its time
// is kept to 1 ms.
func (a *appending) storeDecision(ctx context.Context, d schemas.Decision) error {
	wearer, err := a.wearer(ctx, d.Org, d.Wearer)
	if err != nil {
		return err
	}
	d.Time = d.Time.UTC().Truncate(time.Millisecond)
	body, err := d.Encode()
	if err != nil {
		return err
	}
	return a.put(ctx, sqlAddDecision, sqlSetDecision, countDecisions, wearer, d.ID, d.Time.UnixMilli(), body)
}

// Decisions reads what was decided in the range.
func (s *Store) Decisions(ctx context.Context, q series.Query) ([]schemas.Decision, error) {
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return nil, wrap("read decisions", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT body FROM decisions WHERE wearer = ? AND time >= ? AND time < ? ORDER BY time, id`,
		sc.wearer, sc.from, sc.to)
	bodies, err := collect(rows, err, func(body *[]byte) []any { return []any{body} })
	if err != nil {
		return nil, wrap("read decisions", err)
	}
	decisions := make([]schemas.Decision, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal(body, &decisions[i]); err != nil {
			return nil, wrap("read decisions", err)
		}
	}
	return decisions, nil
}
