package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/ops"
)

// part does a share of the work until its context ends. It is given a registerer
// for metrics that are its own, and may be called again after it has failed.
type part func(ctx context.Context, reg prometheus.Registerer) error

// The pause before a part that failed is started again: doubled from least to most,
// and least again once it has worked for a while.
const (
	leastPause = 250 * time.Millisecond
	mostPause  = 10 * time.Second
	workedFor  = 30 * time.Second
)

// parts are those that run in this process, and how they are.
type parts struct {
	restarts *prometheus.CounterVec

	mu     sync.Mutex // guards failed
	failed map[string]error
}

func newParts(reg prometheus.Registerer) *parts {
	p := &parts{
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sitwell_part_restarts_total", Help: "Times that a part of this process failed and was started again.",
		}, []string{"part"}),
		failed: map[string]error{},
	}
	reg.MustRegister(p.restarts)
	return p
}

// set notes that a part works, or why it does not.
func (p *parts) set(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.failed, name)
		return
	}
	p.failed[name] = err
}

// check names a part that does not work now.
func (p *parts) check(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for name := range p.failed {
		errs = append(errs, fmt.Errorf("%s has failed and is being started again; the log of this process says why", name))
	}
	return errors.Join(errs...)
}

// fatalError is a failure that starting the part again would not mend.
type fatalError struct{ err error }

func (f fatalError) Error() string { return f.err.Error() }
func (f fatalError) Unwrap() error { return f.err }

// run starts a part, again whenever it fails: what it needs is in the log, so that
// it goes on where it was. After a fatalError the process ends. On a stop a part
// that could not write its end is no failure, since the next start finds it in the
// log; one that does not return in time is.
func (a *App) run(name string, work part) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.keepRunning(ctx, name, work)
	}()
	a.onStop(name, func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return errors.New("did not stop in time")
		}
	})
}

func (a *App) keepRunning(ctx context.Context, name string, work part) {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		began := time.Now()
		err := a.runOnce(ctx, work)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				a.o.Logger.Warn("a part ended with something left to do; the next start takes it from the log", "part", name, "err", err)
			}
			return
		}
		if fatal := (fatalError{}); errors.As(err, &fatal) {
			a.fail(fmt.Errorf("%s: %w", name, err))
			return
		}
		if time.Since(began) > workedFor {
			pause = leastPause
		}
		a.parts.set(name, err)
		a.parts.restarts.WithLabelValues(name).Inc()
		a.o.Logger.Error("a part failed and is started again", "part", name, "pause", pause, "err", err)
		if !sleep(ctx, pause) {
			return
		}
	}
}

// runOnce runs a part once; it does not end without an error before ctx does.
func (a *App) runOnce(ctx context.Context, work part) error {
	scope := ops.NewScope(a.metrics)
	defer scope.Close()
	err := work(ctx, scope)
	if err == nil && ctx.Err() == nil {
		err = errors.New("it ended by itself")
	}
	return err
}

// works says that a part is made and does its work.
func (a *App) works(name string) { a.parts.set(name, nil) }

// fail ends the process: Wait returns the error. The first one counts.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// insist tries a step of the start again and again until it succeeds or ctx ends:
// a log on another process may be away at any moment. In the process of the broker
// nothing would come of waiting, and the first error is the answer.
func (a *App) insist(ctx context.Context, doing string, step func(ctx context.Context) error) error {
	var said string
	var when time.Time
	for {
		try, cancel := context.WithTimeout(ctx, stepWait)
		err := step(try)
		cancel()
		if err == nil || a.o.has(Broker) {
			return err
		}
		if said != err.Error() || time.Since(when) > sayEvery {
			said, when = err.Error(), time.Now()
			a.o.Logger.Warn("waiting, trying again", "for", doing, "err", err)
		}
		if !sleep(ctx, stepPause) {
			return fmt.Errorf("wait for %s: %w", doing, errors.Join(ctx.Err(), err))
		}
	}
}

const (
	stepWait  = 30 * time.Second       // bounds one try of a step
	stepPause = 250 * time.Millisecond // between two tries; one costs next to nothing
	sayEvery  = 30 * time.Second       // how often the same reason for waiting is logged
)

// sleep waits and reports whether ctx still lives.
func sleep(ctx context.Context, while time.Duration) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
