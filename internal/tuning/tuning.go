package tuning

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Options are what a Tuning needs.
type Options struct {
	Log *bus.Bus
	// Team is a wearer's team, zero for none. Changes are checked by it; nil is
	// that nobody has one.
	Team   func(org, wearer schemas.ID) schemas.ID
	Logger *slog.Logger
}

// Tuning is a copy of all parameters that follows the bucket.
type Tuning struct {
	o      Options
	kv     jetstream.KeyValue
	js     jetstream.JetStream
	cancel context.CancelFunc
	done   chan struct{} // closed when it no longer follows
	whole  chan struct{} // closed once the copy holds all there was
	once   sync.Once     // guards the closing of whole

	generation atomic.Uint64
	complete   atomic.Int64  // every change up to then is in the copy: server's clock, ns since 1970
	syncing    chan struct{} // holds one token: who has it asks the server

	mu      sync.RWMutex  // guards what follows
	applied uint64        // the bucket's sequence this copy has reached
	news    chan struct{} // closed and made anew at each change: wakes all who wait, holds nothing
	book    book
	cache   map[family]*detect.Timeline
	warned  map[string]bool // what was logged, by key and number
}

// family is the scopes of an organisation, a team and a wearer that have
// revisions; the others are zero. Wearers of one family share a timeline, so
// there are no more of them than scopes that somebody has set, and teams of
// those wearers.
type family [3]Scope

// Open follows the parameters in the log and returns once the copy is complete.
// Close ends it.
func Open(ctx context.Context, o Options) (*Tuning, error) {
	if o.Team == nil {
		o.Team = func(_, _ schemas.ID) schemas.ID { return schemas.ID{} }
	}
	kv, err := o.Log.KV(ctx, bus.BucketTuning)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(o.Log.Conn())
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bus.BucketTuning, err)
	}
	// What follows outlives ctx, which only bounds the opening.
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t := &Tuning{
		o: o, kv: kv, js: js, cancel: cancel, done: make(chan struct{}), whole: make(chan struct{}),
		syncing: make(chan struct{}, 1), news: make(chan struct{}),
		book: book{}, cache: map[family]*detect.Timeline{}, warned: map[string]bool{},
	}
	end, asked, err := t.end(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(t.done)
		bus.Follow(following, kv, o.Logger, follower{t})
	}()
	select {
	case <-t.whole:
		t.reached(end, asked)
		return t, nil
	case <-ctx.Done():
		_ = t.Close()
		return nil, fmt.Errorf("read parameters: %w", ctx.Err())
	}
}

// Close stops following. Timelines that were given out stay good.
func (t *Tuning) Close() error {
	t.cancel()
	<-t.done
	return nil
}

// follower applies the bucket's changes.
type follower struct{ *Tuning }

var _ bus.Follower = follower{}

// Apply takes in an entry.
func (t follower) Apply(e jetstream.KeyValueEntry) { t.apply(e) }

// Complete lets Open return.
func (t follower) Complete() { t.once.Do(func() { close(t.whole) }) }

// Replaced forgets everything: what is in the log's other bucket comes, and what it
// judges from now on is judged by that.
func (t follower) Replaced() {
	t.o.Logger.Error("the parameters were replaced or have lost their last changes; reading them anew")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.applied, t.book, t.cache = 0, book{}, map[family]*detect.Timeline{}
	t.complete.Store(0)
	t.generation.Add(1)
}

// apply takes an entry into the copy; one that is there already changes nothing.
func (t *Tuning) apply(e jetstream.KeyValueEntry) {
	scope, err := parseKey(e.Key())
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.advance(e.Revision())
	if err != nil {
		t.warn(e.Key(), err)
		return
	}
	old := t.book[scope]
	if old == nil {
		old = &entry{}
	}
	if e.Revision() <= old.sequence {
		return
	}
	next := &entry{revisions: old.revisions, sequence: e.Revision()}
	if e.Operation() == jetstream.KeyValuePurge { // whoever had them is erased
		next.revisions = nil
	} else if e.Operation() != jetstream.KeyValuePut {
		t.o.Logger.Error("parameters were deleted by hand; going on with what was known of them", "key", e.Key())
	} else if revisions, err := decode(e.Value(), e.Created()); err != nil {
		next.damage = err
		t.o.Logger.Error("parameters cannot be read; going on with what was known of them", "key", e.Key(), "err", err)
	} else {
		next.revisions = revisions
	}
	t.book[scope] = next
	for f := range t.cache {
		if scope == (Scope{}) || slices.Contains(f[:], scope) {
			delete(t.cache, f)
		}
	}
	t.generation.Add(1)
}

// advance lets those who wait know how far the copy is. The caller holds mu.
func (t *Tuning) advance(sequence uint64) {
	if sequence <= t.applied {
		return
	}
	t.applied = sequence
	close(t.news)
	t.news = make(chan struct{})
}

// warn logs a thing once. The caller holds mu.
func (t *Tuning) warn(what string, err error) {
	if !t.warned[what] {
		t.warned[what] = true
		t.o.Logger.Error("parameters left out, they cannot work", "key", what, "err", err)
	}
}

// Generation changes whenever a timeline may have changed. It costs one atomic
// read. Read it before Timeline, to miss nothing.
func (t *Tuning) Generation() uint64 { return t.generation.Load() }

// Timeline is the parameters of a wearer who is in a team; zero identifiers are
// left out. It is the same pointer while nothing has changed for the wearer.
func (t *Tuning) Timeline(org, team, wearer schemas.ID) *detect.Timeline {
	t.mu.RLock()
	kept := t.cache[t.family(org, team, wearer)]
	t.mu.RUnlock()
	if kept != nil {
		return kept
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.family(org, team, wearer)
	if kept := t.cache[f]; kept != nil { // somebody was faster
		return kept
	}
	timeline, bad := t.book.timeline(chain(org, team, wearer))
	for _, d := range bad {
		t.warn(fmt.Sprintf("%s revision %d", d.scope.key(), d.number), d.err)
	}
	t.cache[f] = timeline
	return timeline
}

// family is the caller's key of the cache. The caller holds mu.
func (t *Tuning) family(org, team, wearer schemas.ID) (f family) {
	for i, s := range [...]Scope{{Org: org}, {Org: org, Team: team}, {Org: org, Wearer: wearer}} {
		narrower := i == 0 || i == 1 && !team.IsZero() || i == 2 && !wearer.IsZero()
		if !org.IsZero() && narrower && t.book[s] != nil {
			f[i] = s
		}
	}
	return f
}

// History is all revisions of a scope, the oldest first.
func (t *Tuning) History(s Scope) []Revision {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.book[s]; e != nil {
		return slices.Clone(e.revisions)
	}
	return nil
}

// Effective is the parameters of a wearer who is in a team, at an event time;
// zero identifiers are left out, so that an organisation's own can be asked for.
func (t *Tuning) Effective(org, team, wearer schemas.ID, at time.Time) Effective {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.book.effective(org, team, wearer, at)
}
