package lease

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sim is a table that simulated members act on, all seeing the same.
type sim struct {
	grants []grant
	living map[string]bool
	moves  int
}

// round lets every member carry its plan out.
func (s *sim) round(fail func(msg string, args ...any)) (changed bool) {
	before := slices.Clone(s.grants)
	taken := map[int]string{}
	for name, lives := range s.living {
		if !lives {
			continue
		}
		p := spread(before, s.living, name)
		for _, n := range p.claim {
			if other, ok := taken[n]; ok {
				fail("%s and %s both claim %d", name, other, n)
			}
			if s.living[before[n].Owner] {
				fail("%s claims %d of %s, who lives", name, n, before[n].Owner)
			}
			taken[n] = name
			s.grants[n] = grant{Owner: name, Epoch: before[n].Epoch + 1}
		}
		for _, n := range p.give {
			if before[n].Owner != name {
				fail("%s gives %d of %q", name, n, before[n].Owner)
			}
			s.grants[n].Owner = ""
			s.moves++
		}
		changed = changed || len(p.claim)+len(p.give) > 0
	}
	return changed
}

func (s *sim) counts() map[string]int {
	counts := map[string]int{}
	for name, lives := range s.living {
		if lives {
			counts[name] = 0
		}
	}
	for _, g := range s.grants {
		counts[g.Owner]++
	}
	return counts
}

func TestWhateverComesTheSpreadGetsEvenWithFewMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &sim{grants: make([]grant, rapid.IntRange(1, 70).Draw(t, "slots")), living: map[string]bool{}}
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			name := fmt.Sprintf("m%d", rapid.IntRange(0, 9).Draw(t, "member"))
			s.living[name] = rapid.Bool().Draw(t, "lives")
			if rapid.Bool().Draw(t, "between") { // the next event may come before all is even
				s.round(t.Fatalf)
			}
		}
		s.living["last"] = true
		surplus, members := 0, 0
		for _, lives := range s.living {
			if lives {
				members++
			}
		}
		for name, n := range s.counts() {
			if s.living[name] {
				surplus += max(n-len(s.grants)/members, 0)
			}
		}
		s.moves = 0
		for rounds := 0; s.round(t.Fatalf); rounds++ {
			if rounds > 2*members+2 {
				t.Fatalf("not even after %d rounds: %v", rounds, s.counts())
			}
		}
		counts := s.counts()
		if counts[""] > 0 {
			t.Fatalf("%d slots are nobody's", counts[""])
		}
		least, most := len(s.grants), 0
		for name, n := range counts {
			if name != "" {
				least, most = min(least, n), max(most, n)
			}
		}
		if most-least > 1 {
			t.Fatalf("counts are %v", counts)
		}
		if s.moves > surplus {
			t.Fatalf("%d living slots moved, %d were too many", s.moves, surplus)
		}
	})
}

func TestSpread(t *testing.T) {
	living := map[string]bool{"a": true, "b": true, "dead": false}
	for name, c := range map[string]struct {
		owners      []string
		claim, give int // of b
	}{
		"all free":                   {[]string{"", "", "", "", ""}, 2, 0},
		"all of somebody who died":   {[]string{"dead", "dead", "dead", "dead"}, 2, 0},
		"all of the other":           {[]string{"a", "a", "a", "a"}, 0, 0},
		"all its own":                {[]string{"b", "b", "b", "b"}, 0, 2},
		"even":                       {[]string{"a", "b", "a", "b"}, 0, 0},
		"the odd one stays":          {[]string{"b", "b", "a"}, 0, 0},
		"the odd one stays there":    {[]string{"a", "b", "a"}, 0, 0},
		"one free, the other has":    {[]string{"a", "", "a", "b"}, 1, 0},
		"one free, it has more":      {[]string{"b", "", "a", "b"}, 0, 0},
		"one of an unknown stranger": {[]string{"x", "a"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			grants := make([]grant, len(c.owners))
			for i, o := range c.owners {
				grants[i].Owner = o
			}
			p := spread(grants, living, "b")
			if len(p.claim) != c.claim || len(p.give) != c.give {
				t.Errorf("claims %v and gives %v, want %d and %d", p.claim, p.give, c.claim, c.give)
			}
		})
	}
	if p := spread(make([]grant, 3), living, "stranger"); len(p.claim)+len(p.give) > 0 {
		t.Errorf("one who is no member does %+v", p)
	}
}
