// Package app wires the roles of sitwell into one process: embedded broker,
// ingest, detection, notifier, recorder, store and dashboard. It is the only
// package that knows them all.
//
// New checks the options, Start brings everything up in order, Wait returns
// when a part fails, Stop takes everything down in the reverse order within ten
// seconds. An App is used once. The end-to-end test of internal/e2e starts it
// on free ports and speaks to it as a device does.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/detect/runner"
	"sitwell/ingest"
	"sitwell/internal/auth"
	"sitwell/internal/broker"
	"sitwell/internal/bus"
	"sitwell/internal/dashboard"
	"sitwell/internal/hindsight"
	"sitwell/internal/live"
	"sitwell/internal/office"
	"sitwell/internal/ops"
	"sitwell/internal/record"
	"sitwell/internal/registry"
	"sitwell/internal/series/sqlite"
	"sitwell/internal/tuning"
	"sitwell/notify"
	"sitwell/notify/wearable"
	"sitwell/schemas"
)

// App is sitwell in one process.
type App struct {
	o        Options
	moved    []Moved
	cleanups []cleanup
	failed   chan error
	admitted atomic.Bool

	metrics   *prometheus.Registry
	broker    *broker.Broker
	bus       *bus.Bus
	registry  *registry.Registry
	tuning    *tuning.Tuning
	hindsight *hindsight.Hindsight
	store     *sqlite.Store
	recorder  *record.Recorder
	runner    *runner.Runner
	session   *ingest.Session
	http      *ops.Server
}

// cleanup undoes one step of Start.
type cleanup struct {
	name string
	run  func(ctx context.Context) error
}

// New makes an App; nothing runs yet.
func New(o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return &App{o: o, failed: make(chan error, 16), metrics: ops.Metrics()}, nil
}

// Start brings everything up. It returns when the page answers and devices may
// publish. After an error nothing is left running.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
		defer cancel()
		return errors.Join(err, a.Stop(stop))
	}
	return nil
}

// stopWait bounds Stop where its caller does not.
const stopWait = 10 * time.Second

// start is one straight line, so that the order can be read: each step may use
// all before it, and is undone before them.
func (a *App) start(ctx context.Context) error {
	log := a.o.Logger
	if err := a.o.folder(); err != nil {
		return err
	}
	if err := a.lock(); err != nil {
		return err
	}
	listener, moved, err := a.o.listen()
	if err != nil {
		return err
	}
	a.moved = moved
	a.onStop("http listener", func(context.Context) error { _ = listener.Close(); return nil })

	if a.broker, err = broker.Start(ctx, broker.Options{
		Dir: filepath.Join(a.o.Data, "log"), MQTT: a.o.MQTT, NATS: a.o.NATS, Log: log,
	}); err != nil {
		return err
	}
	a.onStop("broker", func(context.Context) error { a.broker.Stop(); return nil })
	nc, err := a.broker.Connect(nats.Name("sitwell"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		log.Warn("log connection", "err", err)
	}))
	if err != nil {
		return err
	}
	a.onStop("log connection", func(context.Context) error { nc.Close(); return nil })
	if a.bus, err = bus.Open(ctx, nc, bus.Options{}); err != nil {
		return err
	}
	if err := a.openRegistry(ctx); err != nil {
		return err
	}
	if err := a.openTuning(ctx); err != nil {
		return err
	}
	if a.store, err = sqlite.Open(filepath.Join(a.o.Data, "series"), log); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	a.onStop("store", func(context.Context) error { return a.store.Close() })

	if err := a.startRecorder(); err != nil {
		return err
	}
	if err := a.startNotifier(ctx); err != nil {
		return err
	}
	if err := a.startDetection(ctx, nc); err != nil {
		return err
	}
	if err := a.startIngest(ctx, nc); err != nil {
		return err
	}
	if err := a.startHindsight(nc); err != nil {
		return err
	}
	if err := a.startDashboard(listener, nc); err != nil {
		return err
	}
	// From here on devices get in: ingest's session exists, and what an earlier
	// run had not taken from it is taken.
	a.catchUp(ctx)
	a.broker.Admit()
	a.admitted.Store(true)
	log.Info("sitwell is ready", "http", a.HTTP(), "mqtt", a.MQTT(), "nats", a.NATS(), "data", a.o.Data)
	return nil
}

// catchUp waits for what the broker kept for ingest from before: a device's newer
// messages must not overtake it, or its first readings would count as late. A
// log that does not take it is no reason to keep devices out for ever.
func (a *App) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, broker.AckWait+time.Second)
	defer cancel()
	if err := a.bus.Delivered(ctx, mqttStream, mqttSubject); err != nil {
		a.o.Logger.Warn("devices are admitted before all that they sent earlier is taken", "err", err)
	}
}

// The embedded broker keeps QoS 1 messages in mqttStream until ingest, which
// reads mqttSubject of it, has acknowledged them.
const (
	mqttStream  = "$MQTT_msgs"
	mqttSubject = "$MQTT.msgs.sitwell.>"
)

// sessionName is the client id of ingest's session. The session holds what was
// acknowledged to devices, and whoever connects under its name takes it over, so
// the name is a secret of the data folder.
func (a *App) sessionName() (string, error) {
	path := filepath.Join(a.o.Data, "mqtt-session")
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return string(b), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read name of the MQTT session: %w", err)
	}
	name := "sitwell-ingest-" + rand.Text()
	if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
		return "", fmt.Errorf("keep name of the MQTT session: %w", err)
	}
	return name, nil
}

// lock keeps a second process out of the same folder.
func (a *App) lock() error {
	l := flock.New(filepath.Join(a.o.Data, "lock"))
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

func (a *App) openRegistry(ctx context.Context) error {
	kv, err := a.bus.KV(ctx, bus.BucketRegistry)
	if err != nil {
		return err
	}
	if a.registry, err = registry.Open(ctx, kv, a.o.Logger); err != nil {
		return err
	}
	a.onStop("registry", func(context.Context) error { return a.registry.Close() })
	return nil
}

func (a *App) openTuning(ctx context.Context) error {
	var err error
	if a.tuning, err = tuning.Open(ctx, tuning.Options{Log: a.bus, Team: a.team, Logger: a.o.Logger}); err != nil {
		return err
	}
	a.onStop("parameters", func(context.Context) error { return a.tuning.Close() })
	return nil
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

// startHindsight judges what is stored again where somebody asks. It waits for
// those that bring and judge readings, which have been started before it.
func (a *App) startHindsight(nc *nats.Conn) error {
	var err error
	if a.hindsight, err = hindsight.New(hindsight.Options{
		Store: a.store, Registry: a.registry, Parameters: a.tuning, Settle: a.Settle, Logger: a.o.Logger,
	}); err != nil {
		return fmt.Errorf("start hindsight: %w", err)
	}
	stop, err := a.hindsight.Serve(nc)
	if err != nil {
		return fmt.Errorf("start hindsight: %w", err)
	}
	a.onStop("hindsight", stop)
	return nil
}

func (a *App) startRecorder() error {
	var err error
	a.recorder, err = record.New(record.Options{
		Log: record.FromBus(a.bus), Store: a.store, Registerer: a.metrics, Logger: a.o.Logger,
	})
	if err != nil {
		return fmt.Errorf("start recorder: %w", err)
	}
	a.run("recorder", a.recorder.Run)
	return nil
}

func (a *App) startNotifier(ctx context.Context) error {
	name, password := a.broker.Credentials()
	sender := wearable.Connect(wearable.Options{
		URL: a.brokerURL(), ClientID: "sitwell-notify-" + rand.Text(), Username: name, Password: password, Logger: a.o.Logger,
	})
	a.onStop("nudge sender", func(context.Context) error { sender.Close(); return nil })
	n, err := notify.New(ctx, notify.Options{Log: a.bus, Sender: sender, Registerer: a.metrics, Logger: a.o.Logger})
	if err != nil {
		return err
	}
	a.run("notifier", n.Run)
	return nil
}

func (a *App) startDetection(ctx context.Context, nc *nats.Conn) error {
	checkpoints, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	audience, err := live.NewAudience(nc)
	if err != nil {
		return err
	}
	a.onStop("audience", func(context.Context) error { return audience.Close() })
	a.runner = runner.New(runner.Options{
		Log: a.bus, Checkpoints: checkpoints, Parameters: parameters{a.tuning, a.team}, Registerer: a.metrics, Logger: a.o.Logger,
		Watched: audience.Watched,
		Show: func(org, wearer schemas.ID, p detect.Posture) {
			if err := audience.Show(org, wearer, p); err != nil {
				a.o.Logger.Debug("posture not shown", "err", err)
			}
		},
	})
	a.run("detection", a.runner.Run)
	return nil
}

func (a *App) startIngest(ctx context.Context, nc *nats.Conn) error {
	i := ingest.New(ingest.Options{
		Log: a.bus, Directory: a.registry, Metrics: ingest.NewMetrics(a.metrics), Logger: a.o.Logger,
	})
	clientID, err := a.sessionName()
	if err != nil {
		return err
	}
	name, password := a.broker.Credentials()
	// The session is closed after the ingest has drained: its last
	// acknowledgements go out through it.
	session, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.session = ingest.Connect(session, ingest.SessionOptions{
		URL: a.brokerURL(), ClientID: clientID, Username: name, Password: password, Logger: a.o.Logger,
	}, i)
	a.onStop("ingest session", func(context.Context) error { cancel(); a.session.Close(); return nil })
	a.run("ingest", i.Run)
	sub, err := i.ServeRedrive(session, nc, a.bus)
	if err != nil {
		return err
	}
	a.onStop("redrive", func(context.Context) error { return sub.Unsubscribe() })
	return a.session.Ready(ctx)
}

func (a *App) startDashboard(l net.Listener, nc *nats.Conn) error {
	handler, err := dashboard.New(dashboard.Options{
		Store: a.store, Registry: a.registry, Live: liveEvents{live.NewWatcher(nc)},
		Office: office.New(a.store, a.registry), Authority: auth.Local{}, Hindsight: a.hindsight, Rules: a.tuning,
		Ready: a.checks(), Gatherer: a.metrics, Registerer: a.metrics, Logger: a.o.Logger, Insecure: a.o.InsecureListen,
	})
	if err != nil {
		return fmt.Errorf("start dashboard: %w", err)
	}
	a.http = ops.Serve(l, handler, a.o.Logger)
	a.onStop("dashboard", a.http.Stop)
	return nil
}

// checks are what /readyz asks.
func (a *App) checks() []dashboard.Check {
	return []dashboard.Check{
		{Name: "mqtt", Check: func(context.Context) error {
			switch {
			case !a.session.Connected():
				return errors.New("ingest is not connected to the MQTT broker")
			case !a.admitted.Load():
				return errors.New("devices are let in once what they sent earlier is taken")
			}
			return nil
		}},
		{Name: "log", Check: func(ctx context.Context) error {
			if err := a.bus.Probe(ctx); err != nil {
				return errors.New("the log does not take messages; is the disk full?")
			}
			return nil
		}},
		{Name: "store", Check: func(context.Context) error {
			if a.recorder.Err() != nil {
				return errors.New("the store does not take data; the log keeps it until it does")
			}
			return nil
		}},
	}
}

func (a *App) brokerURL() string { return "tcp://" + a.broker.MQTT() }

// run starts a part that works until its context ends. If it ends by itself,
// Wait returns its error.
func (a *App) run(name string, part func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := part(ctx)
		if ctx.Err() == nil {
			a.failed <- fmt.Errorf("%s ended: %w", name, err)
		}
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		done <- err
	}()
	a.onStop(name, func(stop context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-stop.Done():
			return errors.New("did not stop in time")
		}
	})
}

func (a *App) onStop(name string, run func(ctx context.Context) error) {
	a.cleanups = append(a.cleanups, cleanup{name, run})
}

// Wait returns when ctx ends, with nil, or when a part has failed.
func (a *App) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	case err := <-a.http.Failed():
		return err
	}
}

// Stop takes everything down, the last started first: devices are no longer
// acknowledged, what was taken is written, checkpoints are saved.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(a.cleanups) {
		if err := c.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
	}
	a.cleanups = nil
	return errors.Join(errs...)
}

// HTTP is the address of the page, http://host:port.
func (a *App) HTTP() string { return "http://" + a.o.HTTP }

// MQTT is the address for devices, tcp://host:port.
func (a *App) MQTT() string { return "tcp://" + a.broker.MQTT() }

// NATS is the address for the command line, nats://host:port.
func (a *App) NATS() string { return "nats://" + a.broker.NATS() }

// Moved are the addresses that were taken.
func (a *App) Moved() []Moved { return a.moved }

// Registry is who there is.
func (a *App) Registry() *registry.Registry { return a.registry }

// Bus is the log.
func (a *App) Bus() *bus.Bus { return a.bus }

// Recorder brings the log into the store.
func (a *App) Recorder() *record.Recorder { return a.recorder }

// Settle waits until everything that devices were acknowledged before is in the
// log, judged and stored.
func (a *App) Settle(ctx context.Context) error {
	// The embedded broker acknowledges once it has a message on its own disk;
	// ingest takes it from there.
	if err := a.bus.Delivered(ctx, mqttStream, mqttSubject); err != nil {
		return err
	}
	readings, err := a.bus.LastSeq(ctx, schemas.StreamReadings)
	if err != nil {
		return err
	}
	if err := a.runner.WaitFor(ctx, readings); err != nil {
		return err
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		seq, err := a.bus.LastSeq(ctx, stream)
		if err != nil {
			return err
		}
		if err := a.recorder.WaitFor(ctx, stream, seq); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	return nil
}

// Store holds the time series.
func (a *App) Store() *sqlite.Store { return a.store }
