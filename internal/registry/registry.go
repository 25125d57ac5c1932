// Package registry knows the organisations, teams, wearers and devices, and
// which device was worn by whom when.
//
// The registry is a bucket of the log's key-value store, one key for each
// entry. Every process that opens it keeps a copy in memory that follows the
// bucket within milliseconds, after a restart of the log within two seconds, so
// lookups cost no message: Resolve serves every reading that comes in, and CatchUp
// says, for many readings at once, that the copy is not behind. Changes are written
// by compare-and-set, and a change is visible to its own process when the call returns.
//
// A Registry is safe for concurrent use. Its tests run on the real server.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Errors that a caller may branch on; the wrapping error names the entry.
var (
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("is not registered")
	ErrInvalid  = errors.New("invalid")
	ErrOverlap  = errors.New("overlaps")
	ErrErased   = errors.New("was erased a moment ago")
)

// Registry is an open registry.
type Registry struct {
	kv       jetstream.KeyValue
	log      *slog.Logger
	cancel   context.CancelFunc
	done     chan struct{} // closed when it no longer follows
	complete chan struct{} // closed once the copy holds all there was
	once     sync.Once     // guards the closing of complete

	born    time.Time     // what certain counts from
	certain atomic.Int64  // the copy holds what the log took before then: nanoseconds since born
	asking  chan struct{} // holds one token: who has it asks the server

	mu        sync.RWMutex      // guards what follows
	applied   uint64            // the bucket's revision this copy has reached
	replaced  int               // how often the bucket was found to be another one
	revisions map[string]uint64 // by key: what is in the copy
	news      chan struct{}     // closed and made anew at each change: wakes all who wait, holds nothing
	orgs      map[schemas.ID]*org
}

// org is one organisation in memory.
type org struct {
	Org
	teams   map[schemas.ID]Team
	wearers map[schemas.ID]Wearer
	devices map[schemas.ID]Device
}

// Open follows the registry in kv and returns once the copy is complete.
// Close ends it.
func Open(ctx context.Context, kv jetstream.KeyValue, log *slog.Logger) (*Registry, error) {
	// What follows outlives ctx, which only bounds the opening.
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &Registry{
		kv: kv, log: log, cancel: cancel, done: make(chan struct{}), complete: make(chan struct{}),
		born: time.Now(), asking: make(chan struct{}, 1),
		revisions: map[string]uint64{}, news: make(chan struct{}), orgs: map[schemas.ID]*org{},
	}
	go func() {
		defer close(r.done)
		bus.Follow(following, kv, log, follower{r})
	}()
	select {
	case <-r.complete:
		return r, nil
	case <-ctx.Done():
		_ = r.Close()
		return nil, fmt.Errorf("read registry: %w", ctx.Err())
	}
}

// Close stops following.
func (r *Registry) Close() error {
	r.cancel()
	<-r.done
	return nil
}

// follower applies the bucket's changes; it is the writing side of the copy.
type follower struct{ *Registry }

var _ bus.Follower = follower{}

// Apply takes in an entry.
func (r follower) Apply(entry jetstream.KeyValueEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.apply(entry); err != nil {
		r.log.Error("registry entry ignored", "key", entry.Key(), "err", err)
	}
	r.advance(entry.Revision())
}

// Complete lets Open return.
func (r follower) Complete() { r.once.Do(func() { close(r.complete) }) }

// Replaced forgets everybody: whoever is in the other bucket comes.
func (r follower) Replaced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.Error("the registry was replaced or has lost its last changes; reading it anew")
	r.applied, r.revisions, r.orgs = 0, map[string]uint64{}, map[schemas.ID]*org{}
	r.replaced++
	r.certain.Store(-1)
}

// apply takes one entry into the copy, unless a newer one of its key is there:
// several read the bucket. Keys are kind.org or kind.org.id. The caller holds mu.
func (r *Registry) apply(entry jetstream.KeyValueEntry) error {
	if entry.Revision() <= r.revisions[entry.Key()] {
		return nil
	}
	r.revisions[entry.Key()] = entry.Revision()
	kind, _, _ := strings.Cut(entry.Key(), ".")
	if entry.Operation() != jetstream.KeyValuePut {
		r.remove(kind, entry.Key())
		return nil
	}
	switch kind {
	case "org":
		var v Org
		if err := json.Unmarshal(entry.Value(), &v); err != nil {
			return fmt.Errorf("decode organisation: %w", err)
		}
		r.org(v.ID).Org = v
	case "team":
		return put(entry, func(v Team) { r.org(v.Org).teams[v.ID] = v })
	case "wearer":
		return put(entry, func(v Wearer) { r.org(v.Org).wearers[v.ID] = v })
	case "device":
		return put(entry, func(v Device) { r.org(v.Org).devices[v.ID] = v })
	case "gone": // AddWearer asks the log itself
	default:
		return fmt.Errorf("kind %q: %w", kind, ErrInvalid)
	}
	return nil
}

func put[T any](entry jetstream.KeyValueEntry, store func(T)) error {
	var v T
	if err := json.Unmarshal(entry.Value(), &v); err != nil {
		return fmt.Errorf("decode %s: %w", entry.Key(), err)
	}
	store(v)
	return nil
}

func (r *Registry) org(id schemas.ID) *org {
	o := r.orgs[id]
	if o == nil {
		o = &org{
			Org:   Org{ID: id},
			teams: map[schemas.ID]Team{}, wearers: map[schemas.ID]Wearer{}, devices: map[schemas.ID]Device{},
		}
		r.orgs[id] = o
	}
	return o
}

// waitFor returns when the copy has reached a revision.
func (r *Registry) waitFor(ctx context.Context, revision uint64) error {
	for {
		r.mu.RLock()
		applied, news := r.applied, r.news
		r.mu.RUnlock()
		if applied >= revision {
			return nil
		}
		select {
		case <-news:
		case <-r.done:
			return fmt.Errorf("wait for registry: %w", context.Canceled)
		case <-ctx.Done():
			return fmt.Errorf("wait for registry: %w", ctx.Err())
		}
	}
}

// Orgs are all organisations, by id.
func (r *Registry) Orgs() []Org {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]Org, 0, len(r.orgs))
	for _, o := range r.orgs {
		all = append(all, o.Org)
	}
	slices.SortFunc(all, func(a, b Org) int { return a.ID.Compare(b.ID) })
	return all
}

// Org is one organisation.
func (r *Registry) Org(id schemas.ID) (Org, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	o, ok := r.orgs[id]
	if !ok {
		return Org{}, false
	}
	return o.Org, true
}

// Teams are the teams of an organisation, by id.
func (r *Registry) Teams(id schemas.ID) []Team {
	return sorted(r, id, func(o *org) map[schemas.ID]Team { return o.teams }, func(v Team) schemas.ID { return v.ID })
}

// Wearers are the wearers of an organisation, by id.
func (r *Registry) Wearers(id schemas.ID) []Wearer {
	return sorted(r, id, func(o *org) map[schemas.ID]Wearer { return o.wearers }, func(v Wearer) schemas.ID { return v.ID })
}

// Devices are the devices of an organisation, by id.
func (r *Registry) Devices(id schemas.ID) []Device {
	return sorted(r, id, func(o *org) map[schemas.ID]Device { return o.devices }, func(v Device) schemas.ID { return v.ID })
}

func sorted[T any](r *Registry, id schemas.ID, of func(*org) map[schemas.ID]T, key func(T) schemas.ID) []T {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := []T{}
	if o, ok := r.orgs[id]; ok {
		for _, v := range of(o) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b T) int { return key(a).Compare(key(b)) })
	return all
}

// Wearer is one wearer of an organisation.
func (r *Registry) Wearer(orgID, id schemas.ID) (Wearer, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if o, ok := r.orgs[orgID]; ok {
		w, ok := o.wearers[id]
		return w, ok
	}
	return Wearer{}, false
}

// Device is one device of an organisation.
func (r *Registry) Device(orgID, id schemas.ID) (Device, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if o, ok := r.orgs[orgID]; ok {
		d, ok := o.devices[id]
		return d, ok
	}
	return Device{}, false
}

// Resolve tells who wore a device at a time in milliseconds since 1970. known
// is whether the device is registered at all; wearer is zero when nobody wore
// it then.
func (r *Registry) Resolve(orgID, device schemas.ID, ms int64) (wearer schemas.ID, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	o, ok := r.orgs[orgID]
	if !ok {
		return schemas.ID{}, false
	}
	d, ok := o.devices[device]
	if !ok {
		return schemas.ID{}, false
	}
	for _, a := range slices.Backward(d.Assignments) { // the last one mostly
		if a.covers(ms) {
			if w, ok := o.wearers[a.Wearer]; !ok || w.Leaving {
				return schemas.ID{}, true
			}
			return a.Wearer, true
		}
	}
	return schemas.ID{}, true
}
