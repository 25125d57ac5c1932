package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/detect/runner"
	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/internal/live"
	"sitwell/internal/record"
	"sitwell/internal/registry"
	"sitwell/internal/tuning"
	"sitwell/notify"
	"sitwell/notify/wearable"
	"sitwell/schemas"
)

// openRegistry follows who there is.
func (a *App) openRegistry(ctx context.Context) error {
	err := a.insist(ctx, "the registry", func(ctx context.Context) error {
		kv, err := a.bus.KV(ctx, bus.BucketRegistry)
		if err != nil {
			return err
		}
		a.registry, err = registry.Open(ctx, kv, a.o.Logger)
		return err
	})
	if err != nil {
		return err
	}
	a.onStop("registry", func(context.Context) error { a.gone("registry", a.registry.Close); return nil })
	return nil
}

// openTuning follows the parameters.
func (a *App) openTuning(ctx context.Context) error {
	err := a.insist(ctx, "the parameters", func(ctx context.Context) (err error) {
		a.tuning, err = tuning.Open(ctx, tuning.Options{Log: a.bus, Team: a.team, Logger: a.o.Logger})
		return err
	})
	if err != nil {
		return err
	}
	a.onStop("parameters", func(context.Context) error { a.gone("parameters", a.tuning.Close); return nil })
	return nil
}

// goodbye bounds how long somebody who goes waits for the log to know it.
const goodbye = 500 * time.Millisecond

// gone ends what may be unable to tell a log that is away, or hangs, that it ends: it
// has nothing to lose, and the server forgets it by itself. What goes on after goodbye
// ends with the connection.
func (a *App) gone(what string, end func() error) {
	done := make(chan error, 1)
	go func() { done <- end() }()
	err := errors.New("the log did not answer")
	select {
	case err = <-done:
	case <-time.After(goodbye):
	}
	if err != nil {
		a.o.Logger.Debug("left without a word to the log", "part", what, "err", err)
	}
}

// team is a wearer's team, zero for none.
func (a *App) team(org, wearer schemas.ID) schemas.ID {
	w, _ := a.registry.Wearer(org, wearer)
	return w.Team
}

// parameters are the tuning, of wearers whose teams the registry knows.
type parameters struct {
	*tuning.Tuning

	team func(org, wearer schemas.ID) schemas.ID
}

// Timeline is what a wearer is judged by.
func (p parameters) Timeline(org, wearer schemas.ID) *detect.Timeline {
	return p.Tuning.Timeline(org, p.team(org, wearer), wearer)
}

// record moves the log into the store.
func (a *App) record(ctx context.Context, reg prometheus.Registerer) error {
	r, err := record.New(record.Options{Log: record.FromBus(a.bus), Store: a.maker.told(a.store), Registerer: reg, Logger: a.o.Logger})
	if err != nil {
		return err
	}
	a.recorder.Store(r)
	a.works(partRecord)
	return r.Run(ctx)
}

// notify turns findings into nudges.
func (a *App) notify(ctx context.Context, reg prometheus.Registerer) error {
	sender := wearable.Connect(wearable.Options{
		URL: a.MQTT(), ClientID: "sitwell-notify-" + rand.Text(), Username: User, Password: a.secret, Logger: a.o.Logger,
	})
	defer sender.Close()
	n, err := notify.New(ctx, notify.Options{Log: a.bus, Sender: sender, Registerer: reg, Logger: a.o.Logger})
	if err != nil {
		return err
	}
	a.works(partNotify)
	return n.Run(ctx)
}

// detect judges this process's share of the log.
func (a *App) detect(ctx context.Context, reg prometheus.Registerer) error {
	checkpoints, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	audience, err := live.NewAudience(a.nc)
	if err != nil {
		return err
	}
	defer a.gone("audience", audience.Close)
	share, err := a.joinDetectors(ctx)
	if err != nil {
		return err
	}
	defer a.leaveDetectors(ctx, share)
	mine := &counted{Lease: share}
	telling, cancel := context.WithCancel(ctx)
	defer cancel()
	go mine.tell(telling, a.o.Logger)
	r := runner.New(runner.Options{
		Log: a.bus, Checkpoints: checkpoints, Parameters: parameters{a.tuning, a.team}, Registerer: reg, Logger: a.o.Logger,
		Lease: mine, Known: a.registry.Await, Gone: a.registry.Gone, Watched: audience.Watched,
		Show: func(org, wearer schemas.ID, p detect.Posture) {
			if err := audience.Show(org, wearer, p); err != nil {
				a.o.Logger.Debug("posture not shown", "err", err)
			}
		},
	})
	a.works(partDetect)
	return r.Run(ctx)
}

// ingest takes what devices publish into the log. The session is closed after the
// pipeline has drained: its last acknowledgements go out through it.
func (a *App) ingest(ctx context.Context, reg prometheus.Registerer) error {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	checkpoints, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	clocks, err := a.bus.KV(ctx, bus.BucketClocks)
	if err != nil {
		return err
	}
	name, err := a.claimSession(ctx)
	if err != nil {
		return err
	}
	i := ingest.New(ingest.Options{
		Log: a.bus, Directory: a.registry, Clocks: clocks, Metrics: ingest.NewMetrics(reg), Logger: a.o.Logger,
	})
	session := ingest.Connect(lasting, ingest.SessionOptions{
		URL: a.MQTT(), ClientID: name, Username: User, Password: a.secret, Memory: checkpoints, Logger: a.o.Logger,
		Before: a.awaitUnderWay,
	}, i)
	defer session.Close()
	redrive, err := i.ServeRedrive(lasting, a.nc, a.bus)
	if err != nil {
		return err
	}
	defer a.gone("redrive", redrive.Unsubscribe)
	state, err := session.ServeSession(a.nc)
	if err != nil {
		return err
	}
	defer a.gone("session's state", state.Unsubscribe)
	a.session.Store(session)
	a.works(partIngest)
	return i.Run(ctx)
}

// awaitIngest waits until devices can be taken from.
func (a *App) awaitIngest(ctx context.Context) error {
	for {
		if s := a.session.Load(); s != nil {
			err := s.Ready(ctx)
			if err == nil || ctx.Err() != nil {
				return err
			}
		}
		if !sleep(ctx, lookEvery) { // there is none yet, or its part is started again
			return fmt.Errorf("start ingest: %w", ctx.Err())
		}
	}
}
