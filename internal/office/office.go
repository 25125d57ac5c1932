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

// Store gives the aggregates of an organisation; see series.Offices.
type Store interface {
	Aggregates(ctx context.Context, q series.OfficeQuery) ([]series.Aggregate, error)
}

// Registry gives who belongs to an organisation.
type Registry interface {
	Teams(org schemas.ID) []registry.Team
	Wearers(org schemas.ID) []registry.Wearer
}

// Office shows what a Maker made. Make one with New.
type Office struct {
	store    Store
	registry Registry
}

// New makes an Office that reads of the two.
func New(store Store, reg Registry) *Office { return &Office{store: store, registry: reg} }

// Summary is what may be seen of an organisation.
type Summary struct {
	Org  schemas.ID `json:"org"`
	Zone string     `json:"zone"` // in which days begin and end
	K    int        `json:"k"`    // the fewest people behind any figure
	DayK int        `json:"day_k"`
	// Made is when the latest of the windows was made; zero before any was.
	Made time.Time `json:"made,omitzero"`
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
// days that were over by then. A window that has not been made yet is suppressed.
func (o *Office) Summary(ctx context.Context, scope auth.Scope, zone *time.Location, now time.Time) (Summary, error) {
	org := scope.Org()
	now = now.In(zone)
	s := Summary{Org: org, Zone: zone.String(), K: K, DayK: DayK, Groups: []Group{}}
	weeks, days := lastWeeks(now, shownWeeks), lastDays(now, shownDays)
	ofWeeks, err := o.read(ctx, org, weeks)
	if err != nil {
		return Summary{}, err
	}
	ofDays, err := o.read(ctx, org, days)
	if err != nil {
		return Summary{}, err
	}
	for _, of := range []made{ofWeeks, ofDays} {
		if latest := of.latest(); latest.After(s.Made) {
			s.Made = latest
		}
	}
	s.Office, s.Days = ofWeeks.of(weeks, schemas.ID{}), ofDays.of(days, schemas.ID{})
	for _, p := range rosterOf(o.registry, org).groups {
		s.Groups = append(s.Groups, Group{Name: p.name(), Teams: p.teams, Weeks: ofWeeks.of(weeks, p.key())})
	}
	return s, nil
}

// cell names an aggregate among those of an organisation and a kind of window.
type cell struct {
	start int64
	group schemas.ID
}

// made are the aggregates of some windows of one kind.
type made map[cell]*series.Aggregate

// read gives what is stored of windows of one kind, earliest first, of an organisation.
func (o *Office) read(ctx context.Context, org schemas.ID, windows []window) (made, error) {
	first, last := &windows[0], &windows[len(windows)-1]
	return aggregates(ctx, o.store, series.OfficeQuery{Org: org, Window: first.kind, From: first.start(), To: last.end})
}

func aggregates(ctx context.Context, store Store, q series.OfficeQuery) (made, error) {
	list, err := store.Aggregates(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the office's figures by %s of %s: %w", q.Window, q.Org, err)
	}
	all := make(made, len(list))
	for i := range list {
		all[cell{list[i].Start.Unix(), list[i].Group}] = &list[i]
	}
	return all, nil
}

// of are a group's figures of windows.
func (m made) of(windows []window, group schemas.ID) []Window {
	list := make([]Window, len(windows))
	for i := range windows {
		w := &windows[i]
		list[i] = Window{Label: w.label, From: w.first, To: w.last, Figures: Figures{Suppressed: true}}
		if a := m[cell{w.start().Unix(), group}]; a != nil {
			list[i].Figures = figuresOf(a)
		}
	}
	return list
}

// latest is when the last of them was made.
func (m made) latest() (t time.Time) {
	for _, a := range m {
		if a.Made.After(t) {
			t = a.Made
		}
	}
	return t
}
