package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/erasure"
	"sitwell/internal/series"
	"sitwell/internal/series/influx"
	"sitwell/internal/series/sqlite"
)

// openStores opens what this process keeps time series in or reads them from: the
// embedded store, or InfluxDB with the token of its role. Offices are read with a token
// that reads nothing else.
func (a *App) openStores(ctx context.Context) error {
	if !a.o.remote() {
		embedded, err := sqlite.Open(filepath.Join(a.o.Data, "series"), a.o.Logger)
		if err != nil {
			return fmt.Errorf("open store: %w", err)
		}
		a.store, a.offices = embedded, embedded
		a.onStop("store", func(context.Context) error { return embedded.Close() })
		return nil
	}
	role := influx.Dashboard
	if a.o.has(Record) {
		role = influx.Record
	}
	store, err := a.connect(ctx, role)
	if err != nil {
		return err
	}
	a.store = store
	if !a.o.has(Dashboard) {
		return nil
	}
	offices, err := a.connect(ctx, influx.Office)
	if err != nil {
		return err
	}
	a.offices = offices
	return nil
}

// connectWait bounds the first try: a server that hangs must not keep nudges back.
const connectWait = 5 * time.Second

// connect opens a store on InfluxDB. Where the server is away the process goes on without
// it, and a part of it goes on trying; what somebody has to mend ends the start.
func (a *App) connect(ctx context.Context, role influx.Role) (*late, error) {
	if _, err := ReadToken(a.o.Influx.TokenFile, string(role)); err != nil {
		return nil, err // later it is read for each request: it may come back
	}
	l := a.openInflux(role)
	a.onStop("store", func(context.Context) error { return l.Close() })
	first, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	err := l.try(first)
	switch {
	case err == nil:
		return l, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case permanent(err):
		return nil, err
	}
	a.o.Logger.Warn("the store is away, going on without it: the log keeps what there is", "for", string(role), "err", err)
	a.run("store for "+string(role), func(ctx context.Context, _ prometheus.Registerer) error {
		err := l.keepTrying(ctx, func(err error, again time.Duration) {
			a.o.Logger.Warn("the store is away, trying again", "for", string(role), "pause", again, "err", err)
		})
		if err != nil {
			return err
		}
		a.o.Logger.Info("the store is there", "for", string(role))
		<-ctx.Done()
		return ctx.Err()
	})
	return l, nil
}

// where says in words where the time series are.
func (o *Options) where() string {
	if o.remote() {
		return "InfluxDB at " + o.Influx.URL
	}
	return "embedded"
}

// retention is for how long things are kept.
func (o *Options) retention() series.Retention {
	if o.Retention == nil {
		return series.DefaultRetention()
	}
	return o.Retention
}

const (
	retainEvery = time.Hour
	retainAgain = 5 * time.Minute // after a failure
	retainWait  = 30 * time.Minute
)

// retain removes what is older than it is kept, every hour, in the one process that
// fills the store, and the marks that erasures left in the log's buckets.
func (a *App) retain(ctx context.Context, reg prometheus.Registerer) error {
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sitwell_retention_failures_total", Help: "Times that what is too old could not be removed; it is tried again.",
	})
	last := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sitwell_retention_last_timestamp_seconds", Help: "When what is too old was removed last, since 1970.",
	})
	reg.MustRegister(failures, last)
	a.works(partRetain)
	for {
		pause := retainEvery
		if err := a.retainOnce(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failures.Inc()
			pause = retainAgain
			a.o.Logger.Warn("what is too old could not be removed, trying again", "pause", pause, "err", err)
		} else {
			last.SetToCurrentTime()
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

func (a *App) retainOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, retainWait)
	defer cancel()
	return errors.Join(a.store.Retain(ctx, a.o.retention(), time.Now()), erasure.Sweep(ctx, a.bus))
}

// startRecording fills the store, removes what is too old, and says when all is stored.
func (a *App) startRecording(ctx context.Context) error {
	if a.o.remote() {
		if err := a.claim(ctx); err != nil {
			return err
		}
	}
	a.run(partRecord, a.record)
	a.run(partRetain, a.retain)
	a.run(partOffice, a.maker.run(a))
	return a.serveSettle()
}

// startErasure erases wearers where somebody asks.
func (a *App) startErasure() error {
	e, err := erasure.New(erasure.Options{
		Log: a.bus, Registry: a.registry, Store: a.store, Settle: a.Settle, Stored: a.waitStored, Logger: a.o.Logger,
		StoreRemains: a.storeRemains(),
	})
	if err != nil {
		return fmt.Errorf("start erasure: %w", err)
	}
	stop, err := e.Serve(a.nc)
	if err != nil {
		return fmt.Errorf("start erasure: %w", err)
	}
	a.onStop("erasure", stop)
	return nil
}

// storeRemains is what a store keeps for a while after it has erased somebody.
func (a *App) storeRemains() []erasure.Remainder {
	if !a.o.remote() {
		return nil
	}
	return []erasure.Remainder{
		{What: "bytes in InfluxDB's files, and the wearer's name in its index, where it can still list the name: it drops them when it compacts " +
			"them, for which no time can be told; until then no query tells a reading"},
	}
}

// waitStored waits until a stream of the log is stored up to a sequence.
func (a *App) waitStored(ctx context.Context, stream string, seq uint64) error {
	r, err := a.recording(ctx)
	if err != nil {
		return err
	}
	return r.WaitFor(ctx, stream, seq)
}
