package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// granted is a lease that the test grants itself: it decides who is stale.
type granted struct {
	partitions map[int]uint64
	unsure     bool
	changed    chan struct{}
	released   []release
}

type release struct {
	n            int
	epoch, above uint64
}

func (g *granted) Changed() <-chan struct{} { return g.changed }
func (g *granted) Owned() (map[int]uint64, bool) {
	return maps.Clone(g.partitions), !g.unsure
}

func (g *granted) Release(n int, epoch, above uint64) {
	g.released = append(g.released, release{n, epoch, above})
	if g.partitions[n] == epoch {
		delete(g.partitions, n)
	}
}

func grant(partitions map[int]uint64) *granted {
	return &granted{partitions: partitions, changed: make(chan struct{}, 1)}
}

// scene is one partition with the records of some wearers, and what the engine
// makes of them after each.
type scene struct {
	*world

	n      int
	atOnce int // how many chunks are read or written at a time
	msgs   []bus.Msg
	states []map[schemas.ID][]byte // by record, the first being before all
}

// chunkOf is so little that a chunk holds one or two wearers.
const chunkOf = 600

func newScene(t *testing.T, w *world) *scene {
	t.Helper()
	s := &scene{world: w, n: 3, atOnce: 1, states: []map[schemas.ID][]byte{{}}}
	wearers := map[schemas.ID]*detect.Wearer{}
	timeline := detect.Always(detect.Defaults())
	for i := range 40 {
		var batches []schemas.Batch
		for k := range 1 + i%5 { // at first few wearers, then more
			id := schemas.MustID(fmt.Sprintf("w%d", k))
			from := 20 * i
			if k > 0 {
				from = 20 * (i - i%5)
			}
			batches = append(batches, schemas.Batch{Org: acme, Wearer: id, Device: id, Boot: 1, Items: items(k, from, 20)})
		}
		s.msgs = append(s.msgs, bus.Msg{Subject: schemas.ReadingsSubject(s.n), Seq: uint64(i + 1), Data: record(t, batches...)})
		var out detect.Output
		state := map[schemas.ID][]byte{}
		for k := range batches {
			if wearers[batches[k].Wearer] == nil {
				wearers[batches[k].Wearer] = detect.NewWearer(acme, batches[k].Wearer, timeline)
			}
			wearers[batches[k].Wearer].Take(&batches[k], &out)
		}
		for id, x := range wearers {
			b, err := x.AppendState(nil)
			if err != nil {
				t.Fatal(err)
			}
			state[id] = b
		}
		s.states = append(s.states, state)
	}
	return s
}

// actor is an owner that the test moves step by step. It has no reader.
type actor struct {
	*Runner

	s     *scene
	p     *partition
	epoch uint64
	kv    *gate
}

func (s *scene) actor(epoch uint64) *actor {
	o := s.options(s.log, &lines{})
	g := newGate(o.Checkpoints)
	o.Checkpoints, o.Lease = g, grant(map[int]uint64{s.n: epoch})
	r := New(o)
	r.chunk, r.out = chunkOf, s.log.Outbox(o.Logger)
	r.atOnce = s.atOnce
	return &actor{Runner: r, s: s, epoch: epoch, kv: g}
}

// own takes the partition over.
func (a *actor) own() error {
	t := a.takeOver(context.Background(), map[int]uint64{a.s.n: a.epoch})[a.s.n]
	if t.err == nil {
		a.p = a.load(t)
		a.partitions[a.s.n] = a.p
	}
	return t.err
}

// judgeTo judges the records that follow, up to one.
func (a *actor) judgeTo(seq uint64) {
	for a.p.seq < seq && a.p.seq < uint64(len(a.s.msgs)) {
		m := a.s.msgs[a.p.seq]
		a.found.Reset()
		if err := a.judge(context.Background(), a.p, m); err != nil {
			panic(err)
		}
		a.p.seq, a.p.dirty = m.Seq, true
	}
}

func (a *actor) keep() error { return a.savePartition(context.Background(), a.p) }

// check reads the checkpoint as the next owner would, without taking it over: the
// chunks must be of exactly the state that the head names.
func (s *scene) check() (h head, err error) {
	kv := s.checkpoints(s.log)
	e, err := kv.Get(context.Background(), headKey(s.n))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	if err := cbor.Unmarshal(e.Value(), &h); err != nil {
		return h, err
	}
	got := map[schemas.ID][]byte{}
	for i := range h.Chunks {
		e, err := kv.Get(context.Background(), chunkKey(s.n, h.Slot, i))
		if err != nil {
			return h, fmt.Errorf("chunk %d of %+v: %w", i, h, err)
		}
		var c chunk
		if err := cbor.Unmarshal(e.Value(), &c); err != nil {
			return h, err
		}
		for _, x := range c.Wearers {
			got[x.Wearer] = x.State
		}
	}
	want := s.states[h.Seq]
	if len(got) != len(want) {
		return h, fmt.Errorf("%+v holds %d wearers, want %d", h, len(got), len(want))
	}
	for id, b := range want {
		if !bytes.Equal(got[id], b) {
			return h, fmt.Errorf("%+v holds another state of %s", h, id)
		}
	}
	return h, nil
}

func (s *scene) mustHold(seq, epoch uint64) {
	s.t.Helper()
	h, err := s.check()
	if err != nil {
		s.t.Fatal(err)
	}
	if h.Seq != seq || h.Epoch != epoch {
		s.t.Fatalf("the checkpoint is of record %d under epoch %d, want %d under %d", h.Seq, h.Epoch, seq, epoch)
	}
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) refused(err error, epoch uint64) {
	s.t.Helper()
	f := &fenced{}
	if !errors.As(err, &f) || !errors.Is(err, errFenced) || f.epoch != epoch {
		s.t.Fatalf("not refused for epoch %d: %v", epoch, err)
	}
}

// Each is one order in which an owner that has gone stale, a, meets its successors,
// with chunks that are read and written one after the other, and at once.
func TestAStaleOwnerIsRefusedInEveryOrder(t *testing.T) {
	for name, play := range map[string]func(s *scene, a, b, c *actor){
		"it saves after its successor has come": func(s *scene, a, b, _ *actor) {
			s.must(b.own())
			s.refused(a.keep(), 2)
			s.mustHold(10, 2)
			b.judgeTo(20)
			s.must(b.keep()) // over the chunks that the stale one has left
			s.mustHold(20, 2)
		},
		"it saves after its successor has saved": func(s *scene, a, b, _ *actor) {
			s.must(b.own())
			b.judgeTo(20)
			s.must(b.keep())
			s.refused(a.keep(), 2)
			s.mustHold(20, 2)
			b.judgeTo(25)
			s.must(b.keep())
			s.mustHold(25, 2)
		},
		"it saves after its successor has saved twice": func(s *scene, a, b, _ *actor) {
			s.must(b.own())
			for _, seq := range []uint64{20, 25} {
				b.judgeTo(seq)
				s.must(b.keep())
			}
			s.refused(a.keep(), 2)
			s.mustHold(25, 2)
		},
		"its successor's successor has come": func(s *scene, a, b, c *actor) {
			s.must(b.own())
			b.judgeTo(20)
			s.must(b.keep())
			s.must(c.own())
			s.refused(a.keep(), 2) // it meets the chunks of the second one
			s.refused(b.keep(), 3)
			s.mustHold(20, 3)
		},
		"its successor's successor has come, and none has saved": func(s *scene, a, b, c *actor) {
			s.must(b.own())
			s.must(c.own())
			b.judgeTo(20)
			s.refused(b.keep(), 3)
			s.refused(a.keep(), 2) // it meets what the second one left
			s.mustHold(10, 3)
			c.judgeTo(30)
			s.must(c.keep())
			s.mustHold(30, 3)
		},
		"it saves nothing but its position": func(s *scene, a, b, _ *actor) {
			s.must(a.keep())
			s.must(b.own())
			a.last = 500
			s.refused(a.keep(), 2)
			s.mustHold(15, 2)
		},
		"its successor comes between its chunks and its head": func(s *scene, a, b, _ *actor) {
			a.kv.before(headKey(s.n), func() { s.must(b.own()) })
			s.refused(a.keep(), 2)
			s.mustHold(10, 2)
			b.judgeTo(20)
			s.must(b.keep())
			s.mustHold(20, 2)
		},
		"its successor comes and saves between two of its chunks": func(s *scene, a, b, _ *actor) {
			a.kv.before(chunkKey(s.n, 0, 1), func() {
				s.must(b.own())
				b.judgeTo(20)
				s.must(b.keep())
			})
			s.refused(a.keep(), 2)
			s.mustHold(20, 2)
			b.judgeTo(25)
			s.must(b.keep())
			b.judgeTo(30)
			s.must(b.keep())
			s.mustHold(30, 2)
		},
		"it saves while its successor takes over": func(s *scene, a, b, _ *actor) {
			b.kv.before(headKey(s.n), func() { s.must(a.keep()) }) // between reading the head and sealing it
			s.must(b.own())
			s.mustHold(15, 2)
			if b.p.seq != 15 || len(b.p.wearers) != len(s.states[15]) {
				s.t.Fatalf("the successor goes on behind %d", b.p.seq)
			}
		},
		"it takes over late, after its successor": func(s *scene, _, b, c *actor) {
			s.must(c.own())
			c.judgeTo(20)
			s.must(c.keep())
			s.refused(b.own(), 3)
			s.mustHold(20, 3)
		},
		"it is stopped between sealing and reading": func(s *scene, _, b, c *actor) {
			b.kv.beforeGet(chunkKey(s.n, 1, 0), func() {
				s.must(c.own())
				for _, seq := range []uint64{20, 25} { // both slots are others now
					c.judgeTo(seq)
					s.must(c.keep())
				}
			})
			s.refused(b.own(), 3)
			s.mustHold(25, 3)
		},
		"it is stopped between two chunks that it reads": func(s *scene, _, b, c *actor) {
			b.kv.beforeGet(chunkKey(s.n, 1, 1), func() {
				s.must(c.own())
				for _, seq := range []uint64{20, 25} {
					c.judgeTo(seq)
					s.must(c.keep())
				}
			})
			s.refused(b.own(), 3)
		},
		"the answer to its head is lost and it goes on": func(s *scene, a, b, _ *actor) {
			a.kv.lose(headKey(s.n))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.mustHold(15, 1)
			a.judgeTo(20)
			s.must(a.keep()) // into the other slot than the one that counts
			s.mustHold(20, 1)
		},
		"the answer to its head is lost and its successor comes": func(s *scene, a, b, _ *actor) {
			a.kv.lose(headKey(s.n))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.must(b.own())
			a.judgeTo(20)
			s.refused(a.keep(), 2)
			s.mustHold(15, 2)
		},
		"its head comes late": func(s *scene, a, b, _ *actor) {
			late := a.kv.delay(headKey(s.n))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			a.judgeTo(20)
			s.must(a.keep())
			if late() {
				s.t.Fatal("the late head was taken")
			}
			s.mustHold(20, 1)
		},
		"its head comes late, while it saves again": func(s *scene, a, b, _ *actor) {
			late := a.kv.delay(headKey(s.n))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			a.judgeTo(20)
			a.kv.before(chunkKey(s.n, 0, 0), func() {
				if late() {
					s.t.Fatal("the late head was taken while chunks are written")
				}
			})
			s.must(a.keep())
			s.mustHold(20, 1)
		},
		"its head comes late, after its successor": func(s *scene, a, b, _ *actor) {
			late := a.kv.delay(headKey(s.n))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.must(b.own())
			if late() {
				s.t.Fatal("the late head was taken")
			}
			b.judgeTo(20)
			s.must(b.keep())
			s.mustHold(20, 2)
		},
		"its chunk comes late, after its successor": func(s *scene, a, b, _ *actor) {
			late := a.kv.delay(chunkKey(s.n, 0, 0))
			if err := a.keep(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.must(b.own())
			if !late() {
				s.t.Fatal("the late chunk was not taken; this shows nothing")
			}
			s.mustHold(10, 2)
			b.judgeTo(20)
			s.must(b.keep())
			s.mustHold(20, 2)
		},
		"the answer to its seal is lost": func(s *scene, _, b, c *actor) {
			b.kv.lose(headKey(s.n))
			if err := b.own(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.must(b.own())
			b.judgeTo(20)
			s.must(b.keep())
			s.mustHold(20, 2)
		},
		"its seal comes late": func(s *scene, _, b, c *actor) {
			late := b.kv.delay(headKey(s.n))
			if err := b.own(); !errors.Is(err, errLost) {
				s.t.Fatal(err)
			}
			s.must(c.own())
			if late() {
				s.t.Fatal("the late seal was taken")
			}
			s.refused(b.own(), 3)
			s.mustHold(10, 3)
		},
		"the leases were lost, and epochs begin again": func(s *scene, a, b, c *actor) {
			s.must(c.own())
			again := s.actor(1)
			s.refused(again.own(), 3)
			again = s.actor(4) // as the release has raised it
			s.must(again.own())
			s.refused(c.keep(), 4)
		},
	} {
		for how, atOnce := range map[string]int{"one by one": 1, "at once": chunksAtOnce} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, newWorld(t))
				s.atOnce = atOnce
				s.play(play)
			})
		}
	}
}

// play brings three owners into an order, after the first has saved.
func (s *scene) play(play func(s *scene, a, b, c *actor)) {
	s.t.Helper()
	a, b, c := s.actor(1), s.actor(2), s.actor(3)
	s.must(a.own())
	a.judgeTo(5)
	s.must(a.keep()) // in slot 1
	a.judgeTo(8)
	s.must(a.keep()) // in slot 0
	a.judgeTo(10)
	s.must(a.keep()) // in slot 1
	s.mustHold(10, 1)
	a.judgeTo(15)
	play(s, a, b, c)
	next := s.actor(100)
	h, err := s.check()
	s.must(err)
	s.must(next.own())
	if next.p.seq != h.Seq {
		s.t.Errorf("the next owner goes on behind %d, want %d", next.p.seq, h.Seq)
	}
}

// A fenced partition goes; the others go on.
func TestARunnerThatIsFencedKeepsItsOtherPartitions(t *testing.T) {
	w := newWorld(t)
	lease, logs := grant(map[int]uint64{0: 1, 1: 1, 2: 1}), &lines{}
	r := w.internal(func(o *Options) { o.Lease, o.Logger = lease, slog.New(slog.NewTextHandler(logs, nil)) })
	other := w.internal(func(o *Options) { o.Lease = grant(map[int]uint64{1: 7}) })
	for n := range 3 {
		r.partitions[n].wearer(acme, acme, r.o.Parameters)
		r.partitions[n].dirty = true
	}
	if err := r.save(t.Context(), idleLag, 0, 1); err != nil {
		t.Fatal(err)
	}
	if r.count() != 2 || r.partitions[1] != nil || other.count() != 1 {
		t.Errorf("it holds %d partitions", r.count())
	}
	if len(lease.released) != 1 || lease.released[0] != (release{1, 1, 7}) {
		t.Errorf("released are %+v", lease.released)
	}
	if !strings.Contains(logs.String(), "another detector has taken over partitions of this one") {
		t.Errorf("the log says %s", logs)
	}
	// It gets the partition back under a higher epoch.
	lease.partitions[1] = 8
	if err := r.settle(t.Context()); err != nil || r.count() != 3 {
		t.Errorf("it holds %d partitions, %v", r.count(), err)
	}
	if err := other.save(t.Context(), 0, 0, 1); err != nil || other.count() != 0 {
		t.Errorf("the other one still holds %d, %v", other.count(), err)
	}
}
