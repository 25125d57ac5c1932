package runner

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Runners join, leave and are killed in any order
// while readings come: what is found is what one run would have found.
func TestWhateverHappensToRunnersTheSameIsFound(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t)
			o := newOffice(t, w.log, 12)
			n := len(o.records)
			all := []*sharing{w.share()}
			const steps = 12
			for i := range steps {
				w.publish(o, i*n/steps, (i+1)*n/steps)
				k := rng.IntN(len(all))
				switch what := rng.IntN(4); {
				case what == 0 && len(all) > 1:
					t.Log("killed")
					_ = all[k].crash() // that is how crashes end
					all = append(all[:k], all[k+1:]...)
				case what == 1 && len(all) > 1:
					t.Log("left")
					all[k].finish()
					all = append(all[:k], all[k+1:]...)
				case what == 2 && len(all) < 4:
					t.Log("joined")
					all = append(all, w.share())
				default:
					t.Logf("settled in %v", w.settled())
				}
			}
			w.settled()
			w.even(all...)
			for _, s := range all {
				s.finish()
			}
			w.same(o)
		})
	}
}
