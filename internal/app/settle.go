package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/detect/runner"
	"sitwell/internal/record"
	"sitwell/schemas"
)

// SettleSubject is where the process that fills the store takes requests to wait
// until everything that devices were acknowledged before is in the log, judged and
// stored. The answer is a Settled as JSON; the request has no body.
const SettleSubject = "settle"

// Settled is what the store holds then.
type Settled struct {
	Readings   int64 `json:"readings"`
	Duplicates int64 `json:"duplicates"`
	Rollups    int64 `json:"rollups"`
	Episodes   int64 `json:"episodes"`
	// Error says in words what did not settle; the figures may be missing then.
	Error string `json:"error"`
}

const (
	// settleLimit bounds one request: a log with a day to catch up takes minutes.
	settleLimit = 15 * time.Minute
	// settlers is how many requests may wait at a time; more are refused.
	settlers = 16
)

// serveSettle answers requests until stop.
func (a *App) serveSettle() error {
	ctx, cancel := context.WithCancel(context.Background())
	var under sync.WaitGroup
	places := make(chan struct{}, settlers) // full: the next one is refused
	sub, err := a.nc.QueueSubscribe(SettleSubject, "settle", func(m *nats.Msg) {
		select {
		case places <- struct{}{}:
		default:
			a.answer(m, Settled{Error: "too many wait already; ask again later"})
			return
		}
		under.Go(func() {
			defer func() { <-places }()
			a.answer(m, a.settled(ctx))
		})
	})
	if err != nil {
		cancel()
		return fmt.Errorf("serve settle: %w", err)
	}
	a.onStop("settle", func(stop context.Context) error {
		a.gone("settle", sub.Unsubscribe)
		cancel()
		return bounded(stop, under.Wait)
	})
	return nil
}

func (a *App) answer(m *nats.Msg, s Settled) {
	b, err := json.Marshal(s)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		a.o.Logger.Warn("settle not answered", "err", err)
	}
}

// settled settles and counts.
func (a *App) settled(ctx context.Context) Settled {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	if err := a.Settle(ctx); err != nil {
		return Settled{Error: err.Error()}
	}
	stats, err := a.store.Stats(ctx)
	if err != nil {
		return Settled{Error: err.Error()}
	}
	return Settled{Readings: stats.Readings, Duplicates: stats.Duplicates, Rollups: stats.Rollups, Episodes: stats.Episodes}
}

// recording is the recorder that runs, or will in a moment: a part starts on its own.
func (a *App) recording(ctx context.Context) (*record.Recorder, error) {
	if !a.o.has(Record) {
		return nil, errors.New("settle: this process does not fill the store")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if r := a.recorder.Load(); r != nil {
			return r, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("settle: wait for the recorder: %w", ctx.Err())
		}
	}
}

// Settle waits until everything that devices were acknowledged before is in the
// log, judged and stored. The process must have the store.
func (a *App) Settle(ctx context.Context) error {
	recorder, err := a.recording(ctx)
	if err != nil {
		return err
	}
	// The embedded broker acknowledges once it has a message on its own disk;
	// ingest takes it from there. Without a listener nobody takes what is left there.
	if a.o.listensMQTT() || !a.o.has(Broker) {
		if err := a.delivered(ctx); err != nil {
			return err
		}
	}
	readings, err := a.bus.LastSeq(ctx, schemas.StreamReadings)
	if err != nil {
		return err
	}
	if err := runner.Settled(ctx, a.nc, a.bus.Partitions(), readings); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		seq, err := a.bus.LastSeq(ctx, stream)
		if err != nil {
			return err
		}
		if err := recorder.WaitFor(ctx, stream, seq); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	return nil
}
