package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sitwell/internal/cluster"
)

const (
	killFrom, killTo = 2 * time.Second, 5 * time.Second // between two strikes
	twoAtOnce        = 0.2                              // share of the strikes that hit two parts
	probeEvery       = 50 * time.Millisecond            // whether a part is ready again
	fellWait         = 500 * time.Millisecond           // before a part that ended by itself is started again
)

// killer kills parts at random and starts them again at once, whether they, or
// others, were ready or not. Each part is killed about as often as another.
type killer struct {
	guards []*guard
	rng    *rand.Rand
	say    *Console
	deck   []int // parts that are still to come in this round

	mu      sync.Mutex // guards what follows
	count   map[string]int
	fell    []string // parts that ended by themselves, in words
	slowest time.Duration
	slow    string // the part that took that long
}

// guard looks after one part: it alone kills and starts it.
type guard struct {
	part   *cluster.Part
	killer *killer
	strike chan chan<- error // kill it and start it again; who asks waits for the answer
}

func newKiller(parts []*cluster.Part, seed uint64, say *Console) *killer {
	k := &killer{say: say, count: map[string]int{}, rng: rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))} //nolint:gosec // guards nothing
	for _, p := range parts {
		k.guards = append(k.guards, &guard{part: p, killer: k, strike: make(chan chan<- error)})
	}
	return k
}

// run kills until work ends, and then waits until all parts are ready again. The
// error says that a part could not be killed or started, or did not come back.
func (k *killer) run(work, ctx context.Context) error {
	guarding, release := context.WithCancel(ctx)
	defer release()
	group, inner := errgroup.WithContext(guarding)
	for _, g := range k.guards {
		group.Go(func() error { return g.run(inner) })
	}
	err := k.strikes(work, inner)
	if err == nil {
		err = k.back(inner)
	}
	release()
	if failed := group.Wait(); failed != nil && ctx.Err() == nil {
		return failed
	}
	return err
}

// strikes kills at random until work ends.
func (k *killer) strikes(work, ctx context.Context) error {
	for {
		pause := killFrom + time.Duration(k.rng.Int64N(int64(killTo-killFrom)))
		select {
		case <-work.Done():
			return nil
		case <-time.After(pause):
		}
		victims := []*guard{k.draw()}
		if k.rng.Float64() < twoAtOnce {
			if g := k.draw(); g != victims[0] {
				victims = append(victims, g)
			}
		}
		if err := k.hit(ctx, victims); err != nil {
			return err
		}
	}
}

// draw is the next part of a shuffled deck, so that none is spared for long.
func (k *killer) draw() *guard {
	if len(k.deck) == 0 {
		k.deck = k.rng.Perm(len(k.guards))
	}
	g := k.guards[k.deck[0]]
	k.deck = k.deck[1:]
	return g
}

// hit kills parts at the same time.
func (k *killer) hit(ctx context.Context, victims []*guard) error {
	names := []string{}
	for _, g := range victims {
		names = append(names, g.part.Name())
	}
	k.say.Line("kill", fields{"parts": names}, "kill    %s, with -9", list(names))
	done := make(chan error, len(victims)) // an answer of each, so that no guard waits
	for _, g := range victims {
		select {
		case g.strike <- done:
		case <-ctx.Done():
			return nil // why is known to those who look after the parts
		}
	}
	for range victims {
		select {
		case err := <-done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// back waits until all parts are ready.
func (k *killer) back(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, againWait)
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for _, g := range k.guards {
		for err := g.part.Probe(ctx); err != nil; err = g.part.Probe(ctx) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready %v after the last kill: %w", g.part.Name(), againWait, err)
			}
		}
	}
	return nil
}

// run kills the part when it is told to, starts it again when it has ended, and
// tells when it is ready.
func (g *guard) run(ctx context.Context) error {
	var down time.Time // since when it is not ready, by a kill
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		var look <-chan time.Time
		if !down.IsZero() {
			look = tick.C
		}
		select {
		case <-ctx.Done():
			return nil
		case done := <-g.strike:
			if down.IsZero() {
				down = time.Now()
			}
			done <- g.kill(ctx)
		case <-g.part.Ended():
			if err := g.revive(ctx); err != nil {
				return err
			}
			if down.IsZero() {
				down = time.Now()
			}
		case <-look:
			if g.part.Probe(ctx) == nil {
				g.killer.recovered(g.part, time.Since(down))
				down = time.Time{}
			}
		}
	}
}

// kill kills the part and starts it again at once. One that had ended by itself when
// the kill came was not killed.
func (g *guard) kill(ctx context.Context) error {
	if g.part.Running() {
		if err := g.part.Kill(); err != nil && g.part.Running() {
			return err
		}
	}
	if code := g.exit(ctx); code == bySignal {
		g.killer.struck(g.part.Name())
	} else {
		g.tell(code)
	}
	return g.part.Start(ctx)
}

// bySignal is the exit code of a part that a signal ended.
const bySignal = -1

// exit is the exit code of a part that has ended.
func (g *guard) exit(ctx context.Context) int {
	code, _ := g.part.Wait(context.WithoutCancel(ctx)) // only its context's end could be an error
	return code
}

// tell notes and says that a part ended by itself.
func (g *guard) tell(code int) {
	said := g.part.Said()
	last := said[strings.LastIndexByte(said, '\n')+1:]
	g.killer.dropped(fmt.Sprintf("%s with exit code %d: %s", g.part.Name(), code, last))
	g.killer.say.Line("fell", fields{"part": g.part.Name(), "exit": code, "said": said},
		"fell    %s ended by itself with exit code %d: %s", g.part.Name(), code, last)
}

// revive starts a part that has ended by itself, as whatever looks after services
// does.
func (g *guard) revive(ctx context.Context) error {
	g.tell(g.exit(ctx))
	select {
	case <-time.After(fellWait):
	case <-ctx.Done():
		return nil
	}
	return g.part.Start(ctx)
}

func (k *killer) struck(part string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count[part]++
}

func (k *killer) dropped(how string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fell = append(k.fell, how)
}

// look notes the parts that have ended by themselves since nobody guards them any more.
func (k *killer) look(ctx context.Context) {
	for _, g := range k.guards {
		if !g.part.Running() {
			g.tell(g.exit(ctx))
		}
	}
}

func (k *killer) recovered(p *cluster.Part, after time.Duration) {
	k.mu.Lock()
	if after > k.slowest {
		k.slowest, k.slow = after, p.Name()
	}
	k.mu.Unlock()
	k.say.Line("back", fields{"part": p.Name(), "seconds": after.Seconds(), "pid": p.PID()},
		"back    %s is ready again, %.1f s after", p.Name(), after.Seconds())
}

// kills is how many there were.
func (k *killer) kills() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, c := range k.count {
		n += c
	}
	return n
}

// list is names in words.
func list(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
