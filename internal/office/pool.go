package office

import (
	"cmp"
	"slices"
	"strings"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// Thresholds of what is published; DOMAIN.md section 7. They can be raised and
// must not be lowered.
const (
	K    = 10 // people behind any figure
	DayK = 50 // people behind a figure of a single day
)

// noTeam gathers the wearers that belong to no team.
const noTeam = "No team"

// pool is one or more teams that are published as one group.
type pool struct {
	teams   []string // names, alphabetically
	members map[schemas.ID]bool
	order   schemas.ID // of the first team, to break ties
}

func (p *pool) name() string { return strings.Join(p.teams, " + ") }

// pools makes groups of at least K members of the teams of an organisation.
// The smallest is merged with the next-smallest until it has K; should the last
// one stay below, it joins the smallest group there is. With fewer than K people
// in all, there is none. The result depends on the teams and their members
// alone, never on what anyone did, and is in alphabetical order.
func pools(teams []registry.Team, wearers []registry.Wearer) []*pool {
	waiting := roster(teams, wearers)
	var done []*pool
	for len(waiting) > 0 {
		slices.SortFunc(waiting, smaller)
		first := waiting[0]
		waiting = waiting[1:]
		switch {
		case len(first.members) >= K:
			done = append(done, first)
		case len(waiting) > 0:
			waiting[0] = merge(first, waiting[0])
		case len(done) > 0:
			slices.SortFunc(done, smaller)
			done[0] = merge(first, done[0])
		}
	}
	slices.SortFunc(done, func(a, b *pool) int { return cmp.Or(cmp.Compare(a.name(), b.name()), a.order.Compare(b.order)) })
	return done
}

// roster is each team that has members, as a pool of its own.
func roster(teams []registry.Team, wearers []registry.Wearer) []*pool {
	names := make(map[schemas.ID]string, len(teams))
	for _, t := range teams {
		names[t.ID] = cmp.Or(t.Name, t.ID.String())
	}
	byTeam := map[schemas.ID]*pool{}
	for _, w := range wearers {
		id, name := w.Team, names[w.Team]
		if name == "" { // no team, or one that is not registered
			id, name = schemas.ID{}, noTeam
		}
		if byTeam[id] == nil {
			byTeam[id] = &pool{teams: []string{name}, members: map[schemas.ID]bool{}, order: id}
		}
		byTeam[id].members[w.ID] = true
	}
	all := make([]*pool, 0, len(byTeam))
	for _, p := range byTeam {
		all = append(all, p)
	}
	return all
}

func smaller(a, b *pool) int {
	return cmp.Or(cmp.Compare(len(a.members), len(b.members)), a.order.Compare(b.order))
}

func merge(a, b *pool) *pool {
	m := &pool{members: make(map[schemas.ID]bool, len(a.members)+len(b.members)), order: b.order}
	m.teams = append(append(m.teams, a.teams...), b.teams...)
	slices.Sort(m.teams)
	for _, p := range []*pool{a, b} {
		for id := range p.members {
			m.members[id] = true
		}
	}
	if a.order.Compare(b.order) < 0 {
		m.order = a.order
	}
	return m
}
