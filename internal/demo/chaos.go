package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/cluster"
	"sitwell/internal/ledger"
	"sitwell/internal/registry"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// ChaosOptions are those of a demonstration of faults.
type ChaosOptions struct {
	// Command is the executable of sitwell with its leading arguments, Env is added
	// to the environment of the processes.
	Command, Env []string
	Data         string        // may be empty: then a temporary folder is used, and removed if all went well
	For          time.Duration // how long parts are killed; a minute by default
	Seed         uint64
	Console      *Console
	Logger       *slog.Logger
}

// What a run must have seen to prove anything.
const (
	leastKills        = 10
	leastAcknowledged = 5000
)

// The bounds of the steps around the kills.
const (
	upWait     = 60 * time.Second // until the processes are ready at first
	flushWait  = 60 * time.Second // until devices have all acknowledged
	againWait  = 60 * time.Second // until all are ready again after the last kill
	settleFor  = 2 * time.Minute  // until all is judged and stored
	checkWait  = 5 * time.Minute  // to compare it with the ledger
	leaveWait  = 10 * time.Second // to say goodbye: first the devices, then the processes
	soFarEvery = 10 * time.Second
)

// ErrEarly says that a run was ended before its time.
var ErrEarly = errors.New("ended early: this is no proof")

// chaos is one run.
type chaos struct {
	o       ChaosOptions
	say     *Console
	dir     string
	cluster *cluster.Cluster
	ledger  *ledger.Ledger
	office  *sim.Office
	wears   map[schemas.ID]schemas.ID // device to wearer
	fleet   sim.Fleet
	killer  *killer
	failed  chan error // holds the first failure to write the ledger
	devices *slog.Logger
}

// Chaos runs the simulated office against sitwell as processes of their own, kills
// them at random for a while, and then holds what is stored against what was
// acknowledged. The error is nil only if nothing was lost or doubled, and enough
// happened to say so.
func Chaos(ctx context.Context, o ChaosOptions) error {
	if o.For == 0 {
		o.For = time.Minute
	}
	c := &chaos{o: o, say: o.Console, dir: o.Data, failed: make(chan error, 1)}
	if c.dir == "" {
		dir, err := os.MkdirTemp("", "sitwell-chaos-")
		if err != nil {
			return fmt.Errorf("make temporary folder: %w", err)
		}
		c.dir = dir
	}
	err := c.run(ctx)
	if ctx.Err() != nil {
		err = ErrEarly // what else went wrong is its consequence
	}
	switch {
	case o.Data != "":
	case err == nil || errors.Is(err, ErrEarly):
		return errors.Join(err, os.RemoveAll(c.dir))
	default:
		c.say.Line("kept", fields{"data": c.dir}, "what there was of it is kept: the log, the store, the ledger and what the processes said, in %s", c.dir)
	}
	return err
}

// run starts everything, plays and takes it down again.
func (c *chaos) run(ctx context.Context) (err error) {
	leave := func(what string, step func(context.Context) error) {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
		defer cancel()
		if stopped := step(bounded); stopped != nil {
			err = errors.Join(err, fmt.Errorf("stop %s: %w", what, stopped))
		}
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	said, err := os.Create(filepath.Join(c.dir, "parts.log"))
	if err != nil {
		return fmt.Errorf("open log of the processes: %w", err)
	}
	defer leave("log of the processes", func(context.Context) error { return said.Close() })
	// A folder that is used again gets a ledger of its own: what an earlier run
	// acknowledged is its own affair.
	if c.ledger, err = ledger.Open(filepath.Join(c.dir, time.Now().UTC().Format("ledger-20060102T150405.000"))); err != nil {
		return err
	}
	defer leave("ledger", func(context.Context) error { return c.ledger.Close() })
	// What the devices complain of is what is done to them: nobody wants it on the
	// console.
	c.devices = slog.New(slog.NewTextHandler(said, nil)).With("part", "devices")
	if err := c.startCluster(ctx, said); err != nil {
		return err
	}
	defer leave("processes", c.cluster.Stop)
	if err := c.connect(ctx); err != nil {
		return err
	}
	defer leave("devices", c.fleet.Close)
	return c.play(ctx)
}

func (c *chaos) startCluster(ctx context.Context, said io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, upWait)
	defer cancel()
	c.cluster, err = cluster.Start(ctx, cluster.Options{
		Command: c.o.Command, Env: c.o.Env, Dir: c.dir, Detectors: 2, Output: said, Logger: c.o.Logger,
	})
	return err
}

// connect registers the office and connects its devices.
func (c *chaos) connect(ctx context.Context) error {
	// A day's history: the morning is what the devices have in their buffers.
	c.office = sim.NewOfficeOf(1, c.o.Seed, time.Now())
	c.office.Rush = true
	c.wears = map[schemas.ID]schemas.ID{}
	for _, w := range c.office.Wearers {
		c.wears[w.Device] = w.ID
	}
	c.greet()
	if err := c.enrol(ctx); err != nil {
		return err
	}
	var err error
	c.fleet, err = sim.ConnectAll(ctx, c.office.Wearers, sim.DeviceOptions{
		URL: c.cluster.MQTT(), Org: c.office.Org, Hertz: 2, Logger: c.devices, OnSend: c.sent, OnAck: c.acked,
	})
	if err != nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
		defer cancel()
		err = errors.Join(err, c.fleet.Close(bounded))
	}
	return err
}

func (c *chaos) greet() {
	page := c.cluster.HTTP()
	parts := []string{}
	for _, p := range c.cluster.Parts() {
		parts = append(parts, p.Name())
	}
	c.say.Line("ready", fields{"http": page, "mqtt": c.cluster.MQTT(), "nats": c.cluster.NATS(), "org": c.office.Org.String(), "parts": parts, "data": c.dir},
		"%d processes: %s\nopen   %s/#/%s for the office, while the dashboard lives\n%d devices each have a morning in their buffers and send it, then what they measure;\nfor %v parts are killed with -9, at random, and started again",
		len(parts), list(parts), page, c.office.Org, len(c.office.Wearers), c.o.For)
}

func (c *chaos) enrol(ctx context.Context) error {
	nc, err := c.cluster.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	log, err := bus.Attach(ctx, nc)
	if err != nil {
		return err
	}
	kv, err := log.KV(ctx, bus.BucketRegistry)
	if err != nil {
		return err
	}
	r, err := registry.Open(ctx, kv, c.o.Logger)
	if err != nil {
		return err
	}
	return errors.Join(enrol(ctx, r, c.office), r.Close())
}

func (c *chaos) sent(device schemas.ID, boot uint32, items []schemas.Item) {
	c.ledger.Sent(c.office.Org, c.wears[device], device, boot, items)
}

func (c *chaos) acked(device schemas.ID, boot uint32, items []schemas.Item) {
	c.note(c.ledger.Acked(c.office.Org, c.wears[device], device, boot, items))
}

func (c *chaos) nudged(w *sim.Wearer, n schemas.Nudge) {
	c.note(c.ledger.Nudged(c.office.Org, w.ID, w.Device, n))
}

// note keeps the first failure to write the ledger: without it nothing is proven.
func (c *chaos) note(err error) {
	if err == nil {
		return
	}
	select {
	case c.failed <- err:
	default:
	}
}

// play kills while the devices send, and compares once it is quiet.
func (c *chaos) play(ctx context.Context) error {
	work, cancel := context.WithTimeout(ctx, c.o.For)
	defer cancel()
	c.killer = newKiller(c.cluster.Parts(), c.o.Seed, c.say)
	killed := make(chan error, 1) // the only answer
	go func() { killed <- c.killer.run(work, ctx) }()
	told := sim.EverySecond(work, c.soFar())
	err := c.send(work, ctx)
	cancel()
	told()
	if err := errors.Join(err, <-killed); err != nil || ctx.Err() != nil {
		return err
	}
	c.say.Line("quiet", fields{"kills": c.killer.kills()}, "quiet: no more kills; what the devices still have is sent, judged and stored")
	return c.prove(ctx)
}

// morning is the share of the time over which the devices send their buffers.
const morning = 0.4

// send plays the office until work ends: the morning, what leads up to now, and
// live. What it began is sent in full if ctx lasts.
func (c *chaos) send(work, ctx context.Context) error {
	emit := func(w *sim.Wearer, items []schemas.Item) error {
		return c.fleet[w].Send(work, w.Device, w.Boot(), items)
	}
	err := c.office.History(work, c.paced(work, emit))
	if err == nil {
		c.say.Line("live", nil, "the morning is sent; the office is live: %d wearers at 2 readings a second", len(c.office.Wearers))
		err = c.office.Tail(work, time.Now(), emit)
	}
	if err == nil {
		err = c.office.Live(work, c.fleet.Of, sim.Hooks{Nudged: c.nudged})
	}
	if work.Err() != nil && ctx.Err() == nil {
		return nil // the time is over
	}
	return err
}

// paced spreads a history over its share of the time, so that there is always one
// on its way when a part is killed.
func (c *chaos) paced(ctx context.Context, emit sim.Emit) sim.Emit {
	begun := time.Now()
	var from time.Time
	return func(w *sim.Wearer, items []schemas.Item) error {
		if from.IsZero() {
			from = items[0].At()
		}
		part := items[0].At().Sub(from).Seconds() / c.office.Bulk.Sub(from).Seconds()
		due := begun.Add(time.Duration(part * morning * float64(c.o.For)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		return emit(w, items)
	}
}

// soFar tells now and then how far it is.
func (c *chaos) soFar() func() {
	last := time.Now()
	return func() {
		if time.Since(last) < soFarEvery {
			return
		}
		last = time.Now()
		n, l := c.fleet.Counts(), c.ledger.Counts()
		c.say.Line("so_far", fields{"sent": n.ItemsSent, "acknowledged": n.ItemsAcked, "nudges": l.Nudges, "reconnections": n.Reconnects},
			"so far  %s readings acknowledged of %s sent, %d nudges received, %d reconnections of devices",
			thousands(n.ItemsAcked), thousands(n.ItemsSent), l.Nudges, n.Reconnects)
	}
}
