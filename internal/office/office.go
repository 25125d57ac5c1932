package office

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/auth"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	shownWeeks = 4
	shownDays  = 28
)

// Store gives the sums of a range of rollups for each wearer of an organisation.
type Store interface {
	Totals(ctx context.Context, q series.Query) ([]series.Totals, error)
}

// Registry gives who belongs to an organisation.
type Registry interface {
	Teams(org schemas.ID) []registry.Team
	Wearers(org schemas.ID) []registry.Wearer
}

// Office makes summaries. Make one with New.
type Office struct {
	registry Registry
	days     *dayCache
}

// New makes an Office that reads of the two.
func New(store Store, reg Registry) *Office {
	return &Office{registry: reg, days: newDayCache(store)}
}

// Summary is what may be seen of an organisation.
type Summary struct {
	Org  schemas.ID `json:"org"`
	Zone string     `json:"zone"` // in which days begin and end
	K    int        `json:"k"`    // the fewest people behind any figure
	DayK int        `json:"day_k"`
	// Groups are in alphabetical order; that is not a ranking.
	Groups []Group  `json:"groups"`
	Office []Window `json:"office"` // the whole organisation by week
	Days   []Window `json:"days"`   // the whole organisation by day
}

// Group is one or several teams.
type Group struct {
	Name  string   `json:"name"`
	Teams []string `json:"teams"` // more than one where small ones are pooled
	Weeks []Window `json:"weeks"` // the same weeks as the office's
}

// Window is one week or day that is over, and its figures.
type Window struct {
	Label string `json:"label"` // 2026-W46 or 2026-11-20
	From  string `json:"from"`  // the first day
	To    string `json:"to"`    // the last day
	Figures
}

// Summary is the summary of an organisation at a time: the four weeks and the 28
// days that were over by then.
func (o *Office) Summary(ctx context.Context, scope auth.Scope, zone *time.Location, now time.Time) (Summary, error) {
	org := scope.Org()
	now = now.In(zone)
	s := Summary{Org: org, Zone: zone.String(), K: K, DayK: DayK, Groups: []Group{}}
	groups := pools(o.registry.Teams(org), o.registry.Wearers(org))
	for _, p := range groups {
		s.Groups = append(s.Groups, Group{Name: p.name(), Teams: p.teams})
	}
	for _, w := range lastWeeks(now, shownWeeks) {
		people, err := o.people(ctx, org, w, now)
		if err != nil {
			return Summary{}, err
		}
		office, figures := split(people, groups)
		s.Office = append(s.Office, w.with(office))
		for i := range groups {
			s.Groups[i].Weeks = append(s.Groups[i].Weeks, w.with(figures[i]))
		}
	}
	for _, w := range lastDays(now, shownDays) {
		people, err := o.people(ctx, org, w, now)
		if err != nil {
			return Summary{}, err
		}
		s.Days = append(s.Days, w.with(publish(people, DayK)))
	}
	return s, nil
}

func (w window) with(f Figures) Window {
	return Window{Label: w.label, From: w.days[0].label, To: w.days[len(w.days)-1].label, Figures: f}
}

// people are the contributors of a window.
func (o *Office) people(ctx context.Context, org schemas.ID, w window, now time.Time) ([]person, error) {
	days := make([]map[schemas.ID]series.Totals, 0, len(w.days))
	for _, d := range w.days {
		totals, err := o.days.get(ctx, org, d, now)
		if err != nil {
			return nil, fmt.Errorf("sum the day %s of %s: %w", d.label, org, err)
		}
		days = append(days, totals)
	}
	return contributors(days), nil
}

// split publishes the figures of a week: of the office, and of each group in the
// order given. No published group has fewer than K contributors, and neither have
// the contributors that are in none of them, unless there is none.
func split(people []person, groups []*pool) (office Figures, figures []Figures) {
	parts := make([][]person, len(groups))
	outside := len(people)
	least := -1 // the smallest published group
	for i, g := range groups {
		for _, p := range people {
			if g.members[p.id] {
				parts[i] = append(parts[i], p)
			}
		}
		if n := len(parts[i]); n >= K {
			outside -= n
			if least < 0 || n < len(parts[least]) {
				least = i
			}
		}
	}
	if outside > 0 && outside < K && least >= 0 {
		parts[least] = nil
	}
	figures = make([]Figures, len(groups))
	for i := range parts {
		figures[i] = publish(parts[i], K)
	}
	return publish(people, K), figures
}
