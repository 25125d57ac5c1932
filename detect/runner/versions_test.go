package runner

import (
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The head and chunk of the version before this one.
type (
	oldHead struct {
		Version int    `cbor:"1,keyasint"`
		Owner   string `cbor:"2,keyasint"`
		Seq     uint64 `cbor:"3,keyasint"`
		Slot    int    `cbor:"4,keyasint"`
		Chunks  int    `cbor:"5,keyasint"`
	}
	oldChunk struct {
		Owner   string  `cbor:"2,keyasint"`
		Wearers []saved `cbor:"3,keyasint"`
	}
)

func decoded[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := cbor.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) value(key string) []byte {
	w.t.Helper()
	e, err := w.checkpoints(w.log).Get(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return e.Value()
}

// An upgrade and the way back: each version reads what the other one has written.
func TestCheckpointsOfTheVersionBefore(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	w.publish(o, 0, n/2)
	first := w.start()
	w.judge(first)
	first.finish()

	// The version before reads and writes these, without what it does not know.
	wearers := 0
	for p := range w.log.Partitions() {
		h := decoded[oldHead](t, w.value(headKey(p)))
		if h.Version != 1 || h.Seq != w.seq {
			t.Fatalf("the version before reads the head %+v", h)
		}
		h.Owner = "the version before"
		for i := range h.Chunks {
			c := decoded[oldChunk](t, w.value(chunkKey(p, h.Slot, i)))
			wearers += len(c.Wearers)
			c.Owner = h.Owner
			w.put(chunkKey(p, 1-h.Slot, i), encoded(t, c))
		}
		h.Slot = 1 - h.Slot
		w.put(headKey(p), encoded(t, h))
	}
	if wearers != 5 {
		t.Errorf("the version before reads %d wearers", wearers)
	}

	w.publish(o, n/2, n)
	next := w.share()
	w.even(next)
	w.settled()
	next.finish()
	w.same(o)
	if got := first.judged() + next.judged(); got != 5*hourItems {
		t.Errorf("judged %d readings, want %d: each once", got, 5*hourItems)
	}
	if got := next.counted(next.metrics.takeovers); got != w.log.Partitions() {
		t.Errorf("took %d partitions over", got)
	}
}

// One of the version before still runs when this version takes over. It is refused;
// where it starts again it is taken over from again.
func TestAProcessOfTheVersionBeforeIsFenced(t *testing.T) {
	s := newScene(t, newWorld(t))
	a := s.actor(1)
	s.must(a.own())
	a.judgeTo(10)
	s.must(a.keep())
	h := decoded[oldHead](t, s.value(headKey(s.n)))
	h.Owner, h.Seq = "the version before", 10
	s.put(headKey(s.n), encoded(t, h)) // it has come after, knowing no epochs
	a.judgeTo(15)
	s.refused(a.keep(), 0)
	b := s.actor(2)
	s.must(b.own())
	b.judgeTo(20)
	s.must(b.keep())
	s.mustHold(20, 2)
}
