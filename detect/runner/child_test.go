package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/internal/bus"
	"sitwell/internal/lease"
)

// The test binary runs as a detector when it finds these.
const (
	childURL  = "SITWELL_RUNNER_TEST_URL"
	childName = "SITWELL_RUNNER_TEST_NAME"
)

// child is a detector in a process of its own. It ends in good order on SIGTERM.
func child(url string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := detector(ctx, url, os.Getenv(childName)); !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func detector(ctx context.Context, url, name string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("child", name)
	nc, err := nats.Connect(url, bus.ConnOptions(name, logger)...)
	if err != nil {
		return err
	}
	defer nc.Close()
	log, err := bus.Open(ctx, nc, bus.Options{})
	if err != nil {
		return err
	}
	checkpoints, errC := log.KV(ctx, bus.BucketCheckpoints)
	members, errM := log.KV(ctx, bus.BucketMembers)
	leases, errL := log.KV(ctx, bus.BucketLeases)
	if err := errors.Join(errC, errM, errL); err != nil {
		return err
	}
	k, err := lease.Join(ctx, lease.Options{
		Members: members, Leases: leases, Group: "detect", Slots: log.Partitions(),
		Member: lease.Member{Name: name, PID: os.Getpid()}, Logger: logger,
	})
	if err != nil {
		return err
	}
	err = New(Options{
		Log: log, Checkpoints: checkpoints, Parameters: &fixed{timeline: detect.Always(detect.Defaults())},
		Registerer: prometheus.NewRegistry(), Logger: logger, Lease: k,
	}).Run(ctx)
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, k.Close(bye))
}

// process is a detector that can be killed and stopped as processes are.
type process struct {
	*exec.Cmd

	t    *testing.T
	name string
	logs *lines
}

func (w *world) process() *process {
	w.t.Helper()
	user, password := w.broker.Credentials()
	p := &process{t: w.t, name: rand.Text(), logs: &lines{}}
	p.Cmd = exec.CommandContext(context.WithoutCancel(w.t.Context()), os.Args[0])
	p.Env = append(os.Environ(), childURL+"=nats://"+user+":"+password+"@"+w.broker.NATS(), childName+"="+p.name)
	p.Stderr = p.logs
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		_ = p.Wait() // killed
		if w.t.Failed() {
			w.t.Logf("detector %s said\n%s", p.name, p.logs)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// table is who owns what.
func (w *world) table() lease.Table {
	w.t.Helper()
	members, leases := w.kv(bus.BucketMembers), w.kv(bus.BucketLeases)
	table, err := lease.Read(w.t.Context(), members, leases, "detect", w.log.Partitions())
	if err != nil {
		w.t.Fatal(err)
	}
	return table
}

// shared waits until these processes own all partitions in even parts.
func (w *world) shared(all ...*process) time.Duration {
	w.t.Helper()
	start := time.Now()
	w.eventually("an even spread", func() bool {
		table := w.table()
		counts := map[string]int{}
		for _, owner := range table.Owners {
			counts[owner]++
		}
		for _, p := range all {
			part := w.log.Partitions() / len(all)
			if n := counts[p.name]; n != part && n != part+1 {
				return false
			}
			delete(counts, p.name)
		}
		return len(counts) == 0
	})
	return time.Since(start)
}

func TestKillNineOfADetector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 12)
	n := len(o.records)
	a, b, c := w.process(), w.process(), w.process()
	w.shared(a, b, c)
	w.publish(o, 0, n/3)
	w.settled()
	b.signal(syscall.SIGKILL)
	killed := time.Now()
	w.publish(o, n/3, 2*n/3)
	w.settled()
	took := time.Since(killed)
	t.Logf("all was judged again %v after the kill, even after %v more", took, w.shared(a, c))
	if took > 10*time.Second {
		t.Errorf("judged again after %v", took)
	}
	d := w.process()
	w.publish(o, 2*n/3, n)
	w.settled()
	t.Logf("one that came was given its part %v later", w.shared(a, c, d))
	for _, p := range []*process{a, c, d} {
		p.signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("a stop in good order ended with %v", err)
		}
	}
	w.same(o)
}

// A process that is stopped for longer than a lease lasts goes on as if nothing had
// been: it reads, finds and writes what its successor has found before.
func TestAStoppedDetectorThatGoesOnChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 12)
	n := len(o.records)
	a, b := w.process(), w.process()
	w.shared(a, b)
	w.publish(o, 0, n/4)
	w.settled()
	// In the middle of a minute, of which it would write a part when it goes on.
	b.signal(syscall.SIGSTOP)
	w.publish(o, n/4, n/2)
	stopped := time.Now()
	w.settled()
	t.Logf("what the stopped one owned was judged %v after", time.Since(stopped))
	if took := time.Since(stopped); took > 10*time.Second {
		t.Errorf("the stopped one held the others up for %v", took)
	}
	w.shared(a)
	w.publish(o, n/2, 3*n/4)
	w.settled()
	// The successor has written the open minutes; it does so once they have been silent.
	rollups := len(w.all("ROLLUPS"))
	w.eventually("open minutes", func() bool { return len(w.all("ROLLUPS")) > rollups })
	b.signal(syscall.SIGCONT)
	t.Logf("going on it has its part again after %v", w.shared(a, b))
	w.settled()
	w.same(&office{batches: o.batches[:3*n/4]})
	w.publish(o, 3*n/4, n)
	w.settled()
	for _, p := range []*process{a, b} {
		p.signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("a stop in good order ended with %v", err)
		}
	}
	w.same(o)
}
