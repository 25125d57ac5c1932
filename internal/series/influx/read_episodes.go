package influx

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const openMillis = int64(series.OpenFor / time.Millisecond)

// told is what a stored finding says of its episode.
type told struct {
	start                         int64 // of the episode, milliseconds
	rule                          schemas.Rule
	episode, step, cause, outcome string
	at, ended                     int64 // milliseconds; ended is 0 unless it closes the episode
	level, severity               int64
	degrees, seconds              float64
	got                           got
}

// toldFields are those that each finding has.
func toldFields() []string {
	return []string{
		fieldEpisode, fieldStep, fieldTold, fieldLevel, fieldSeverity, fieldDegrees, fieldCause, fieldOutcome, fieldSeconds,
	}
}

// point names a finding's point among those of a wearer.
type point struct {
	rule  string
	nanos int64
}

// Episodes folds a wearer's findings, without their bodies. Findings lie at the start of
// their episode: those of a day ago and later are read at once, and of what began
// earlier all from the first on that still goes on, if there is one.
func (s *Store) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	sc, some, err := scopeOf(q)
	if err != nil || !some {
		return nil, wrap("read episodes", err)
	}
	episodes, err := s.episodes(ctx, sc, s.query)
	return episodes, wrap("read episodes", err)
}

// asker is how a query is asked: query, or rows by whoever keeps queries out.
type asker func(context.Context, *flux, func(*row) error) error

func (s *Store) episodes(ctx context.Context, sc scope, ask asker) ([]series.Episode, error) {
	findings, err := s.told(ctx, sc, ask)
	if err != nil {
		return nil, err
	}
	var episodes []series.Episode
	for _, f := range fold(findings) {
		until := f.ended
		if !f.closed {
			until = max(f.told, f.start) + openMillis
		}
		if f.start >= sc.to || until <= sc.from && f.start < sc.from {
			continue
		}
		episodes = append(episodes, f.episode())
		s.hints.put(sc.org, f.id, hint{sc.wearer, f.start})
	}
	slices.SortFunc(episodes, func(x, y series.Episode) int { return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.ID, y.ID)) })
	return episodes, nil
}

// told reads what findings say, of all episodes that may overlap a range.
func (s *Store) told(ctx context.Context, sc scope, ask asker) (map[point]*told, error) {
	b := s.bucket(bucketEvents)
	recent := max(sc.from-openMillis, 0)
	first := recent
	f := new(flux).from(b, 0, at(recent, 0), measurement(measFindings), sc.whose(),
		either(both(field(fieldTold), valueAbove(recent)), both(field(fieldEnded), valueAbove(sc.from)))).keep(colTime)
	if recent > 0 {
		if err := ask(ctx, f, func(r *row) error {
			ms, _ := split(r.time(colTime))
			first = min(first, ms)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	all := map[point]*told{}
	f = new(flux).from(b, at(first, 0), at(sc.to, 0), measurement(measFindings), sc.whose(),
		fields(append(toldFields(), fieldEnded, fieldRuleText)...)).keep(colTime, colValue, colField, tagRule)
	err := ask(ctx, f, func(r *row) error {
		p := point{r.text(tagRule), r.time(colTime)}
		t := all[p]
		if t == nil {
			p.rule = strings.Clone(p.rule)
			t = &told{rule: schemas.Rule(p.rule)}
			t.start, _ = split(p.nanos)
			all[p] = t
		}
		t.take(r)
		return nil
	})
	return all, err
}

// take takes a field of the finding's point.
func (t *told) take(r *row) {
	name := r.text(colField)
	if slices.Contains(toldFields(), name) && !t.got.first(toldFields(), name) {
		return
	}
	switch name {
	case fieldEpisode:
		t.episode = strings.Clone(r.text(colValue))
	case fieldStep:
		t.step = strings.Clone(r.text(colValue))
	case fieldCause:
		t.cause = strings.Clone(r.text(colValue))
	case fieldOutcome:
		t.outcome = strings.Clone(r.text(colValue))
	case fieldTold:
		t.at = r.int(colValue)
	case fieldLevel:
		t.level = r.int(colValue)
	case fieldSeverity:
		t.severity = r.int(colValue)
	case fieldDegrees:
		t.degrees = r.float(colValue)
	case fieldSeconds:
		t.seconds = r.float(colValue)
	default: // those that only some have
		if name == fieldEnded {
			t.ended = r.int(colValue)
		} else {
			t.rule = schemas.Rule(strings.Clone(r.text(colValue)))
		}
	}
}

// folded is an episode as far as its findings tell it.
type folded struct {
	id              string
	rule            schemas.Rule
	start, told     int64
	ended           int64
	closed          bool
	level, severity int64
	outcome, cause  string
	seconds         float64
	degrees         float64
	tripped, caused int // the ranks of the findings that degrees and cause are of
}

// tellsNothing is the rank of a finding that has nothing to tell.
const tellsNothing = mostRank + 1

// fold makes episodes of findings. Their order does not matter: level and severity are the
// highest, end, outcome and length the closing one's, flexion and cause those
// of the earliest step that tells one. A finding that is being written does not count yet.
func fold(findings map[point]*told) map[string]*folded {
	episodes := map[string]*folded{}
	for _, t := range findings {
		if !t.got.all(toldFields()) {
			continue
		}
		e := episodes[t.episode]
		if e == nil {
			e = &folded{id: t.episode, rule: t.rule, start: t.start, told: t.at, tripped: tellsNothing, caused: tellsNothing}
			episodes[t.episode] = e
		}
		e.add(t)
	}
	return episodes
}

func (e *folded) add(t *told) {
	e.start, e.told = min(e.start, t.start), max(e.told, t.at)
	e.level, e.severity = max(e.level, t.level), max(e.severity, t.severity)
	n := rank(&schemas.Finding{Step: schemas.Step(t.step), Level: int(t.level), Severity: schemas.Severity(t.severity)})
	if t.degrees != 0 && n < e.tripped {
		e.degrees, e.tripped = t.degrees, n
	}
	if t.cause != "" && n < e.caused {
		e.cause, e.caused = t.cause, n
	}
	switch closes := schemas.Step(t.step) == schemas.Closed; {
	case closes:
		e.closed, e.ended, e.outcome, e.seconds = true, t.ended, t.outcome, t.seconds
	case !e.closed:
		e.seconds = max(e.seconds, t.seconds)
	}
}

func (e *folded) episode() series.Episode {
	out := series.Episode{
		ID: e.id, Rule: e.rule, Start: milli(e.start), Level: int(e.level), Outcome: schemas.Outcome(e.outcome), Seconds: e.seconds,
		FlexionDeg: e.degrees, Severity: schemas.Severity(e.severity), Cause: schemas.Cause(e.cause),
	}
	if e.closed {
		out.End = milli(e.ended)
	}
	return out
}
