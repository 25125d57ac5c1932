package lease

import (
	"testing"
	"time"

	"sitwell/internal/faults/proxy"
)

// By a link with a second for each round trip a member lives and gets its share, with
// half a second it is sure of it without a gap, and takes over what another one leaves.
func TestAMemberLivesOnASlowLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := proxy.Start(t, w.broker.NATS())
	p.Delay(500 * time.Millisecond) // there, and back
	slow, other := w.joinBy(&plug{to: p.Addr()}), w.join()
	w.spread(slow, other)
	w.last(deadAfter+2*beatEvery, func() {
		if names := w.names(); len(names) != 2 {
			t.Fatalf("members are %v", names)
		}
	})
	p.Delay(250 * time.Millisecond)
	w.spread(slow, other)
	w.last(deadAfter+2*beatEvery, func() {
		if _, sure := slow.Owned(); !sure {
			t.Fatal("it is not sure")
		}
	})
	other.kill()
	took := w.spread(slow)
	t.Logf("taken over %v after the kill", took)
	if took > 8*time.Second { // what is left of ten seconds is for the user of the slots
		t.Errorf("taken over after %v", took)
	}
}

// last looks again and again for a while.
func (w *world) last(while time.Duration, look func()) {
	w.t.Helper()
	start := time.Now()
	w.eventually("some seconds", func() bool {
		look()
		return time.Since(start) > while
	})
}

// Each slot's grant is written without waiting for the others'.
func TestASlowLinkCostsATakeoverNoRoundForEachSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := proxy.Start(t, w.broker.NATS())
	p.Delay(250 * time.Millisecond)
	slow := w.joinBy(&plug{to: p.Addr()})
	joined := time.Now()
	w.spread(slow)
	took := time.Since(joined)
	t.Logf("%d free slots were taken %v after the join", slots, took)
	if took > 5*time.Second {
		t.Errorf("it took %v to take %d slots", took, slots)
	}
	before := time.Now()
	slow.leave()
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("it took %v to leave", took)
	}
	if owners := w.table().Owners; owners[0] != "" {
		t.Errorf("after the leave of all, owners are %v", owners)
	}
}
