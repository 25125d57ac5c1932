package office

import (
	"cmp"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func wearer(i int) schemas.ID { return schemas.MustID(fmt.Sprintf("w-%03d", i)) }

// crowd is n people who are all alike.
func crowd(n int, p person) []person {
	var list []person
	for i := range n {
		p.id = wearer(i)
		list = append(list, p)
	}
	return list
}

func newTally(kind series.Window, members ...schemas.ID) *tally {
	t := &tally{rule: ruleOf(kind), members: map[schemas.ID]bool{}, sums: map[schemas.ID]sum{}}
	for _, id := range members {
		t.members[id] = true
	}
	return t
}

func TestFiguresAreRoundedMeansOverPeople(t *testing.T) {
	people := crowd(9, person{sittingMin: 300, slouched: 0.2, breaks: 4, flexion: 9})
	people = append(people, person{sittingMin: 406, slouched: 0.9, breaks: 7, flexion: 24})
	got := publish(people, ruleOf(series.Week))
	if want := (series.Aggregate{Contributors: "10-19", SittingMin: 311, SlouchedPct: 27, Breaks: 4.5, FlexionDeg: 11}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Nine people look just like nobody.
func TestTooFewPeopleLookLikeNobody(t *testing.T) {
	for _, c := range []struct{ people, least int }{{0, K}, {9, K}, {49, DayK}, {99, HourK}, {9, 3}} {
		if got := publish(crowd(c.people, person{sittingMin: 300}), rule{least: c.least, step: 1}); got != (series.Aggregate{Suppressed: true}) {
			t.Errorf("%d people of at least %d: got %+v", c.people, c.least, got)
		}
	}
}

func TestContributorsAreSaidInBands(t *testing.T) {
	for n, want := range map[int]string{10: "10-19", 19: "10-19", 20: "20-49", 49: "20-49", 50: "50+", 4000: "50+"} {
		if got := publish(crowd(n, person{}), ruleOf(series.Week)).Contributors; got != want {
			t.Errorf("%d people: got %q, want %q", n, got, want)
		}
	}
}

func TestWhoCountsAsContributor(t *testing.T) {
	for name, c := range map[string]struct {
		totals series.Totals
		want   bool
	}{
		"an hour":            {series.Totals{Sitting: 3000, Standing: 300, Moving: 300, Upright: 60}, true},
		"a minute short":     {series.Totals{Sitting: 3540, NotWorn: 9000, Upright: 60}, false},
		"posture not judged": {series.Totals{Sitting: 30000}, false},
		"somebody else":      {series.Totals{Wearer: wearer(2), Sitting: 3600, Upright: 60}, false},
	} {
		c.totals.Wearer = cmp.Or(c.totals.Wearer, wearer(1))
		list := newTally(series.Day, wearer(1))
		list.add([]series.Totals{c.totals})
		if got := len(list.people()) == 1; got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A person counts once, by their own mean over their own days, however many
// those are, and no further than the bounds.
func TestEachPersonWeighsTheSame(t *testing.T) {
	day := func(minutes float64) series.Totals {
		return series.Totals{Sitting: 60 * minutes, Upright: 1000, Slouched: 1000, FlexionSum: 2000 * 12, Breaks: 3}
	}
	of := func(i int, minutes float64) series.Totals {
		d := day(minutes)
		d.Wearer = wearer(i)
		return d
	}
	week := newTally(series.Week, wearer(1), wearer(2), wearer(3))
	week.add([]series.Totals{of(1, 100), of(2, 400)})
	week.add([]series.Totals{of(1, 300)})
	week.add([]series.Totals{of(1, 200), of(3, 9000)})
	people := week.people()
	want := []person{
		{wearer(1), 200, 0.5, 3, 12}, {wearer(2), 400, 0.5, 3, 12}, {wearer(3), 16 * 60, 0.5, 3, 12},
	}
	for i := range want {
		if people[i] != want[i] {
			t.Errorf("got %+v, want %+v", people[i], want[i])
		}
	}
}

// An adversary knows every group's members, and adds and subtracts what is
// published of a week. No set of people so isolated may be smaller than K, no
// matter who of which team contributed.
func TestNothingPublishedIsolatesFewerThanK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 30), 1, 6).Draw(t, "sizes")
		var list []team
		for i, n := range sizes {
			list = append(list, team{fmt.Sprintf("T%02d", i), n})
		}
		teams, wearers := orgOf(list...)
		var people []person
		for _, w := range wearers {
			if rapid.IntRange(0, 3).Draw(t, "contributes") > 0 {
				people = append(people, person{id: w.ID, sittingMin: 300})
			}
		}
		groups := pools(teams, wearers)
		office, figures := split(people, groups, ruleOf(series.Week))
		var cells []map[schemas.ID]bool // the people behind each published figure
		if !office.Suppressed {
			cells = append(cells, behind(people, nil))
		}
		for i, f := range figures {
			if !f.Suppressed {
				cells = append(cells, behind(people, groups[i]))
			}
		}
		isolatesNobody(t, cells)
	})
}

func behind(people []person, g *pool) map[schemas.ID]bool {
	set := map[schemas.ID]bool{}
	for _, p := range people {
		if g == nil || g.members[p.id] {
			set[p.id] = true
		}
	}
	return set
}

// isolatesNobody tries each difference of a cell and a union of others. The cells
// here are disjoint but for the whole, so those differences are all there is.
func isolatesNobody(t *rapid.T, cells []map[schemas.ID]bool) {
	for i, cell := range cells {
		for mask := range 1 << len(cells) {
			if mask&(1<<i) != 0 {
				continue
			}
			left := len(cell)
			for id := range cell {
				for j := range cells {
					if mask&(1<<j) != 0 && cells[j][id] {
						left--
						break
					}
				}
			}
			if left > 0 && left < K {
				t.Fatalf("what is published isolates %d people", left)
			}
		}
	}
}
