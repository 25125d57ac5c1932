// Package demo runs sitwell with a simulated office: sixty wearers, each a real
// MQTT client, with fourteen days of history and then a live part that follows
// a script. Nothing in the pipeline knows that it is a demo: no threshold is
// changed and no message takes another way.
//
// Run works until its context ends and tells what happens through a Console. A
// second detector is a process of its own; k kills it with -9, and the console tells
// the takeover and holds what devices were acknowledged against what is stored.
//
// Chaos is the other demonstration: all roles are processes of their own, of which
// any are killed with -9 at random while the office sends. Each device writes into a
// ledger what it was acknowledged, on disk, and in the end the ledger is compared
// with what the API gives back. Its error is nil only if nothing was lost, doubled or
// judged otherwise than by a pure run, and enough happened to say so.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/series"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// Options of a demo.
type Options struct {
	App     app.Options // Data may be empty: then a temporary folder is used and removed
	Seed    uint64
	Console *Console
	Logger  *slog.Logger
	// Command is the executable of sitwell with its leading arguments, for the second
	// detector; Env is added to its environment, and Said gets what it says. Without a
	// command there is no second detector.
	Command, Env []string
	Said         io.Writer
	// Keys are what somebody presses: k kills the second detector. It may be nil.
	Keys <-chan byte
}

// Demo is a running demo.
type Demo struct {
	o      Options
	say    *Console
	app    *app.App
	office *sim.Office
	fleet  sim.Fleet
	live   time.Time // when the live part began
	start  time.Time
	before series.Stats // what the store held already
	recent recent
}

// Run plays the demo until ctx ends.
func Run(ctx context.Context, o Options) error {
	d := &Demo{o: o, say: o.Console, start: time.Now()}
	if d.o.App.Data == "" {
		dir, err := os.MkdirTemp("", "sitwell-demo-")
		if err != nil {
			return fmt.Errorf("make temporary folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		d.o.App.Data = dir
	}
	d.o.App.FreePorts, d.o.App.Name = true, firstDetector
	var err error
	if d.app, err = app.New(d.o.App); err != nil {
		return err
	}
	if err := d.app.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while it was starting
		}
		return err
	}
	err = d.play(ctx)
	if ctx.Err() != nil {
		err = nil // an act that ended because it was asked to
	}
	return errors.Join(err, d.stop(ctx))
}

// The drain at the end: devices get closeWait to have their messages
// acknowledged, the pipeline settleWait to store them, the store countWait to be
// counted, and the parts stopWait to stop. What was acknowledged and is not stored by
// then is in the log.
const (
	closeWait  = 2 * time.Second
	settleWait = 3 * time.Second
	stopWait   = 5 * time.Second
	countWait  = 2 * time.Second
)

func (d *Demo) stop(ctx context.Context) error {
	d.say.Line("stop", nil, "draining: devices first, then what they sent")
	ctx = context.WithoutCancel(ctx)
	step := func(limit time.Duration, do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return do(ctx)
	}
	if err := step(closeWait, d.fleet.Close); err != nil {
		d.o.Logger.Info("some messages were not acknowledged", "err", err)
	}
	counts := d.fleet.Counts()
	unsettled := step(d.patient(settleWait), d.app.Settle)
	var stats series.Stats
	err := errors.Join(
		step(d.patient(countWait), func(ctx context.Context) (err error) { stats, err = d.app.Store().Stats(ctx); return err }),
		step(stopWait, d.app.Stop),
	)
	if err != nil {
		return err
	}
	stored, rest := stats.Readings-d.before.Readings, ""
	if unsettled != nil && stored < counts.ItemsAcked {
		rest = "; the rest is in the log"
	}
	if d.before.Readings > 0 {
		rest += fmt.Sprintf("; the store held %s before", thousands(d.before.Readings))
	}
	d.say.Line("done", fields{
		"sent": counts.ItemsSent, "acknowledged": counts.ItemsAcked, "stored": stored, "before": d.before.Readings, "settled": unsettled == nil,
	}, "%s readings sent, %s acknowledged, %s stored%s", thousands(counts.ItemsSent), thousands(counts.ItemsAcked), thousands(stored), rest)
	d.readBack(counts.ItemsAcked, stats)
	return nil
}

// play is the whole piece: register, history, tail, live.
func (d *Demo) play(ctx context.Context) error {
	d.office = sim.NewOffice(d.o.Seed, time.Now())
	d.greet()
	if err := enrol(ctx, d.app.Registry(), d.office); err != nil {
		return err
	}
	var err error
	if d.fleet, err = sim.ConnectAll(ctx, d.office.Wearers, sim.DeviceOptions{
		URL: d.app.MQTT(), Org: d.office.Org, Hertz: 2, Logger: d.o.Logger, OnAck: d.recent.note,
	}); err != nil {
		return err
	}
	if err := d.history(ctx); err != nil {
		return err
	}
	closeNews, err := d.news(ctx)
	if err != nil {
		return err
	}
	defer closeNews()
	d.say.Line("live", fields{"nudges_in_history": 0}, "the office is live: %d wearers at 2 readings a second; Ctrl-C ends it", len(d.office.Wearers))
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(d.app.Wait(work)) }()
	var second sync.WaitGroup
	defer second.Wait()
	defer cancel(nil)
	second.Go(func() { d.detectors(work) })
	if err := d.office.Live(work, func(w *sim.Wearer) *sim.Device { return d.fleet[w] }, d.hooks(work)); err != nil {
		return err
	}
	if cause := context.Cause(work); ctx.Err() == nil && cause != nil {
		return cause
	}
	return nil
}

// greet says where to look.
func (d *Demo) greet() {
	for _, m := range d.app.Moved() {
		d.say.Line("moved", fields{"name": m.Name, "wanted": m.Wanted, "got": m.Got},
			"%s is in use; %s listens on %s instead", m.Wanted, m.Name, m.Got)
	}
	page, key := d.app.HTTP(), ""
	if d.o.Keys != nil && len(d.o.Command) > 0 {
		key = "\n       once the office is live, k kills one of two detectors: nothing is lost"
	}
	script := d.office.Script()
	d.say.Line("ready", fields{
		"http": page, "mqtt": d.app.MQTT(), "nats": d.app.NATS(), "org": d.office.Org.String(),
		"leaner": script.Leaner.ID.String(), "sitter": script.Sitter.ID.String(), "data": d.o.App.Data,
	}, "open   %s/#/%s/%s for a wearer's live posture and day\n       %s/#/%s for the office\n       devices connect to %s, `sitwell ... --nats %s`%s",
		page, d.office.Org, script.Leaner.ID, page, d.office.Org, d.app.MQTT(), d.app.NATS(), key)
}

// history sends the past through the pipeline, waits until all of it is judged
// and stored, and joins it to the present.
func (d *Demo) history(ctx context.Context) error {
	// What an earlier demo in the same folder left in the log comes first.
	if err := d.app.Settle(ctx); err != nil {
		return err
	}
	stats, err := d.app.Store().Stats(ctx)
	if err != nil {
		return fmt.Errorf("count earlier history: %w", err)
	}
	d.before = stats
	since, err := d.recorded(ctx)
	if err != nil {
		return err
	}
	if last := latest(since); last.After(d.office.Bulk) {
		d.say.Line("resumed", fields{"until": last},
			"the folder holds this office up to %s already: history goes on from there, and the script may run late", last.Format("15:04"))
	}
	bar := d.say.Progress("14 days of history", d.office.Start, d.office.Bulk)
	emit := func(w *sim.Wearer, items []schemas.Item) error {
		if items = after(items, since[w.ID]); len(items) == 0 {
			return nil
		}
		bar.Add(len(items), items[len(items)-1].At())
		return d.fleet[w].Send(ctx, w.Device, w.Boot(), items)
	}
	if err := d.office.History(ctx, emit); err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	// From here on the clock counts: what follows is seconds old when it comes.
	d.live = time.Now()
	if err := d.office.Tail(ctx, d.live, emit); err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	if stats, err = d.app.Store().Stats(ctx); err != nil {
		return fmt.Errorf("count history: %w", err)
	}
	bar.Done()
	took := time.Since(d.start)
	d.say.Line("history", fields{
		"seconds": took.Seconds(), "readings": stats.Readings, "rollups": stats.Rollups, "episodes": stats.Episodes,
	}, "history: %s readings, %s minutes and %s episodes stored after %.0f s; nobody was nudged about it",
		thousands(stats.Readings), thousands(stats.Rollups), thousands(stats.Episodes), took.Seconds())
	return nil
}

func (d *Demo) settle(ctx context.Context) error {
	if err := d.fleet.Flush(ctx); err != nil {
		return err
	}
	return d.app.Settle(ctx)
}

// recorded is until when each wearer's readings are stored already, from an
// earlier demo in the same folder.
func (d *Demo) recorded(ctx context.Context) (map[schemas.ID]time.Time, error) {
	since := map[schemas.ID]time.Time{}
	for _, w := range d.office.Wearers {
		minutes, err := d.app.Store().Rollups(ctx, series.Query{Org: d.office.Org, Wearer: w.ID, From: d.office.Start, To: time.Now()})
		if err != nil {
			return nil, fmt.Errorf("look for earlier history: %w", err)
		}
		if n := len(minutes); n > 0 {
			since[w.ID] = time.Unix((minutes[n-1].Minute+1)*60, 0)
		}
	}
	return since, nil
}

func latest(since map[schemas.ID]time.Time) (last time.Time) {
	for _, t := range since {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// after is the part of a run of readings after a time.
func after(items []schemas.Item, t time.Time) []schemas.Item {
	for len(items) > 0 && items[0].At().Before(t) {
		items = items[1:]
	}
	return items
}
