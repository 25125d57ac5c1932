package lease

import (
	"cmp"
	"slices"
)

// plan is what one member does about the spread.
type plan struct {
	claim []int // free slots that are its part
	give  []int // own slots that are too many
}

// spread is what me does next, given who owns what and who lives. Everybody who
// sees the same gets plans that fit together: no slot is in two claims, and when
// all are carried out counts differ by at most one. It moves no more than it must:
// of shares that cannot be equal, the larger go to those who own more already.
func spread(grants []grant, living map[string]bool, me string) plan {
	members, counts := counted(grants, living)
	share := shares(members, counts, len(grants))
	var p plan
	free := make([]int, 0, len(grants))
	for n, g := range slices.Backward(grants) {
		switch {
		case g.Owner == "" || !living[g.Owner]:
			free = append(free, n)
		case g.Owner == me && len(p.give) < counts[me]-share[me]:
			p.give = append(p.give, n)
		}
	}
	slices.Sort(members) // each takes what those before it leave
	for _, m := range members {
		part := min(max(share[m]-counts[m], 0), len(free))
		if m == me {
			p.claim = free[:part]
		}
		free = free[part:]
	}
	return p
}

// counted is the living and how many slots each owns.
func counted(grants []grant, living map[string]bool) (members []string, counts map[string]int) {
	counts = map[string]int{}
	for name, lives := range living {
		if lives {
			members, counts[name] = append(members, name), 0
		}
	}
	for _, g := range grants {
		if living[g.Owner] {
			counts[g.Owner]++
		}
	}
	return members, counts
}

// shares are how many slots each should own. It sorts members.
func shares(members []string, counts map[string]int, slots int) map[string]int {
	slices.SortFunc(members, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	share := map[string]int{}
	for i, m := range members {
		share[m] = slots / len(members)
		if i < slots%len(members) {
			share[m]++
		}
	}
	return share
}
