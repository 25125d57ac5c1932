package hindsight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/internal/tuning"
	"sitwell/notify"
	"sitwell/schemas"
)

// Backtest is what a range's readings come to under other parameters, beside what
// happened.
type Backtest struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
	Zone   string     `json:"zone"`
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to"`
	// Rules are the parameters that were tried, over those that counted then; with
	// none, those that counted then are tried.
	Rules    map[string]string `json:"rules"`
	Readings int               `json:"readings"` // readings and events judged, lead-in and all
	Days     float64           `json:"days"`     // with a stored minute of a worn device

	Then Side  `json:"then"` // what happened
	Now  Side  `json:"now"`  // what would have come
	Rows []Row `json:"rows"` // nudges beside each other, by time
}

// Side sums one side up.
type Side struct {
	Sent       int                  `json:"sent"`
	Held       int                  `json:"held"`
	SentPerDay float64              `json:"sent_per_day"`
	HeldBy     map[string]int       `json:"held_by"`  // by stage
	Episodes   map[schemas.Rule]int `json:"episodes"` // that began in the range, by rule
}

// Row is one step of an episode's ladder; a side that has no such step is nil.
type Row struct {
	Time  time.Time    `json:"time"` // then, or else now
	Rule  schemas.Rule `json:"rule"`
	Level int          `json:"level"`
	Then  *Nudge       `json:"then,omitempty"`
	Now   *Nudge       `json:"now,omitempty"`
}

// Nudge is what became of a step.
type Nudge struct {
	ID     string         `json:"id"`
	Time   time.Time      `json:"time"`
	Status schemas.Action `json:"status"` // sent, ambiguous or held
	HeldBy string         `json:"held_by,omitempty"`
	Why    string         `json:"why,omitempty"`
	Text   string         `json:"text,omitempty"`
}

// checked makes a RefusedError of what is wrong with parameters: it names key and bound.
func checked(err error) error {
	if errors.Is(err, detect.ErrParams) {
		return refuse("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return err
}

// Backtest judges what live judged in a range under other parameters, and says
// which nudges would have come: to a wearer who does what these readings say, and
// answers nothing. Those that came are beside them. A RefusedError names a parameter
// that does not exist, is outside its bounds or does not work with the others.
func (h *Hindsight) Backtest(ctx context.Context, q series.Query, rules map[string]string, progress Progress) (Backtest, error) {
	b := Backtest{Org: q.Org, Wearer: q.Wearer, From: q.From, To: q.To, Rules: rules, Rows: []Row{}}
	if rules == nil {
		b.Rules = map[string]string{}
	}
	s, err := h.subject(q.Org, q.Wearer)
	if err != nil {
		return b, err
	}
	b.Zone = s.zone.String()
	timeline, err := tried(s.timeline, rules)
	if err != nil {
		return b, err
	}
	now, err := h.rehearse(ctx, q, timeline, &b, s.zone, progress)
	if err != nil {
		return b, err
	}
	then, err := h.happened(ctx, q, &b)
	if err != nil {
		return b, err
	}
	b.side(then, now)
	return b, nil
}

// tried is a timeline with parameters over each of its revisions.
func tried(t *detect.Timeline, rules map[string]string) (*detect.Timeline, error) {
	if len(rules) == 0 {
		return t, nil
	}
	revisions := t.Revisions()
	for i := range revisions {
		params := *revisions[i].Params
		if err := tuning.Apply(&params, rules); err != nil {
			return nil, checked(err)
		}
		revisions[i].Params = &params
		revisions[i].Version += "+tried"
	}
	return detect.NewTimeline(revisions...), nil
}

// rehearse judges the range and asks the notifier what it would have done. The
// lead-in is rehearsed with it, so that what came before holds nudges apart.
func (h *Hindsight) rehearse(ctx context.Context, q series.Query, t *detect.Timeline, b *Backtest, zone *time.Location, progress Progress) (nudges []*step, err error) {
	wide, err := h.leadIn(ctx, q)
	if err != nil {
		return nil, err
	}
	wide.To = wide.To.Add(dayAfter) // for episodes that are told of only later
	var findings []schemas.Finding
	days := map[string]bool{}
	b.Now.Episodes = map[schemas.Rule]int{}
	j := job{query: wide, wearer: detect.NewWearer(q.Org, q.Wearer, t), catchUp: true, progress: progress}
	j.each = func(out *detect.Output) error {
		for _, f := range out.Findings {
			f.Receipt = nil
			findings = append(findings, f)
			if f.Step == schemas.Opened && inRange(q, f.Start) {
				b.Now.Episodes[f.Rule]++
			}
		}
		for i := range out.Rollups {
			r := &out.Rollups[i]
			if at := time.Unix(r.Minute*60, 0); inRange(q, at) && r.NotWorn < 60 {
				days[at.In(zone).Format(time.DateOnly)] = true
			}
		}
		return nil
	}
	count, err := h.judge(ctx, j)
	if err != nil {
		return nil, err
	}
	b.Readings, b.Days = count.judged, float64(len(days))
	return nudged(q, notify.Rehearse(findings)), nil
}

// happened is what the store says of the range.
func (h *Hindsight) happened(ctx context.Context, q series.Query, b *Backtest) ([]*step, error) {
	episodes, err := h.Store.Episodes(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the episodes of %s/%s: %w", q.Org, q.Wearer, err)
	}
	b.Then.Episodes = map[schemas.Rule]int{}
	for _, e := range episodes {
		if inRange(q, e.Start) {
			b.Then.Episodes[e.Rule]++
		}
	}
	decisions, err := h.Store.Decisions(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the nudges of %s/%s: %w", q.Org, q.Wearer, err)
	}
	return nudged(q, decisions), nil
}

func inRange(q series.Query, t time.Time) bool { return !t.Before(q.From) && t.Before(q.To) }

// step is a nudge with what it is about.
type step struct {
	Nudge
	rule  schemas.Rule
	level int
}

// nudged makes nudges of decisions of a range. One that was held at first and
// decided anew later counts as decided last.
func nudged(q series.Query, decisions []schemas.Decision) (list []*step) {
	index := map[string]*step{}
	for i := range decisions {
		d := &decisions[i]
		decided := d.Action == schemas.ActionSent || d.Action == schemas.ActionAmbiguous || d.Action == schemas.ActionHeld
		if !decided || !inRange(q, d.Time) {
			continue
		}
		n := index[d.Nudge]
		if n == nil {
			n = &step{rule: d.Rule, level: d.Level}
			index[d.Nudge] = n
			list = append(list, n)
		} else if n.Status != schemas.ActionHeld {
			continue
		}
		n.Nudge = Nudge{ID: d.Nudge, Time: d.Time, Status: d.Action, HeldBy: d.HeldBy, Why: d.Why, Text: d.Text}
	}
	return list
}

// side puts the two beside each other, step by step, and sums them up.
func (b *Backtest) side(then, now []*step) {
	b.Then.sum(then, b.Days)
	b.Now.sum(now, b.Days)
	rows := map[string]*Row{}
	for _, n := range then {
		rows[n.ID] = &Row{Time: n.Time, Rule: n.rule, Level: n.level, Then: &n.Nudge}
	}
	for _, n := range now {
		if row := rows[n.ID]; row != nil {
			row.Now = &n.Nudge
			continue
		}
		rows[n.ID] = &Row{Time: n.Time, Rule: n.rule, Level: n.level, Now: &n.Nudge}
	}
	for _, row := range rows {
		b.Rows = append(b.Rows, *row)
	}
	slices.SortFunc(b.Rows, func(x, y Row) int {
		return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Level, y.Level))
	})
}

func (s *Side) sum(nudges []*step, days float64) {
	s.HeldBy = map[string]int{}
	for _, n := range nudges {
		if n.Status == schemas.ActionHeld {
			s.Held++
			s.HeldBy[n.HeldBy]++
			continue
		}
		s.Sent++
	}
	if days > 0 {
		s.SentPerDay = hundredths(float64(s.Sent) / days)
	}
}
