//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sitwell/internal/broker"
	"sitwell/internal/faults/disk"
)

// diskSize is room for the log and the store of a test, and for their copies.
const diskSize = 512 << 20

// random is the randomness of a test; -seed repeats it.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A power cut ends everything at once, and only what had reached the disk comes
// back. With durability "always" that is all that was acknowledged; with
// "interval" what was acknowledged in the last moments may be lost, and is: that
// shows that these cuts can lose something.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	cuts := size(*cutsFlag, 1, 20)
	t.Run("always", func(t *testing.T) {
		lost, acknowledged := powerCuts(t, "always", cuts)
		figure(t, "G2: %d power cuts, durability always: %d acknowledged readings, %d lost", cuts, acknowledged, len(lost))
		if len(lost) > 0 {
			t.Errorf("lost %d acknowledged readings, such as %v", len(lost), lost[0])
		}
	})
	t.Run("interval", func(t *testing.T) {
		lost, acknowledged := powerCuts(t, "interval", cuts)
		// Whether a cut loses something is chance: a sync may have come just before it.
		made := cuts
		for ; len(lost) == 0 && made < 10*cuts; made += cuts {
			more, n := powerCuts(t, "interval", cuts)
			lost, acknowledged = more, acknowledged+n
		}
		var oldest time.Duration
		for _, l := range lost {
			oldest = max(oldest, l.before)
		}
		figure(t, "G2: %d power cuts, durability interval: %d acknowledged readings, %d lost, the oldest acknowledged %s before the cut",
			made, acknowledged, len(lost), oldest.Round(time.Millisecond))
		if len(lost) == 0 {
			t.Error("nothing was lost, so these cuts prove nothing")
		}
		// The fsync itself takes its time on a busy disk.
		if window := broker.SyncInterval + slack; oldest > window {
			t.Errorf("a lost reading was acknowledged %s before the cut, the window is %s", oldest, broker.SyncInterval)
		}
	})
}

// gone is a reading that was acknowledged and lost.
type gone struct {
	id
	before time.Duration // its acknowledgement, before the cut
}

// powerCuts lets devices publish without a pause and cuts the power, some times
// over on the same disk. It returns what is missing in the end.
func powerCuts(t *testing.T, durability string, cuts int) (lost []gone, acknowledged int) {
	t.Helper()
	const wearers = 8
	mounted := disk.New(t, diskSize)
	rnd := random(t)
	p := newPlace(t, mounted.Dir)
	begun := time.Now()
	base := begun.Add(-25 * 24 * time.Hour)
	var fleets []*fleet
	var at []time.Time // of the cuts
	from := 0
	for n := range cuts {
		c := p.serve("--durability", durability)
		if n == 0 {
			p.enrol(wearers)
			must(t, mounted.Sync()) // wearers enrolled within the window may be lost too, and are not what is counted
		}
		// Another boot: what the last one had sent and not got acknowledged is forgotten.
		f := p.fleet(0, wearers, uint32(n+1), base.Add(time.Duration(from)*time.Second))
		stop := f.pour(0, 10)
		// The first cut comes when the log has just been made, later ones at any time.
		enough := 500 + rnd.IntN(1500)
		eventually(t, "readings are acknowledged", func() bool { return f.acknowledged() >= enough })
		wait(t.Context(), time.Duration(min(n, 1)*rnd.IntN(3000))*time.Millisecond)
		at = append(at, f.freeze())
		must(t, mounted.Cut())
		c.kill()
		from += stop() + 60
		f.close()
		fleets = append(fleets, f)
		mounted = mounted.Recover(t)
		p.data = mounted.Dir + "/data"
	}
	p.serve("--durability", durability)
	p.settle()
	there := map[id]int{}
	for i := range wearers {
		for _, v := range p.stored(i, base.Add(-time.Minute), begun.Add(24*time.Hour)) {
			there[id{band(i), v.Boot, v.Seq}]++
		}
	}
	for n, f := range fleets {
		for k, acked := range f.acked {
			acknowledged++
			if there[k] == 0 {
				lost = append(lost, gone{k, at[n].Sub(acked)})
			}
		}
	}
	for k, n := range there {
		if n > 1 {
			t.Errorf("%v is stored %d times", k, n)
		}
	}
	if durability == string(broker.Always) {
		if _, err := p.ledgerCheck(context.Background()); err != nil {
			t.Error(err)
		}
	}
	return lost, acknowledged
}

func (g gone) String() string {
	return fmt.Sprintf("%s/%d/%d, acknowledged %s before the cut", g.device, g.boot, g.seq, g.before)
}
