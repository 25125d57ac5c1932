package lease

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watching is what one process sees of a group: its members, who of them lives, and
// the grants.
type watching struct {
	members, leases *view
	slots           int
	changed         chan struct{} // holds one token: something may have changed

	mu    sync.Mutex // guards what follows
	pulse pulse
}

func newWatch(members, leases jetstream.KeyValue, group string, slots int, logger *slog.Logger) *watching {
	w := &watching{slots: slots, changed: make(chan struct{}, 1), pulse: pulse{}}
	w.members = newView(members, group, logger, w.wake)
	w.leases = newView(leases, group, logger, w.wake)
	return w
}

// wake says that something may have changed. One token says it of any number of
// changes, so that nothing is lost when there is one already.
func (w *watching) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// start follows both buckets until ctx ends or stop is called.
func (w *watching) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { w.members.run(ctx) })
	all.Go(func() { w.leases.run(ctx) })
	all.Go(func() { w.count(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

// wait returns when something may have changed.
func (w *watching) wait(ctx context.Context) error {
	select {
	case <-w.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count counts for how long members have been silent.
func (w *watching) count(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// look counts one step, if the log is heard: while it is not, or while this
// process was stopped, everybody would seem dead.
func (w *watching) look(now time.Time) {
	beats, heard, life := w.members.state()
	grants, granted, _ := w.leases.state()
	if heard.IsZero() || granted.IsZero() {
		return
	}
	var step time.Duration
	if now.Sub(heard) < 2*beatEvery && now.Sub(granted) < 2*beatEvery {
		step = lookEvery
	}
	w.mu.Lock()
	died := w.pulse.step(beats, ownersOf(decode(grants, w.slots)), life, step)
	for name, b := range w.pulse {
		if b.silent >= forgetAfter {
			w.members.forget(name, b.revision)
		}
	}
	w.mu.Unlock()
	if died {
		w.wake()
	}
}

// grants is who owns what and who lives now; known is false as long as not all
// has been read.
func (w *watching) grants() (grants []grant, living map[string]bool, known bool) {
	beats, heard, life := w.members.state()
	entries, granted, _ := w.leases.state()
	if heard.IsZero() || granted.IsZero() {
		return nil, nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	grants = decode(entries, w.slots)
	w.pulse.step(beats, ownersOf(grants), life, 0)
	return grants, w.pulse.living(), true
}

// table is who owns what now; known is false as long as not all has been read.
func (w *watching) table() (t Table, known bool) {
	_, living, known := w.grants()
	beats, _, _ := w.members.state()
	grants, _, _ := w.leases.state()
	return table(beats, grants, living, w.slots), known
}

// pulse is for how long each has been silent: members, and owners of whom no beat
// was ever seen. Those count as living at first: after a restart of the server
// nobody has beaten yet.
type pulse map[string]beat

type beat struct {
	life     int    // the bucket in which it beats
	revision uint64 // of the last beat, 0 for none
	silent   time.Duration
	gone     bool // it took its leave
}

// step counts a time of silence for those who have not beaten since the last
// step. It reports whether somebody has died of it. Who has neither a key nor a
// slot is forgotten.
func (p pulse) step(beats map[string]entry, owners map[string]bool, life int, silence time.Duration) (died bool) {
	for name := range p {
		if _, beats := beats[name]; !beats && !owners[name] {
			delete(p, name)
		}
	}
	for name, e := range beats {
		if b, ok := p[name]; !ok || b.life != life || b.revision != e.revision {
			p[name] = beat{life: life, revision: e.revision, gone: e.gone}
		}
	}
	for name := range owners {
		if _, beats := beats[name]; !beats && (p[name].life != life || p[name].revision != 0) {
			p[name] = beat{life: life}
		}
	}
	for name, b := range p {
		before := b.alive()
		b.silent = min(b.silent+silence, forgetAfter)
		p[name] = b
		died = died || before && !b.alive()
	}
	return died
}

func (b beat) alive() bool { return !b.gone && b.silent < deadAfter }

// living are those who beat, or may.
func (p pulse) living() map[string]bool {
	living := map[string]bool{}
	for name, b := range p {
		living[name] = b.alive()
	}
	return living
}

// decode is the grants by slot; one that cannot be read counts as free.
func decode(entries map[string]entry, slots int) []grant {
	grants := make([]grant, slots)
	for n := range grants {
		e, ok := entries[strconv.Itoa(n)]
		if !ok {
			continue
		}
		var g grant
		if e.gone || json.Unmarshal(e.value, &g) != nil {
			g = grant{}
		}
		g.revision = e.revision
		grants[n] = g
	}
	return grants
}

func ownersOf(grants []grant) map[string]bool {
	owners := map[string]bool{}
	for _, g := range grants {
		if g.Owner != "" {
			owners[g.Owner] = true
		}
	}
	return owners
}

// table puts what is known together, for others to read.
func table(beats, grants map[string]entry, living map[string]bool, slots int) Table {
	t := Table{Owners: make([]string, slots), Epochs: make([]uint64, slots), Members: []Member{}}
	for _, name := range slices.Sorted(maps.Keys(beats)) {
		m := Member{}
		if !living[name] || json.Unmarshal(beats[name].value, &m) != nil {
			continue
		}
		m.Name = name
		t.Members = append(t.Members, m)
	}
	for n, g := range decode(grants, slots) {
		t.Epochs[n] = g.Epoch
		if _, beats := beats[g.Owner]; beats && living[g.Owner] {
			t.Owners[n] = g.Owner
		}
	}
	return t
}

// validName reports whether a name can be a part of a key.
func validName(name string) bool {
	return name != "" && len(name) <= 63 && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
