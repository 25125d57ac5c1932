package office

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// Thresholds of what is published; DOMAIN.md section 7. They can be raised and
// must not be lowered.
const (
	K     = 10  // people behind any figure
	DayK  = 50  // people behind a figure of a single day
	HourK = 100 // people behind a figure of an hour of the week, of a month
)

// noTeam gathers the wearers that belong to no team.
const noTeam = "No team"

// pool is one or more teams that are published as one group.
type pool struct {
	teams   []string // names, alphabetically
	members map[schemas.ID]bool
	ids     []schemas.ID // of the teams, in order; the zero one for no team
}

func (p *pool) name() string { return strings.Join(p.teams, " + ") }

// pooled begins the keys of groups that no team's identifier can stand for.
const pooled = "pool_"

// key stands for the group where it is stored, and in tags: the same for the same
// teams, whatever they are called, whoever is in them and in whatever order they come.
// A single team's is its own identifier.
func (p *pool) key() schemas.ID {
	if first := p.ids[0]; len(p.ids) == 1 && !first.IsZero() && !strings.HasPrefix(first.String(), pooled) {
		return first
	}
	h := sha256.New()
	for _, id := range p.ids {
		_, _ = h.Write(append([]byte(id.String()), '\n')) // a hash takes all
	}
	return schemas.MustID(pooled + hex.EncodeToString(h.Sum(nil)[:16]))
}

// roster is who belongs to an organisation, and the groups that are published.
type roster struct {
	members map[schemas.ID]bool
	groups  []*pool
}

// rosterOf is the roster that a window's figures are made with: for now who is
// registered at present and not about to be erased. Rosters frozen by calendar month belong here.
func rosterOf(reg Registry, org schemas.ID) roster {
	wearers := slices.DeleteFunc(reg.Wearers(org), func(w registry.Wearer) bool { return w.Leaving })
	r := roster{members: make(map[schemas.ID]bool, len(wearers)), groups: pools(reg.Teams(org), wearers)}
	for i := range wearers {
		r.members[wearers[i].ID] = true
	}
	return r
}

// pools makes groups of at least K members of the teams of an organisation.
// The smallest is merged with the next-smallest until it has K; should the last
// one stay below, it joins the smallest group there is. With fewer than K people
// in all, there is none. The result depends on the teams and their members
// alone, never on what anyone did, and is in alphabetical order.
func pools(teams []registry.Team, wearers []registry.Wearer) []*pool {
	waiting := single(teams, wearers)
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
	slices.SortFunc(done, func(a, b *pool) int {
		return cmp.Or(cmp.Compare(a.name(), b.name()), slices.CompareFunc(a.ids, b.ids, schemas.ID.Compare))
	})
	return done
}

// single is each team that has members, as a pool of its own.
func single(teams []registry.Team, wearers []registry.Wearer) []*pool {
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
			byTeam[id] = &pool{teams: []string{name}, members: map[schemas.ID]bool{}, ids: []schemas.ID{id}}
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
	return cmp.Or(cmp.Compare(len(a.members), len(b.members)), a.ids[0].Compare(b.ids[0]))
}

func merge(a, b *pool) *pool {
	m := &pool{members: make(map[schemas.ID]bool, len(a.members)+len(b.members))}
	m.teams = append(append(m.teams, a.teams...), b.teams...)
	slices.Sort(m.teams)
	m.ids = append(append(m.ids, a.ids...), b.ids...)
	slices.SortFunc(m.ids, schemas.ID.Compare)
	for _, p := range []*pool{a, b} {
		for id := range p.members {
			m.members[id] = true
		}
	}
	return m
}
