package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// tellsNothing is the rank of a finding that has nothing to tell.
const tellsNothing = 1000

// rank orders the findings of an episode, none of the same rank as another, so
// that it does not matter in which order they come.
func rank(f *schemas.Finding) int {
	switch f.Step {
	case schemas.Opened:
		return 0
	case schemas.Escalated:
		return f.Level
	case schemas.Risen:
		return 100 + f.Level
	case schemas.Raised:
		return 200 + int(f.Severity)
	case schemas.Closed:
	}
	return tellsNothing - 1
}

// storeFinding keeps a finding, packed as body, and puts what it says into its
// episode. The order of an episode's findings does not matter, nor how often
// they come.
func (a *appending) storeFinding(ctx context.Context, f *schemas.Finding, body []byte) error {
	wearer, err := a.wearer(ctx, f.Org, f.Wearer)
	if err != nil {
		return err
	}
	if err := a.put(ctx, sqlAddFinding, sqlSetFinding, countFindings, wearer, f.Episode, f.ID, body); err != nil {
		return err
	}
	var ended sql.NullInt64
	if f.Step == schemas.Closed {
		end := f.End
		if end.IsZero() {
			end = f.Time
		}
		ended = sql.NullInt64{Int64: end.UnixMilli(), Valid: true}
	}
	tripped, caused := rank(f), rank(f)
	if f.FlexionDeg == 0 {
		tripped = tellsNothing
	}
	if f.Cause == "" {
		caused = tellsNothing
	}
	return a.put(ctx, sqlAddEpisode, sqlSetEpisode, countEpisodes, wearer, f.Episode, string(f.Rule),
		f.Start.UnixMilli(), ended, f.Level, string(f.Outcome), f.Seconds, f.FlexionDeg, tripped, f.Time.UnixMilli(),
		int(f.Severity), string(f.Cause), caused)
}

type episodeRow struct {
	id, rule, outcome, cause string
	start                    int64
	ended                    sql.NullInt64
	level, severity          int
	seconds, flexion         float64
}

// sqlEpisodes ends an open episode series.OpenFor (?4, in milliseconds) after
// the last that is known of it.
const sqlEpisodes = `SELECT id, rule, outcome, start, ended, level, seconds, flexion, severity, cause FROM episodes
	WHERE wearer = ?1 AND start < ?3 AND (ifnull(ended, max(told, start) + ?4) > ?2 OR start >= ?2) ORDER BY start, id`

// Episodes reads those that overlap the range; one without length counts where it starts.
func (s *Store) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return nil, wrap("read episodes", err)
	}
	rows, err := s.read.QueryContext(ctx, sqlEpisodes, sc.wearer, sc.from, sc.to, series.OpenFor.Milliseconds())
	stored, err := collect(rows, err, func(r *episodeRow) []any {
		return []any{&r.id, &r.rule, &r.outcome, &r.start, &r.ended, &r.level, &r.seconds, &r.flexion, &r.severity, &r.cause}
	})
	if err != nil {
		return nil, wrap("read episodes", err)
	}
	episodes := make([]series.Episode, len(stored))
	for i, r := range stored {
		episodes[i] = series.Episode{
			ID: r.id, Rule: schemas.Rule(r.rule), Start: fromMillis(r.start), Level: r.level,
			Outcome: schemas.Outcome(r.outcome), Seconds: r.seconds, FlexionDeg: r.flexion,
			Severity: schemas.Severity(r.severity), Cause: schemas.Cause(r.cause),
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
