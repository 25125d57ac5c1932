package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"sitwell/detect"
	"sitwell/schemas"
)

func TestADamagedCheckpointIsRebuiltFromTheLog(t *testing.T) {
	t.Parallel()
	damages := map[string]func(w *world, n int){
		"the head is garbage":    func(w *world, n int) { w.put(headKey(n), []byte("garbage")) },
		"the head is empty":      func(w *world, n int) { w.put(headKey(n), nil) },
		"the head is of another": func(w *world, n int) { w.put(headKey(n), encoded(w.t, head{Version: 9, Seq: 10})) },
		"the head has no such slot": func(w *world, n int) {
			w.put(headKey(n), encoded(w.t, head{Version: checkpointVersion, Seq: 10, Slot: 7, Chunks: 1}))
		},
		"the chunk is garbage": func(w *world, n int) { w.put(chunkKey(n, 1, 0), []byte("garbage")) },
		"a wearer is garbage": func(w *world, n int) {
			w.put(chunkKey(n, 1, 0), encoded(w.t, chunk{Wearers: []saved{{acme, acme, []byte("garbage")}}}))
		},
		"the chunk is of another checkpoint": func(w *world, n int) {
			w.put(chunkKey(n, 1, 0), encoded(w.t, chunk{Epoch: 1, Cut: 1}))
		},
		"the chunk is missing": func(w *world, n int) {
			if err := w.checkpoints(w.log).Delete(w.t.Context(), chunkKey(n, 1, 0)); err != nil {
				w.t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := newOffice(t, w.log, 5)
			w.publish(o, 0, len(o.records))
			first := w.start()
			w.judge(first)
			first.finish()
			damage(w, o.where[0])
			again := w.start()
			w.judge(again)
			again.finish()
			w.same(o)
			if !strings.Contains(again.logs.String(), fmt.Sprintf("judging the log from its beginning\" partition=%d", o.where[0])) {
				t.Errorf("the log says\n%s", again.logs)
			}
			if n := again.judged(); n < hourItems || n >= 5*hourItems {
				t.Errorf("judged %d readings again; want those of one partition", n)
			}
			third := w.start()
			w.judge(third)
			third.finish()
			if n := third.judged(); n != 0 {
				t.Errorf("the rebuilt checkpoint was not saved: %d readings were judged again", n)
			}
		})
	}
}

func (w *world) put(key string, value []byte) {
	w.t.Helper()
	if _, err := w.checkpoints(w.log).Put(w.t.Context(), key, value); err != nil {
		w.t.Fatal(err)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Without leases the one that came later has the partitions.
func TestOfTwoRunnersTheEarlierOneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	earlier := w.start()
	w.judge(earlier)
	later := w.start()
	w.judge(later)
	w.publish(o, 0, n/2)
	w.judge(later)
	err := earlier.stop()
	if !errors.Is(err, errFenced) || !strings.Contains(err.Error(), "partition") || !strings.Contains(err.Error(), "another detector") {
		t.Fatalf("the earlier one ended with %v", err)
	}
	later.finish()
	w.publish(o, n/2, n)
	next := w.start()
	w.judge(next)
	next.finish()
	w.same(o)
	if got := later.judged() + next.judged(); got != 5*hourItems {
		t.Errorf("judged %d readings on the way of the checkpoints, want %d", got, 5*hourItems)
	}
}

// internal is a runner whose steps the test takes itself.
func (w *world) internal(change ...func(*Options)) *Runner {
	w.t.Helper()
	o := w.options(w.log, &lines{})
	for _, c := range change {
		c(&o)
	}
	r := New(o)
	r.out = w.log.Outbox(r.o.Logger)
	if err := r.settle(w.t.Context()); err != nil || r.again != nil {
		w.t.Fatalf("the checkpoints are not there: %v", err)
	}
	w.t.Cleanup(r.closeReader)
	return r
}

func TestALogThatDoesNotAnswerIsNoEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.internal()
	r.partitions[0].wearer(acme, acme, r.o.Parameters)
	r.partitions[0].dirty = true
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.savePartition(short, r.partitions[0]); err == nil || errors.Is(err, errFenced) {
		t.Fatalf("saved without an answer: %v", err)
	}
	if !r.partitions[0].dirty {
		t.Error("what was not saved counts as saved")
	}
	if err := r.checkpoint(t.Context(), 0); err != nil || r.partitions[0].dirty {
		t.Errorf("the next one: %v", err)
	}
}

func TestManyWearersAreSavedInChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.internal()
	p := r.partitions[3]
	const wearers = 6000
	var out detect.Output
	for i := range wearers {
		id := schemas.MustID(fmt.Sprintf("w%d", i))
		b := schemas.Batch{Org: acme, Wearer: id, Device: id, Boot: 1, Items: items(i, 0, 90)}
		p.wearer(acme, id, r.o.Parameters).Take(&b, &out)
	}
	var counts []int
	for _, keep := range []int{wearers, 10, wearers} { // a slot is used again with fewer and with more
		for k := range p.wearers {
			if len(p.wearers) > keep {
				delete(p.wearers, k)
			}
		}
		for i := len(p.wearers); i < keep; i++ {
			p.wearer(acme, schemas.MustID(fmt.Sprintf("x%d", i)), r.o.Parameters)
		}
		p.dirty = true
		if err := r.save(t.Context(), idleLag, 0, 1); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, p.count)
		next := w.internal()
		again := next.partitions[3]
		if len(again.wearers) != len(p.wearers) || again.count != p.count {
			t.Fatalf("%d wearers in %d chunks came back as %d in %d", len(p.wearers), p.count, len(again.wearers), again.count)
		}
		for k, want := range p.wearers {
			a, errA := want.AppendState(nil)
			b, errB := again.wearers[k].AppendState(nil)
			if !bytes.Equal(a, b) || errors.Join(errA, errB) != nil {
				t.Fatalf("wearer %s came back differently", k.wearer)
			}
		}
		r, p = next, again
	}
	if counts[0] < 3 || counts[1] != 1 {
		t.Errorf("the chunks were %d", counts)
	}
}

// behind is the sequence behind which the checkpoints would go on, in a log
// that is long enough.
func (w *world) behind() uint64 {
	w.t.Helper()
	r := New(w.options(w.log, &lines{}))
	least := ^uint64(0)
	for n := range r.partitions {
		h, _, damage, err := r.readHead(w.t.Context(), n)
		if err != nil || damage != nil {
			w.t.Fatal(err, damage)
		}
		least = min(least, h.Seq)
	}
	return least
}

func TestCheckpointsOfIdlePartitionsFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.internal()
	for _, c := range []struct{ last, want uint64 }{{idleLag - 1, 0}, {idleLag, idleLag}, {idleLag + 5, idleLag}} {
		r.last = c.last
		if err := r.save(t.Context(), idleLag, 0, 1); err != nil {
			t.Fatal(err)
		}
		if got := w.behind(); got != c.want {
			t.Errorf("at message %d a restart reads from behind %d, want %d", c.last, got, c.want)
		}
	}
	if err := r.save(t.Context(), 1, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got := w.behind(); got != idleLag+5 {
		t.Errorf("after a stop a restart reads from behind %d", got)
	}
}
