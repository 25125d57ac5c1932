package runner

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

const replaced = "the log is not the one of this checkpoint"

// replace deletes READINGS and makes it anew, as somebody who repairs a damaged
// log does; the checkpoints stay.
func (w *world) replace() {
	w.t.Helper()
	js, err := jetstream.New(w.log.Conn())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := js.DeleteStream(w.t.Context(), schemas.StreamReadings); err != nil {
		w.t.Fatal(err)
	}
	o := bus.Options{Partitions: w.log.Partitions()}
	if w.log, err = bus.Open(context.WithoutCancel(w.t.Context()), w.log.Conn(), o); err != nil {
		w.t.Fatal(err)
	}
	w.seq = 0
}

// What the devices send again and what they send next is found as if nothing
// had happened to the log.
func TestAReplacedLogIsJudgedFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	w.publish(o, 0, n/2)
	first := w.start()
	w.judge(first)
	first.finish()

	w.replace()
	w.publish(o, n/2-5, n/2+5) // the first five again
	second := w.start()
	w.judge(second)
	second.finish()
	if logs := second.logs.String(); strings.Count(logs, replaced) != w.log.Partitions() {
		t.Errorf("the log says\n%s", logs)
	}

	w.publish(o, n/2+5, n)
	third := w.start()
	w.judge(third)
	third.finish()
	if logs := third.logs.String(); strings.Contains(logs, replaced) {
		t.Errorf("the old sequences are still in the checkpoints:\n%s", logs)
	}
	w.same(o)
	if got := first.judged() + second.judged() + third.judged(); got != 5*hourItems {
		t.Errorf("judged %d readings in all, want %d: each once", got, 5*hourItems)
	}
}

// A log that was made anew and has grown past the checkpoints is noticed, too.
func TestAReplacedLogThatHasOutgrownTheCheckpointsIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	w.publish(o, 0, n/3)
	first := w.start()
	w.judge(first)
	first.finish()

	w.replace()
	w.publish(o, n/3-5, n)
	second := w.start()
	w.judge(second)
	second.finish()
	third := w.start()
	w.judge(third)
	third.finish()
	w.same(o)
	if got := first.judged() + second.judged(); got != 5*hourItems || third.judged() != 0 {
		t.Errorf("judged %d readings and %d after that, want %d: each once", got, third.judged(), 5*hourItems)
	}
	if logs := second.logs.String() + third.logs.String(); strings.Count(logs, replaced) != w.log.Partitions() {
		t.Errorf("the log says\n%s", logs)
	}
}

func TestOfAReplacedLogNoSequenceCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seqs  []uint64
		reset bool
	}{
		"no checkpoint":      {[]uint64{0, 0, 0}, false},
		"all within the log": {[]uint64{3, 0, 10}, false},
		"one beyond its end": {[]uint64{3, 0, 11}, true},
		"all beyond its end": {[]uint64{50, 40, 30}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.internal()
			for i, seq := range c.seqs {
				p := before.partitions[i]
				p.wearer(acme, acme, before.o.Parameters)
				p.seq, p.dirty = seq, true
				if err := before.savePartition(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			for range 10 {
				w.raw(schemas.ReadingsSubject(0), []byte("of no matter"))
			}
			after := w.internal()
			for i, seq := range c.seqs {
				p, want := after.partitions[i], seq
				if c.reset {
					want = 0
				}
				if p.seq != want || p.saved != want || len(p.wearers) != 1 || p.dirty != c.reset {
					t.Errorf("partition %d goes on behind %d (saved %d, dirty %v) with %d wearers, want behind %d", i, p.seq, p.saved, p.dirty, len(p.wearers), want)
				}
			}
			if c.reset { // what comes is saved over what was
				after.last = 4
				if err := after.save(t.Context(), idleLag, 0, 1); err != nil {
					t.Fatal(err)
				}
				if got := w.behind(); got != 4 {
					t.Errorf("a restart would read from behind %d, want 4", got)
				}
			}
		})
	}
}
