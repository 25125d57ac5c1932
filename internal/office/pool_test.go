package office

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// team is a team's name and how many it has.
type team struct {
	name string
	size int
}

func orgOf(list ...team) (teams []registry.Team, wearers []registry.Wearer) {
	for i, t := range list {
		id := schemas.MustID(fmt.Sprintf("team-%02d", i))
		teams = append(teams, registry.Team{ID: id, Name: t.name})
		for n := range t.size {
			wearers = append(wearers, registry.Wearer{ID: schemas.MustID(fmt.Sprintf("w-%02d-%03d", i, n)), Team: id})
		}
	}
	return teams, wearers
}

func TestSmallTeamsArePooled(t *testing.T) {
	for _, c := range []struct {
		name string
		org  []team
		want []string // name and size
	}{
		{"nobody", nil, nil},
		{"one short of enough", []team{{"Sales", 9}}, nil},
		{"just enough", []team{{"Sales", 10}}, []string{"Sales 10"}},
		{"a team without people", []team{{"Sales", 10}, {"Empty", 0}}, []string{"Sales 10"}},
		{
			"two small ones join",
			[]team{{"Facilities", 4}, {"Engineering", 30}, {"Design", 7}, {"Sales", 19}},
			[]string{"Design + Facilities 11", "Engineering 30", "Sales 19"},
		},
		{
			"a small one joins the next-smallest",
			[]team{{"Design", 3}, {"Engineering", 40}, {"Sales", 12}},
			[]string{"Design + Sales 15", "Engineering 40"},
		},
		{
			"many tiny ones",
			[]team{{"A", 2}, {"B", 2}, {"C", 2}, {"D", 2}, {"E", 2}, {"F", 11}},
			[]string{"A + B + C + D + E 10", "F 11"},
		},
		{"all of them are one", []team{{"A", 5}, {"B", 4}, {"C", 3}}, []string{"A + B + C 12"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range pools(orgOf(c.org...)) {
				got = append(got, fmt.Sprintf("%s %d", p.name(), len(p.members)))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWearersWithoutTeamArePooledToo(t *testing.T) {
	teams, wearers := orgOf(team{"Sales", 8})
	for i := range 4 {
		wearers = append(wearers, registry.Wearer{ID: schemas.MustID(fmt.Sprintf("loose-%d", i))})
	}
	got := pools(teams, wearers)
	if len(got) != 1 || got[0].name() != "No team + Sales" || len(got[0].members) != 12 {
		t.Errorf("got %d groups, the first %+v", len(got), got)
	}
}

// Whatever the teams: no group has fewer than K members, everybody is in exactly
// one group or there is none at all, and the order of the input does not matter.
func TestPoolsAreSafeForAnyTeams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 25), 0, 12).Draw(t, "sizes")
		var list []team
		for i, n := range sizes {
			list = append(list, team{fmt.Sprintf("T%02d", i), n})
		}
		teams, wearers := orgOf(list...)
		groups := pools(teams, wearers)
		seen := map[schemas.ID]int{}
		for _, g := range groups {
			if len(g.members) < K {
				t.Fatalf("group %s has %d members", g.name(), len(g.members))
			}
			for id := range g.members {
				seen[id]++
			}
		}
		if len(wearers) >= K && len(seen) != len(wearers) {
			t.Fatalf("%d of %d people are in a group", len(seen), len(wearers))
		}
		for id, n := range seen {
			if n != 1 {
				t.Fatalf("%s is in %d groups", id, n)
			}
		}
		slices.Reverse(teams)
		slices.Reverse(wearers)
		if again := names(pools(teams, wearers)); !slices.Equal(names(groups), again) {
			t.Fatalf("the same office gave %q and %q", names(groups), again)
		}
	})
}

func names(groups []*pool) []string {
	var list []string
	for _, g := range groups {
		list = append(list, g.name())
	}
	return list
}

// What a group's figures are stored under stays with its teams, and no two share it.
func TestGroupsAreKeptUnderTheirTeams(t *testing.T) {
	teams, wearers := orgOf(team{"Design", 4}, team{"Sales", 12}, team{"Facilities", 7})
	groups := pools(teams, wearers)
	if len(groups) != 2 || groups[1].key() != teams[1].ID {
		t.Fatalf("the groups are %q, the second is kept under %s", names(groups), groups[1].key())
	}
	key := groups[0].key()
	if !strings.HasPrefix(key.String(), pooled) {
		t.Errorf("two teams are kept under %s", key)
	}
	teams[0].Name = "Art" // a name, one person less, the other order: the same teams
	slices.Reverse(teams)
	if again := pools(teams, wearers[1:])[0]; again.key() != key || again.name() != "Art + Facilities" {
		t.Errorf("%s is kept under %s, not %s", again.name(), again.key(), key)
	}
	seen := map[schemas.ID][]schemas.ID{}
	odd := schemas.MustID(key.String()) // a team that is called as the pool is kept
	for _, ids := range [][]schemas.ID{
		{{}},
		{teams[0].ID},
		{teams[1].ID},
		{teams[0].ID, teams[1].ID},
		{{}, teams[0].ID},
		{odd},
		{odd, teams[0].ID},
		groups[0].ids,
		{schemas.MustID("a"), schemas.MustID("b")},
		{schemas.MustID("ab")},
	} {
		k := (&pool{ids: ids}).key()
		if other, taken := seen[k]; taken {
			t.Errorf("%v and %v are both kept under %s", ids, other, k)
		}
		seen[k] = ids
	}
}
