package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker"
	"sitwell/internal/bus"
)

// lock keeps a second process from the same data: the broker's log, or the store
// where another process has the log.
func (a *App) lock() error {
	name := "lock"
	if !a.o.has(Broker) {
		name = "lock-store"
	}
	l := flock.New(filepath.Join(a.o.Data, name))
	ok, err := l.TryLock()
	if err != nil {
		return fmt.Errorf("lock data folder: %w", err)
	}
	if !ok {
		return fmt.Errorf("another sitwell runs on the data folder %s; stop it or choose another with --data", a.o.Data)
	}
	a.onStop("lock", func(context.Context) error { return l.Unlock() })
	return nil
}

// openLog connects to the log, which the broker of this process has or another
// process.
func (a *App) openLog(ctx context.Context) (err error) {
	if !a.o.has(Broker) {
		return a.joinLog(ctx)
	}
	began := time.Now()
	if err := a.startBroker(ctx); err != nil {
		return err
	}
	if a.nc, err = a.broker.Connect(a.connOptions()...); err != nil {
		return err
	}
	a.closeLog()
	if a.bus, err = bus.Open(ctx, a.nc, bus.Options{Limits: bus.Limits{Readings: a.o.LogLimit, MQTT: a.o.BrokerLimit}}); err != nil {
		return err
	}
	if err := a.removeOrphans(ctx, began); err != nil {
		a.o.Logger.Warn("not known whether a kill left something of an MQTT session", "err", err)
	}
	a.run(partWatch, func(ctx context.Context, reg prometheus.Registerer) error {
		a.works(partWatch)
		return a.bus.Watch(ctx, reg, a.o.Logger)
	})
	a.run(partHeal, func(ctx context.Context, _ prometheus.Registerer) error {
		a.works(partHeal)
		return a.broker.Watch(ctx, a.bus.Probe)
	})
	if !a.o.listensMQTT() {
		a.warnOfLeftBehind(ctx)
	}
	return a.seedSession(ctx)
}

func (a *App) startBroker(ctx context.Context) (err error) {
	if a.secret, err = keepSecret(a.o.secretFile()); err != nil {
		return err
	}
	mqtt := ""
	if a.o.listensMQTT() {
		mqtt = a.o.MQTT
	}
	if a.broker, err = broker.Start(ctx, broker.Options{
		Dir: filepath.Join(a.o.Data, "log"), MQTT: mqtt, NATS: a.o.NATS, Log: a.o.Logger, Secret: a.secret,
		Durability: broker.Durability(a.o.Durability),
	}); err != nil {
		return err
	}
	a.onStop("broker", func(ctx context.Context) error { return bounded(ctx, a.broker.Stop) })
	if !a.o.listensMQTT() { // no device can come, so nobody waits for ingest's session here
		a.broker.Admit()
	}
	return nil
}

// bounded runs what cannot be bounded itself; it goes on when ctx ends.
func bounded(ctx context.Context, work func()) error {
	done := make(chan struct{})
	go func() { work(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("did not stop in time")
	}
}

// refusedPause follows a refusal: the log's process writes a line about each.
const refusedPause = 2 * time.Second

// joinLog waits until a process with the broker has made the log.
func (a *App) joinLog(ctx context.Context) error {
	address := a.NATS()
	err := a.insist(ctx, "the log at "+address, func(ctx context.Context) (err error) {
		// Both may be new at each try: the process with the broker makes them.
		if a.secret, err = readSecret(a.o.secretFile()); err != nil {
			return fmt.Errorf("%w; the process with the broker makes it in its data folder: name it with --secret-file", err)
		}
		a.nc, err = nats.Connect(address, append(a.connOptions(), nats.UserInfo(User, a.secret))...)
		if errors.Is(err, nats.ErrAuthorization) {
			err = fmt.Errorf("%w; is %s the secret of the log's own process?", err, a.o.secretFile())
			sleep(ctx, refusedPause)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.closeLog()
	return a.insist(ctx, "the streams of the log at "+address, func(ctx context.Context) (err error) {
		if a.bus, err = bus.Attach(ctx, a.nc); err != nil {
			return err
		}
		// The last thing that the process with the broker makes.
		_, err = a.bus.KV(ctx, bus.BucketClocks)
		return err
	})
}

// connOptions are for the one connection of a process to the log.
func (a *App) connOptions() []nats.Option {
	return append(bus.ConnOptions("sitwell "+RoleList(a.o.roles()), a.o.Logger), nats.ClosedHandler(a.logClosed))
}

// closeLog closes the connection on a stop.
func (a *App) closeLog() {
	a.onStop("log connection", func(context.Context) error {
		a.nc.Close()
		return nil
	})
}

// logClosed ends the process when the connection was closed for good, which no part
// would survive.
func (a *App) logClosed(nc *nats.Conn) {
	if a.leaving.Load() {
		return
	}
	a.fail(fmt.Errorf("the connection to the log was closed for good: %w", nc.LastError()))
}
