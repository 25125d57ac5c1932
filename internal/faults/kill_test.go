//go:build faults

package faults

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sitwell/internal/cluster"
)

// Every process is killed with -9, at random, again and again and at times two
// at once, while devices send: nothing that was acknowledged is lost, nothing
// counts twice, nobody is nudged twice, and the episodes are those of a run
// without any fault.
func TestKillNineAtRandom(t *testing.T) {
	kills, readings := size(*killsFlag, 10, 200), size(*readingsFlag, 10_000, 1_000_000)
	rnd := random(t)
	c, p := startCluster(t)
	const steady, live = 50, 8
	p.enrol(steady + live)
	// The steady send a day of the past, twenty seconds of it each second; the
	// live ones what happens now, so that they are nudged.
	past := p.fleet(0, steady, 1, time.Now().Add(-20*24*time.Hour))
	now := p.lively(steady, live)
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	for i := range past.devices {
		sending.Go(func() { past.pace(ctx, i, 0, 20) })
	}
	for _, f := range now {
		sending.Go(func() { f.pace(ctx, 0, 0, 0) })
	}
	k := &killer{t: t, parts: c.Parts(), rnd: rnd, counts: map[string]int{}, struck: map[*cluster.Part]int{}}
	for k.total < kills || past.acknowledged() < readings {
		k.strike(ctx)
		// Not a pause to recover in: the parts need longer than that.
		wait(ctx, time.Duration(200+rnd.IntN(1800))*time.Millisecond)
	}
	all, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	must(t, c.Ready(all))
	cancel()
	sending.Wait()
	past.flush()
	for _, f := range now {
		f.flush()
	}
	k.watching.Wait()

	report := p.check()
	figure(t, "G1: %d kill -9 (%v), %d readings acknowledged: %d lost, %d stored twice, %d altered",
		k.total, k.counts, report.Acknowledged, report.Lost, report.Doubled, report.Altered)
	figure(t, "G3: %d readings stored, of %d that were acknowledged and %d that were only sent; %d came too late to be judged",
		report.Stored, report.Acknowledged, report.Unconfirmed, report.Late)
	figure(t, "G4: %d nudges are recorded as sent, %d arrived, %d arrived twice, %d ambiguous",
		report.Decided, report.Nudges, report.DoubledNudges, report.Ambiguous)
	figure(t, "G5: %d of %d episodes and %d minutes as in a pure run", report.Found, report.Episodes, report.Minutes)
	figure(t, "G8: after a kill the slowest part (%s) was ready in %s", k.slowestPart, k.slowest.Round(time.Millisecond))
	if err := report.Proves(); err != nil {
		t.Error(err)
	}
}

// startCluster starts sitwell as one process for each role.
func startCluster(t *testing.T) (*cluster.Cluster, *place) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	out := &tail{}
	c, err := cluster.Start(ctx, cluster.Options{
		Command: []string{exe}, Env: []string{childMode + "=" + plain}, Dir: dir, Detectors: 2, Output: out, Logger: quiet(),
	})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainLimit+slack)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
		if t.Failed() {
			t.Logf("the last lines of the parts:\n%s", out.last(16<<10))
		}
	})
	host := func(url string) string { _, rest, _ := strings.Cut(url, "://"); return rest }
	p := &place{t: t, data: filepath.Join(dir, "broker"), httpAt: host(c.HTTP()), mqttAt: host(c.MQTT()), natsAt: host(c.NATS())}
	p.openLedger()
	return c, p
}

// lively is fleets of one wearer each, who have begun to slouch a while ago.
func (p *place) lively(first, n int) []*fleet {
	var list []*fleet
	for i := first; i < first+n; i++ {
		// The nudge comes after two minutes: one after the other, while parts are killed.
		ago := time.Duration(120-4*(i-first)) * time.Second
		base, _ := slouchSince(i, time.Now().Add(-ago))
		list = append(list, p.fleet(i, 1, 1, base))
	}
	return list
}

// pace publishes a wearer's readings each second, step seconds of them or, where
// step is 0, all up to now, until ctx ends.
func (f *fleet) pace(ctx context.Context, i, from, step int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for at := from; ; {
		to := at + step
		if step == 0 {
			to = int(time.Since(f.base).Seconds())
		}
		if f.send(ctx, i, at, to, 60) != nil {
			return
		}
		at = max(at, to)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// killer kills parts and starts them again at once.
type killer struct {
	t        *testing.T
	parts    []*cluster.Part
	rnd      *rand.Rand
	total    int
	counts   map[string]int
	watching sync.WaitGroup

	mu          sync.Mutex // guards what follows
	struck      map[*cluster.Part]int
	slowest     time.Duration
	slowestPart string
}

// strike kills one part, or at times two, and starts them again.
func (k *killer) strike(ctx context.Context) {
	k.t.Helper()
	n := 1
	if k.rnd.IntN(5) == 0 {
		n = 2
	}
	victims := slices.Clone(k.parts)
	k.rnd.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for _, p := range victims[:n] {
		k.mu.Lock()
		k.struck[p]++
		k.mu.Unlock()
		must(k.t, p.Kill()) // an error where it does not run
		if code, err := p.Wait(context.WithoutCancel(ctx)); err != nil || code != bySignal {
			k.t.Fatalf("%s ended by itself, with exit code %d: %s", p.Name(), code, p.Said())
		}
		k.total++
		k.counts[p.Name()]++
	}
	for _, p := range victims[:n] {
		must(k.t, p.Start(ctx))
		k.watch(ctx, p)
	}
}

// bySignal is the exit code of a part that a signal ended.
const bySignal = -1

// watch notes how long a part takes until it is ready, unless it is killed again
// before that. What needs longer than patience is a failure.
func (k *killer) watch(ctx context.Context, p *cluster.Part) {
	from := time.Now()
	k.mu.Lock()
	mine := k.struck[p]
	k.mu.Unlock()
	k.watching.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err := p.Ready(ctx)
		took := time.Since(from)
		k.mu.Lock()
		defer k.mu.Unlock()
		switch {
		case k.struck[p] != mine: // killed again meanwhile
		case err != nil:
			k.t.Errorf("%s is not ready again: %v", p.Name(), err)
		case took > k.slowest:
			k.slowest, k.slowestPart = took, p.Name()
		}
	})
}
