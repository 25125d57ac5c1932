package runner

import (
	"errors"
	"testing"
)

// A partition that is granted, cannot be loaded, and is wanted elsewhere before it
// could be: whoever waits for it must not wait for ever.
func TestWhatWasNeverHeldIsReleased(t *testing.T) {
	w := newWorld(t)
	lease := grant(map[int]uint64{0: 1, 5: 4})
	o := w.options(w.log, &lines{})
	g := newGate(o.Checkpoints)
	o.Checkpoints, o.Lease = g, lease
	r := New(o)
	r.out = w.log.Outbox(o.Logger)
	t.Cleanup(r.closeReader)
	g.lose(headKey(5))
	if err := r.settle(t.Context()); err != nil || r.again == nil || r.count() != 1 {
		t.Fatalf("it holds %d partitions, %v", r.count(), err)
	}
	lease.partitions = map[int]uint64{0: 1}
	if err := errors.Join(r.settle(t.Context()), r.settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(lease.released) != 1 || lease.released[0] != (release{5, 4, 0}) || r.again != nil {
		t.Errorf("released are %+v", lease.released)
	}
}
