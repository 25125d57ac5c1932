package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/lease"
)

const patience = 30 * time.Second

// sharing is a runner that shares the partitions of a log with others.
type sharing struct {
	*running
	keeper *lease.Keeper
	name   string
	nc     *nats.Conn
}

// share starts a runner with a lease, on a connection of its own.
func (w *world) share() *sharing {
	w.t.Helper()
	return w.shareBy(brokertest.Connect(w.t, w.broker))
}

func (w *world) shareBy(nc *nats.Conn) *sharing {
	w.t.Helper()
	log, err := bus.Open(context.WithoutCancel(w.t.Context()), nc, bus.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &sharing{nc: nc, name: rand.Text()}
	logs := &lines{}
	s.keeper = w.join(log, s.name, logs)
	o := w.options(log, logs)
	o.Lease = s.keeper
	s.running = &running{Runner: New(o), t: w.t, logs: logs}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	leave := func(within time.Duration) error {
		cancel()
		err := <-done
		bye, end := context.WithTimeout(context.WithoutCancel(w.t.Context()), within)
		defer end()
		return errors.Join(err, s.keeper.Close(bye))
	}
	var once sync.Once
	var ended error
	s.stop = func() error {
		once.Do(func() { ended = leave(patience) })
		return ended
	}
	s.crash = func() error {
		nc.Close()
		once.Do(func() { ended = leave(time.Millisecond) })
		return ended
	}
	w.t.Cleanup(func() { _ = s.crash() })
	return s
}

func (w *world) join(log *bus.Bus, name string, logs *lines) *lease.Keeper {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	members, err := log.KV(ctx, bus.BucketMembers)
	if err != nil {
		w.t.Fatal(err)
	}
	leases, err := log.KV(ctx, bus.BucketLeases)
	if err != nil {
		w.t.Fatal(err)
	}
	k, err := lease.Join(ctx, lease.Options{
		Members: members, Leases: leases, Group: "detect", Slots: log.Partitions(),
		Member: lease.Member{Name: name}, Logger: slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// even waits until the runners judge all partitions in even parts.
func (w *world) even(all ...*sharing) time.Duration {
	w.t.Helper()
	start := time.Now()
	w.eventually("an even spread", func() bool {
		sum := 0
		for _, s := range all {
			n := len(s.progress.positions())
			if part := w.log.Partitions() / len(all); n != part && n != part+1 {
				return false
			}
			sum += n
		}
		return sum == w.log.Partitions()
	})
	return time.Since(start)
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s did not come", what)
		}
	}
}

// settled waits until whoever it is has judged all that was published.
func (w *world) settled() time.Duration {
	w.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := Settled(ctx, w.log.Conn(), w.log.Partitions(), w.seq); err != nil {
		w.t.Fatal(err)
	}
	return time.Since(start)
}

func TestRunnersThatComeAndGoFindWhatOneWouldHaveFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 12)
	n := len(o.records)
	part := func(i int) { w.publish(o, i*n/6, (i+1)*n/6) }
	a := w.share()
	part(0)
	w.settled()
	b := w.share()
	part(1) // while b is coming
	t.Logf("two were even after %v", w.even(a, b))
	w.settled()
	c := w.share()
	part(2)
	t.Logf("three were even after %v", w.even(a, b, c))
	part(3)
	if err := b.stop(); !errors.Is(err, context.Canceled) || len(err.Error()) > 100 {
		t.Errorf("b left with %v", err)
	}
	left := time.Now()
	part(4)
	w.settled()
	t.Logf("after one left all was judged again in %v", time.Since(left))
	if took := time.Since(left); took > 3*time.Second {
		t.Errorf("a partition waited %v for its next owner", took)
	}
	w.even(a, c)
	part(5)
	w.settled()
	for _, s := range []*sharing{a, c} {
		if err := s.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	}
	w.same(o)
	if got := a.judged() + b.judged() + c.judged(); got != 12*hourItems {
		t.Errorf("judged %d readings in all, want %d: each once, by whoever owned it", got, 12*hourItems)
	}
	for _, s := range []*sharing{a, b, c} {
		if s.counted(s.metrics.fenced) != 0 {
			t.Errorf("in good order nobody is fenced:\n%s", s.logs)
		}
	}
	if a.counted(b.metrics.takeovers) != 4 {
		t.Errorf("b took %d partitions over", b.counted(b.metrics.takeovers))
	}
}

func TestWhatAKilledRunnerOwnedIsJudgedAgainWithinTenSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 12)
	n := len(o.records)
	a, b := w.share(), w.share()
	w.even(a, b)
	w.publish(o, 0, n/2)
	w.settled()
	if err := b.crash(); err == nil {
		t.Fatal("the crash ended without an error")
	}
	killed := time.Now()
	w.publish(o, n/2, n)
	w.settled()
	took := time.Since(killed)
	t.Logf("all was judged again %v after the kill", took)
	if took > 10*time.Second {
		t.Errorf("judged again after %v", took)
	}
	w.even(a)
	a.finish()
	w.same(o)
}

// With as many partitions as a log has by default, and wearers in all of them.
// newFullWorld has as many partitions as sitwell by itself.
func newFullWorld(t *testing.T) *world {
	t.Helper()
	b := brokertest.Broker(t, t.TempDir())
	b.Admit()
	log, err := bus.Open(t.Context(), brokertest.Connect(t, b), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, broker: b, log: log}
}

func TestSixtyFourPartitionsAreSharedInTime(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t)
	o := newOffice(t, w.log, 200)
	n := len(o.records) / 20 // three minutes of it
	a := w.share()
	t.Logf("one had all after %v", w.even(a))
	w.publish(o, 0, n/2)
	w.settled()
	second := w.share()
	join := w.even(a, second)
	third := w.share()
	join = max(join, w.even(a, second, third))
	w.publish(o, n/2, n)
	w.settled()
	_ = third.crash() // that is how crashes end
	killed := w.even(a, second)
	w.settled()
	second.finish()
	left := w.even(a)
	w.settled()
	t.Logf("even %v after a join, %v after a kill, %v after a leave", join, killed, left)
	if join > 10*time.Second || killed > 10*time.Second || left > 5*time.Second {
		t.Errorf("even %v after a join, %v after a kill, %v after a leave", join, killed, left)
	}
	a.finish()
	w.same(&office{batches: o.batches[:n]})
}

func TestSettledSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 3)
	w.publish(o, 0, 4)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := Settled(ctx, w.log.Conn(), w.log.Partitions(), w.seq)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody judges, and it says %v", err)
	}
	a := w.share()
	w.settled()
	if got := a.judged(); got == 0 {
		t.Error("settled without having judged")
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc := brokertest.Connect(t, w.broker)
	nc.Close()
	if err := Settled(ctx, nc, 8, 1); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("without a connection it says %v", err)
	}
}
