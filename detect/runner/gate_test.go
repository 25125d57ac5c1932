package runner

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

var errLost = errors.New("the answer is lost")

// gate is the real bucket, of which answers get lost and to which writes come late.
type gate struct {
	jetstream.KeyValue

	mu       sync.Mutex // guards what follows; chunks are read and written at once
	put, get map[string]func()
	fate     map[string]fate
	late     []func() bool // what comes late when it is called
	// Of a gate that is attended each operation says that it is there, and waits to
	// be told its fate.
	there chan bool // whether it is a write
	told  chan fate
}

// fate is what becomes of an operation.
type fate int

const (
	goes fate = iota
	lost      // it is done, and the answer is lost
	late      // it is done some time later, and the answer is lost
)

func newGate(kv jetstream.KeyValue) *gate {
	return &gate{KeyValue: kv, put: map[string]func(){}, get: map[string]func(){}, fate: map[string]fate{}}
}

// before does something just before the next write of a key.
func (g *gate) before(key string, do func()) { g.put[key] = do }

// beforeGet does something just before the next reading of a key.
func (g *gate) beforeGet(key string, do func()) { g.get[key] = do }

// lose loses the answer to the next write of a key.
func (g *gate) lose(key string) { g.fate[key] = lost }

// delay holds the next write of a key back. What it returns lets it through, and
// reports whether it was taken.
func (g *gate) delay(key string) func() bool {
	g.fate[key] = late
	return func() bool { return g.late[len(g.late)-1]() }
}

// pass lets an operation happen.
func (g *gate) pass(hooks map[string]func(), key string, write bool) fate {
	g.mu.Lock()
	do := hooks[key]
	delete(hooks, key)
	g.mu.Unlock()
	if do != nil {
		do()
	}
	if g.there != nil {
		g.there <- write
		return <-g.told
	}
	if !write {
		return goes
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.fate[key]
	delete(g.fate, key)
	return f
}

func (g *gate) write(key string, do func() (uint64, error)) (uint64, error) {
	switch g.pass(g.put, key, true) {
	case lost:
		if _, err := do(); err != nil {
			return 0, err // a refusal tells nothing that is dangerous not to know
		}
		return 0, errLost
	case late:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.late = append(g.late, func() bool { _, err := do(); return err == nil })
		return 0, errLost
	default:
		return do()
	}
}

func (g *gate) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	g.pass(g.get, key, false)
	return g.KeyValue.Get(ctx, key)
}

func (g *gate) Create(ctx context.Context, key string, b []byte, opts ...jetstream.KVCreateOpt) (uint64, error) {
	return g.write(key, func() (uint64, error) { return g.KeyValue.Create(ctx, key, b, opts...) })
}

func (g *gate) Update(ctx context.Context, key string, b []byte, revision uint64) (uint64, error) {
	return g.write(key, func() (uint64, error) { return g.KeyValue.Update(ctx, key, b, revision) })
}
