// Package app wires the roles of sitwell into a process: embedded broker, ingest,
// detection, notifier, recorder, store and dashboard, all of them or some. It is the
// only package that knows them all.
//
// New checks the options, Start brings everything up in order, Wait returns
// when something fails that starting it again would not mend, Stop takes everything
// down in the reverse order within ten seconds. An App is used once.
//
// A role gets a connection to the log and the address of the MQTT broker, whether
// they are of this process or of another one; it waits for them at the start and goes
// on by itself when they come back. The end-to-end test of internal/e2e starts an App
// on free ports and speaks to it as a device does.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/ingest"
	"sitwell/internal/broker"
	"sitwell/internal/bus"
	"sitwell/internal/hindsight"
	"sitwell/internal/ops"
	"sitwell/internal/record"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/internal/tuning"
)

// App is a process of sitwell.
type App struct {
	o         Options
	moved     []Moved
	cleanups  []cleanup
	failed    chan error    // holds the first failure; later ones are its consequences
	admission chan struct{} // closed once devices are let in
	started   atomic.Bool
	leaving   atomic.Bool
	parts     *parts
	orphans   orphans
	usage     usage

	metrics   *prometheus.Registry
	front     front
	http      *ops.Server
	broker    *broker.Broker
	secret    string
	nc        *nats.Conn
	bus       *bus.Bus
	registry  *registry.Registry
	tuning    *tuning.Tuning
	hindsight *hindsight.Hindsight
	store     series.Store   // with the recorder or the dashboard
	offices   series.Offices // what the dashboard shows of offices
	maker     officeMaker

	// Of the parts that run now.
	recorder atomic.Pointer[record.Recorder]
	session  atomic.Pointer[ingest.Session]
}

// cleanup undoes one step of Start.
type cleanup struct {
	name string
	run  func(ctx context.Context) error
}

// The parts' names, in log lines, metrics and readiness.
const (
	partRecord = "recorder"
	partRetain = "retention"
	partClaim  = "store's claim"
	partNotify = "notifier"
	partDetect = "detection"
	partIngest = "ingest"
	partAdmit  = "admission"
	partWatch  = "log watch"
	partHeal   = "broker watch"
	partSpread = "detectors' watch"
)

// New makes an App; nothing runs yet.
func New(o Options) (*App, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	metrics := ops.Metrics()
	return &App{
		o: o, failed: make(chan error, 1), admission: make(chan struct{}), metrics: metrics, parts: newParts(metrics),
	}, nil
}

// Start brings everything up. It returns when the page answers and, where this
// process has broker and ingest, devices may publish. It waits for what other processes
// have to bring until ctx ends. After an error nothing is left running.
func (a *App) Start(ctx context.Context) error {
	starting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a part that fails for good ends the waiting for the others
		select {
		case err := <-a.failed:
			a.failed <- err
			cancel(err)
		case <-starting.Done():
		}
	}()
	err := a.start(starting)
	if err == nil {
		return nil
	}
	if cause := context.Cause(starting); ctx.Err() == nil && cause != nil {
		err = cause
	}
	stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancelStop()
	return errors.Join(err, a.Stop(stop))
}

// stopWait bounds Stop where its caller does not.
const stopWait = 10 * time.Second

// start is one straight line, so that the order can be read: each step may use
// all before it, and is undone before them.
func (a *App) start(ctx context.Context) error {
	has := a.o.has
	a.o.Logger.Info("sitwell starts", "roles", RoleList(a.o.roles()))
	if a.o.keeps() {
		if err := a.o.folder(); err != nil {
			return err
		}
		if err := a.lock(); err != nil {
			return err
		}
	}
	listener, moved, err := a.o.listen()
	if err != nil {
		return err
	}
	a.moved = moved
	a.serve(listener)
	if err := a.openLog(ctx); err != nil {
		return err
	}
	if err := a.serveAbout(); err != nil {
		return err
	}
	if has(Ingest, Detect, Record, Dashboard) {
		if err := a.openRegistry(ctx); err != nil {
			return err
		}
	}
	if has(Detect, Record, Dashboard) {
		if err := a.openTuning(ctx); err != nil {
			return err
		}
	}
	if has(Record, Dashboard) {
		if err := a.openStores(ctx); err != nil {
			return err
		}
	}
	if has(Record) {
		if err := a.startRecording(ctx); err != nil {
			return err
		}
	}
	if has(Notify) {
		a.run(partNotify, a.notify)
	}
	if has(Detect) {
		a.run(partDetect, a.detect)
	}
	if has(Ingest) {
		a.run(partIngest, a.ingest)
		if err := a.awaitIngest(ctx); err != nil {
			return err
		}
	}
	if has(Record, Dashboard) {
		if err := a.startHindsight(); err != nil {
			return err
		}
	}
	if has(Record) {
		if err := a.startErasure(); err != nil {
			return err
		}
	}
	if has(Dashboard) {
		a.run(partSpread, a.spread)
		if err := a.startPages(); err != nil {
			return err
		}
	}
	// From here on devices get in: ingest's session exists, and what an earlier
	// run had not taken from it is taken.
	if a.o.listensMQTT() {
		a.run(partAdmit, a.admit)
	}
	if a.o.listensMQTT() && has(Ingest) {
		if err := a.awaitAdmission(ctx); err != nil {
			return err
		}
	}
	a.started.Store(true)
	a.o.Logger.Info("sitwell is ready", a.facts()...)
	return nil
}

// facts are what a process says of itself when it is ready.
func (a *App) facts() []any {
	facts := []any{"roles", RoleList(a.o.roles()), "nats", a.NATS()}
	if a.o.has(Broker, Ingest, Notify) {
		facts = append(facts, "mqtt", cmp.Or(a.MQTT(), NoMQTT))
	}
	if a.o.HTTP != "" {
		facts = append(facts, "http", a.HTTP())
	}
	if a.o.keeps() {
		facts = append(facts, "data", a.o.Data)
	}
	if a.o.has(Record, Dashboard) {
		facts = append(facts, "store", a.o.where())
	}
	if a.o.has(Broker) {
		d := cmp.Or(broker.Durability(a.o.Durability), broker.Always)
		facts = append(facts, "durability", string(d), "power_cut_loses_up_to", d.Window(), "log_limit", limit(a.o.LogLimit), "broker_limit", limit(a.o.BrokerLimit))
	}
	return facts
}

// limit is a limit in words.
func limit(bytes int64) string {
	if bytes == 0 {
		return "default"
	}
	return ops.Size(bytes)
}

// awaitAdmission returns once devices are let in.
func (a *App) awaitAdmission(ctx context.Context) error {
	select {
	case <-a.admission:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("let devices in: %w", ctx.Err())
	}
}

func (a *App) onStop(name string, run func(ctx context.Context) error) {
	a.cleanups = append(a.cleanups, cleanup{name, run})
}

// Wait returns when ctx ends, with nil, or when something has failed that starting it
// again would not mend.
func (a *App) Wait(ctx context.Context) error {
	var http <-chan error
	if a.http != nil {
		http = a.http.Failed()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	case err := <-http:
		return err
	}
}

// Stop takes everything down, what was started last first: devices are no longer
// acknowledged, what was taken is written, checkpoints are saved.
func (a *App) Stop(ctx context.Context) error {
	a.leaving.Store(true)
	began, roles := time.Now(), RoleList(a.o.roles())
	a.o.Logger.Info("sitwell drains: it finishes what it has begun, the rest is kept", "roles", roles)
	var errs []error
	for _, c := range slices.Backward(a.cleanups) {
		if err := c.run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
	}
	a.cleanups = nil
	a.o.Logger.Info("sitwell has stopped", "roles", roles, "took", time.Since(began).Round(time.Millisecond))
	return errors.Join(errs...)
}

// HTTP is the address of the page, http://host:port, "" where there is none.
func (a *App) HTTP() string {
	if a.o.HTTP == "" {
		return ""
	}
	return "http://" + a.o.HTTP
}

// MQTT is the address for devices, tcp://host:port, "" where this process knows none.
func (a *App) MQTT() string {
	switch address := a.o.brokerAddress(); {
	case address != "":
		return locator("tcp", address)
	case a.broker != nil && a.o.listensMQTT():
		return "tcp://" + a.broker.MQTT()
	case a.o.listensMQTT(): // it does not listen yet
		return locator("tcp", a.o.MQTT)
	}
	return ""
}

// NATS is the address for the command line, nats://host:port.
func (a *App) NATS() string {
	if a.broker != nil {
		return "nats://" + a.broker.NATS()
	}
	return locator("nats", a.o.NATS)
}

// Data is the folder of the log and the store.
func (a *App) Data() string { return a.o.Data }

// Moved are the addresses that were taken.
func (a *App) Moved() []Moved { return a.moved }

// Registry is who there is, in a process with ingest, detection or the dashboard.
func (a *App) Registry() *registry.Registry { return a.registry }

// Bus is the log.
func (a *App) Bus() *bus.Bus { return a.bus }

// Store holds the time series, in a process with the recorder; with the dashboard
// alone it may be read.
func (a *App) Store() series.Store { return a.store }
