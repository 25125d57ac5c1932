package runner

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// schedule moves owners step by step, each step being one operation on the bucket.
type schedule struct {
	t      *rapid.T
	s      *scene
	actors []*player
	late   []func() bool
	before head // the checkpoint after the last step
}

// player is an actor whose operations are attended.
type player struct {
	*actor

	busy  bool // it waits at its gate
	write bool // to write
	over  bool // it was refused for good
	ended chan error
	seen  int // of the writes that come late, those that the schedule has
}

// join adds an owner of the next epoch, who has not begun.
func (p *schedule) join() {
	a := p.s.actor(uint64(len(p.actors) + 1))
	a.kv.there, a.kv.told = make(chan bool), make(chan fate)
	p.actors = append(p.actors, &player{actor: a, ended: make(chan error, 1)})
}

// begin lets an owner begin to take over or to save.
func (p *schedule) begin(x *player, judge uint64) {
	go func() {
		if x.p == nil {
			x.ended <- x.own()
			return
		}
		x.judgeTo(x.p.seq + judge)
		x.ended <- x.keep()
	}()
	p.attend(x)
}

// attend waits until an owner is at its gate again or has ended.
func (p *schedule) attend(x *player) {
	select {
	case x.write = <-x.kv.there:
		x.busy = true
	case err := <-x.ended:
		x.busy = false
		p.end(x, err)
	}
	p.late = append(p.late, x.kv.late[x.seen:]...)
	x.seen = len(x.kv.late)
}

// end looks at how an owner's step has ended.
func (p *schedule) end(x *player, err error) {
	f := &fenced{}
	switch {
	case errors.As(err, &f):
		if f.epoch <= x.epoch {
			p.t.Fatalf("epoch %d was refused for %d", x.epoch, f.epoch)
		}
		x.over = true
	case errors.Is(err, errLost):
	case err != nil:
		p.t.Fatalf("epoch %d ended with %v", x.epoch, err)
	default:
		p.same(x)
	}
}

// same says whether the owner's state is that of its sequence.
func (p *schedule) same(x *player) {
	want := p.s.states[x.p.seq]
	if len(x.p.wearers) != len(want) {
		p.t.Fatalf("epoch %d has %d wearers at %d, want %d", x.epoch, len(x.p.wearers), x.p.seq, len(want))
	}
	for k, w := range x.p.wearers {
		if b, err := w.AppendState(nil); err != nil || !bytes.Equal(b, want[k.wearer]) {
			p.t.Fatalf("epoch %d has another state of %s at %d", x.epoch, k.wearer, x.p.seq)
		}
	}
}

// step does one thing, and reads the checkpoint.
func (p *schedule) step() {
	var do []func()
	if len(p.actors) < 6 {
		do = append(do, p.join)
	}
	for _, x := range p.actors {
		if x.over {
			continue
		}
		// The more often it is named the likelier it is.
		for range 3 {
			if x.busy {
				do = append(do, func() { p.tell(x, goes) })
			} else {
				do = append(do, func() { p.begin(x, rapid.Uint64Range(0, 7).Draw(p.t, "judge")) })
			}
		}
		if x.busy && x.write {
			do = append(do, func() { p.tell(x, lost) }, func() { p.tell(x, late) })
		}
	}
	for i := range p.late {
		do = append(do, func() {
			p.late[i]()
			p.late = append(p.late[:i], p.late[i+1:]...)
		})
	}
	do[rapid.IntRange(0, len(do)-1).Draw(p.t, "step")]()
	p.look()
}

func (p *schedule) tell(x *player, f fate) {
	x.kv.told <- f
	p.attend(x)
}

func (p *schedule) look() {
	h, err := p.s.check()
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	if h.Seq < p.before.Seq || h.Epoch < p.before.Epoch {
		p.t.Fatalf("the checkpoint went from %+v back to %+v", p.before, h)
	}
	p.before = h
}

// finish lets everybody end, and then one come whom nobody disturbs.
func (p *schedule) finish() {
	for _, x := range p.actors {
		for x.busy {
			p.tell(x, goes)
			p.look()
		}
	}
	for _, f := range p.late {
		f()
		p.look()
	}
	last := p.s.actor(uint64(len(p.actors) + 1))
	end := uint64(len(p.s.msgs))
	if err := last.own(); err != nil {
		p.t.Fatalf("the last one: %v", err)
	}
	last.judgeTo(end)
	if err := last.keep(); err != nil {
		p.t.Fatalf("the last one: %v", err)
	}
	p.look()
	if p.before.Seq != end {
		p.t.Fatalf("the last checkpoint is of %d", p.before.Seq)
	}
}

// Owners come in any order of their epochs and do their steps in any order, answers
// get lost, and writes come late: whatever the moment, the checkpoint is whole, never
// goes back, and belongs to the highest epoch that has come.
func TestNoScheduleOfOwnersBreaksACheckpoint(t *testing.T) {
	t.Parallel()
	s := newScene(t, newWorld(t))
	kv := s.checkpoints(s.log)
	rapid.Check(t, func(t *rapid.T) {
		for slot := range 2 {
			for i := range 10 {
				if err := kv.Purge(context.Background(), chunkKey(s.n, slot, i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := kv.Purge(context.Background(), headKey(s.n)); err != nil {
			t.Fatal(err)
		}
		p := &schedule{t: t, s: s}
		for range rapid.IntRange(10, 100).Draw(t, "steps") {
			p.step()
		}
		p.finish()
	})
}
