package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	sqlAddEpisode = `INSERT INTO episodes (wearer, id, rule, start, ended, level, outcome, seconds, flexion, tripped, told,
		severity, cause, caused)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING`
	// A finding that does not close (?5 is NULL) changes neither the end nor
	// what the closing one said of the length.
	sqlSetEpisode = `UPDATE episodes SET level = max(level, ?6),
		outcome = CASE WHEN ?5 IS NULL THEN outcome ELSE ?7 END,
		seconds = CASE WHEN ?5 IS NOT NULL THEN ?8 WHEN ended IS NULL THEN max(seconds, ?8) ELSE seconds END,
		ended = ifnull(?5, ended),
		flexion = CASE WHEN ?10 < tripped THEN ?9 ELSE flexion END, tripped = min(tripped, ?10),
		told = max(told, ?11), severity = max(severity, ?12),
		cause = CASE WHEN ?14 < caused THEN ?13 ELSE cause END, caused = min(caused, ?14)
		WHERE wearer = ?1 AND id = ?2`
	sqlDropEpisodes = `DELETE FROM episodes WHERE wearer = ?1 AND start >= ?2 AND start < ?3`

	sqlAddFinding = `INSERT INTO findings (wearer, episode, id, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`
	sqlSetFinding = `UPDATE findings SET body = ?4 WHERE episode = ?2 AND wearer = ?1 AND id = ?3`
	// sqlDropFindings removes those of the episodes that sqlDropEpisodes does.
	sqlDropFindings = `DELETE FROM findings WHERE wearer = ?1 AND episode IN
		(SELECT id FROM episodes WHERE wearer = ?1 AND start >= ?2 AND start < ?3)`

	// sqlEpisodes ends an open episode series.OpenFor (?4, in milliseconds) after
	// the last that is known of it.
	sqlEpisodes = `SELECT id, rule, outcome, start, ended, level, seconds, flexion, severity, cause FROM episodes
	WHERE wearer = ?1 AND start < ?3 AND (ifnull(ended, max(told, start) + ?4) > ?2 OR start >= ?2) ORDER BY start, id`
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

// ended is when a finding says that its episode was over, in milliseconds.
func ended(f *schemas.Finding) sql.NullInt64 {
	if f.Step != schemas.Closed {
		return sql.NullInt64{}
	}
	end := f.End
	if end.IsZero() {
		end = f.Time
	}
	return sql.NullInt64{Int64: end.UnixMilli(), Valid: true}
}

// storeFinding keeps a finding, packed as body, and puts what it says into its
// episode. The order of an episode's findings does not matter, nor how often
// they come.
func (tx *fileTx) storeFinding(ctx context.Context, f *schemas.Finding, body []byte) error {
	wearer, err := tx.wearer(ctx, f.Org, f.Wearer)
	if err != nil {
		return err
	}
	if err := tx.put(ctx, sqlAddFinding, sqlSetFinding, countFindings, wearer, f.Episode, f.ID, body); err != nil {
		return err
	}
	tripped, caused := rank(f), rank(f)
	if f.FlexionDeg == 0 {
		tripped = tellsNothing
	}
	if f.Cause == "" {
		caused = tellsNothing
	}
	return tx.put(ctx, sqlAddEpisode, sqlSetEpisode, countEpisodes, wearer, f.Episode, string(f.Rule),
		f.Start.UnixMilli(), ended(f), f.Level, string(f.Outcome), f.Seconds, f.FlexionDeg, tripped, f.Time.UnixMilli(),
		int(f.Severity), string(f.Cause), caused)
}

type episodeRow struct {
	id, rule, outcome, cause string
	start                    int64
	ended                    sql.NullInt64
	level, severity          int
	seconds, flexion         float64
}

func (r *episodeRow) fields() []any {
	return []any{&r.id, &r.rule, &r.outcome, &r.start, &r.ended, &r.level, &r.seconds, &r.flexion, &r.severity, &r.cause}
}

func (r *episodeRow) episode() series.Episode {
	e := series.Episode{
		ID: r.id, Rule: schemas.Rule(r.rule), Start: fromMillis(r.start), Level: r.level,
		Outcome: schemas.Outcome(r.outcome), Seconds: r.seconds, FlexionDeg: r.flexion,
		Severity: schemas.Severity(r.severity), Cause: schemas.Cause(r.cause),
	}
	if r.ended.Valid {
		e.End = fromMillis(r.ended.Int64)
	}
	return e
}

// Episodes reads those that overlap the range; one without length counts where it starts.
// They are in the files of the days they start in.
func (s *Store) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	from, to, found, err := spanOf(q)
	if err != nil || !found {
		return nil, wrap("read episodes", err)
	}
	s.view.RLock()
	defer s.view.RUnlock()
	days, err := s.reaching(ctx, from, to)
	if err != nil {
		return nil, wrap("read episodes", err)
	}
	episodes := []series.Episode{}
	for _, day := range days {
		err := s.scopes(ctx, series.Events, q, day, day, func(f *file, sc scope) error {
			rows, err := query(ctx, s, f, (*episodeRow).fields, sqlEpisodes, sc.wearer, sc.from, sc.to, series.OpenFor.Milliseconds())
			for i := range rows {
				episodes = append(episodes, rows[i].episode())
			}
			return err
		})
		if err != nil {
			return nil, wrap("read episodes", err)
		}
	}
	s.listed.add(episodes)
	return episodes, nil
}

// usualDays is for how many days behind its own a file of events is looked into: for
// episodes that last until there, or have no end. Of those that last longer the index
// has a note.
const usualDays = 2

const (
	sqlReaches   = `SELECT day FROM reaches WHERE day < ?1 AND until > ?2 ORDER BY day`
	sqlNoteReach = `INSERT INTO reaches (day, until) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until = max(until, ?2)`
)

// noteReach notes until when a finding's episode counts, if that is longer than usual.
func (p *plan) noteReach(f *schemas.Finding) {
	p.reaches = noteReach(p.reaches, f)
}

func noteReach(reaches map[int64]int64, f *schemas.Finding) map[int64]int64 {
	day := dayOf(f.Start.UnixMilli())
	until := max(f.Time.UnixMilli()+series.OpenFor.Milliseconds(), ended(f).Int64)
	if until < (day+1+usualDays)*dayMillis || until <= reaches[day] {
		return reaches
	}
	if reaches == nil {
		reaches = map[int64]int64{}
	}
	reaches[day] = until
	return reaches
}

func (c *changing) storeReaches(ctx context.Context, reaches map[int64]int64) error {
	for day, until := range reaches {
		if err := c.index.exec(ctx, sqlNoteReach, day, until); err != nil {
			return err
		}
	}
	return nil
}

// reaching are the days whose files may have an episode that overlaps a range, in order.
func (s *Store) reaching(ctx context.Context, from, to int64) ([]int64, error) {
	first := dayOf(from) - usualDays
	days, err := query(ctx, s, s.index, func(day *int64) []any { return []any{day} }, sqlReaches, first, from)
	if err != nil {
		return nil, err
	}
	usual, err := s.days(series.Events, first, dayOf(to-1))
	return slices.Concat(days, usual), err
}
