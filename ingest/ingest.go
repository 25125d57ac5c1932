// Package ingest takes what wearables publish over MQTT into the log: it
// decodes, validates, finds out who wore the device, packs readings of one
// partition together and acknowledges a message to the broker once everything
// in it is on disk. What it refuses goes to quarantine with its reason, and is
// acknowledged too, or the device would send it for ever.
//
// New makes an Ingest, Run works until its context ends and may be called once,
// Handle takes one message from whoever receives it: the MQTT client of Session,
// or Redrive. Handle may be called from several goroutines; the order of one
// device's messages is the order of the calls. Nothing is acknowledged that is
// not in the log; on a stop, messages under way are left to the broker to
// deliver again, and the readers of the log drop the repetition by (device,
// boot, seq). DESIGN.md says what happens in each fault.
//
// The tests run against the embedded server, and against Mosquitto where it is
// installed.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Log is where records go. When the Future of a publish says so, it is on disk.
type Log interface {
	PublishAsync(subject string, data []byte, id string) (bus.Future, error)
	Partitions() int
}

// Directory tells who wore a device at a time in milliseconds since 1970;
// known is false for a device it does not have, wearer zero when nobody did.
type Directory interface {
	Resolve(org, device schemas.ID, ms int64) (wearer schemas.ID, known bool)
	// CatchUp returns once Resolve goes by every change that the log took before
	// an instant, as time.Now gave it. It is called for each message, so it must
	// cost next to nothing for an instant that an earlier call has covered. An
	// error, within seconds, is that the log does not answer.
	CatchUp(ctx context.Context, until time.Time) error
}

// Options are what an Ingest needs.
type Options struct {
	Log       Log
	Directory Directory
	// Clocks is the bucket in which the offset of each device's clock is fixed
	// that is ahead, for one run of the device. Nil corrects no clocks, and what
	// lies ahead is quarantined.
	Clocks  jetstream.KeyValue
	Metrics *Metrics
	Logger  *slog.Logger
}

// The bounds of ingest.
const (
	// inbox is how many messages may wait for the worker. It is larger than what
	// the embedded broker has under way to ingest, so that taking a message never
	// holds up the client's pings; when another broker fills it, the client
	// waits, and so does the broker.
	inbox = 4096
	// certain is how many messages may wait for the worker whose wearers are known
	// for certain. When it is full the gate waits, and the inbox fills.
	certain = 512
	// inboxBytes is what the payloads of all messages may take that are under way,
	// from their receipt to their acknowledgement, each with messageCost for what
	// it takes besides. Above it the client waits.
	inboxBytes  = 64 << 20
	messageCost = 512
	// A record is written when it holds packReadings or packBytes, or packDelay
	// after its first reading came.
	packReadings = 256
	packBytes    = 32 << 10
	packDelay    = 5 * time.Millisecond
	// unconfirmed is how many records may wait for the log's acknowledgement;
	// above it the worker waits. It lies below the log's own bound, at which a
	// publish would block without a context.
	unconfirmed = 512
)

// Ingest is the pipeline from message to log.
type Ingest struct {
	log     Log
	dir     Directory
	clocks  *clocks
	runs    *runs
	metrics *Metrics
	logger  *slog.Logger
	rounds  *rounds
}

// message is one payload on its way through.
type message struct {
	topic    string
	payload  []byte
	received time.Time // by which a reading is dated: in a redrive that of old
	taken    time.Time // when it came into this process's hands
	delivery *delivery
}

// delivery counts what of a message is not in the log yet.
type delivery struct {
	parts   atomic.Int64
	refused atomic.Int64 // readings that went to quarantine, 1 for a payload as a whole
	done    func(refused int)
}

func (d *delivery) finish() {
	if d.parts.Add(-1) == 0 {
		d.done(int(d.refused.Load()))
	}
}

// New makes an Ingest.
func New(o Options) *Ingest {
	return &Ingest{
		log: o.Log, dir: o.Directory, clocks: newClocks(o.Clocks, o.Metrics, o.Logger), runs: newRuns(o.Metrics, o.Logger), metrics: o.Metrics, logger: o.Logger,
		rounds: newRounds(),
	}
}

// Handle takes a message that arrived at received on an MQTT topic. done is
// called once, from another goroutine, when all of it is in the log or in
// quarantine; refused is how many of its readings went to quarantine. It is
// not called for a message that is under way when Run ends, or when the log
// stalls; Handle takes nothing while it does.
func (i *Ingest) Handle(ctx context.Context, topic string, payload []byte, received time.Time, done func(refused int)) {
	i.rounds.current().take(ctx, topic, payload, received, done)
}

// Run works until ctx ends, then writes what it has begun and waits for the log
// to confirm it, for drainWait at most; what is left is not acknowledged, and the
// broker delivers it again. While the log takes nothing it drops what is not
// acknowledged and waits. An error says that something cannot be written at all.
func (i *Ingest) Run(ctx context.Context) error {
	defer func() { i.rounds.current().end() }()
	following, err := i.clocks.follow(ctx)
	if err != nil {
		return nil // ctx ended before anything was begun
	}
	defer following.stop()
	for {
		err := i.round(ctx, i.rounds.current())
		if ctx.Err() != nil {
			if err != nil {
				i.logger.Warn("stopped before the log had confirmed everything; the broker delivers the rest again", "err", err)
			}
			return nil
		}
		stall, ok := errors.AsType[*stalled](err)
		if !ok {
			return fmt.Errorf("ingest: %w", err)
		}
		i.metrics.stalls.Inc()
		i.logger.Error("the log takes nothing; leaving the MQTT broker until it does, which delivers again what is not acknowledged",
			"waited", stallAfter, "err", stall.why)
		if err := i.recover(ctx, stall); err != nil {
			return nil // ctx ended, and nothing is under way
		}
		i.logger.Info("the log takes messages again")
		i.rounds.begin()
	}
}

// round works until ctx ends or the log stalls.
func (i *Ingest) round(ctx context.Context, r *round) error {
	defer r.end()
	longer, cancel := outlive(ctx, drainWait)
	defer cancel()
	drain, fail := context.WithCancelCause(longer)
	defer fail(nil)
	var confirmer sync.WaitGroup
	confirmer.Go(func() { i.confirm(drain, r, fail) })
	passing, closeGate := context.WithCancel(ctx)
	defer closeGate()
	var gate sync.WaitGroup
	gate.Go(func() { i.gate(passing, r, fail) })
	w := newWorker(i, r)
	err := w.work(ctx, drain)
	closeGate()
	gate.Wait()
	if err == nil {
		err = w.flush(drain)
	}
	if stall, ok := errors.AsType[*stalled](err); ok {
		fail(stall) // the confirmer need not wait for what it will not get
	}
	close(r.out)
	confirmer.Wait()
	if drain.Err() != nil {
		err = context.Cause(drain)
	}
	return err
}

// drainWait bounds how long a stop waits for the log.
const drainWait = 5 * time.Second

// outlive is a context that ends a while after ctx has.
func outlive(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-ctx.Done():
		case <-longer.Done():
			return
		}
		timer := time.NewTimer(while)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	}()
	return longer, cancel
}
