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
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
}

// Options are what an Ingest needs.
type Options struct {
	Log       Log
	Directory Directory
	Metrics   *Metrics
	Logger    *slog.Logger
}

// The bounds of ingest.
const (
	// inbox holds messages between the MQTT client and the worker. It is
	// larger than what the embedded broker has under way to ingest, so that
	// taking a message never holds up the client's pings; when another broker
	// fills it, the client waits, and so does the broker.
	inbox = 4096
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
	metrics *Metrics
	logger  *slog.Logger
	in      chan message
	out     chan sent
	stopped chan struct{} // closed when Run has ended
}

// message is one payload on its way through.
type message struct {
	topic    string
	payload  []byte
	received time.Time
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
		log: o.Log, dir: o.Directory, metrics: o.Metrics, logger: o.Logger,
		in: make(chan message, inbox), out: make(chan sent, unconfirmed), stopped: make(chan struct{}),
	}
}

// Handle takes a message that arrived at received on an MQTT topic. done is
// called once, from another goroutine, when all of it is in the log or in
// quarantine; refused is how many of its readings went to quarantine. It is
// not called for a message that is under way when Run ends.
func (i *Ingest) Handle(ctx context.Context, topic string, payload []byte, received time.Time, done func(refused int)) {
	m := message{topic: topic, payload: payload, received: received, delivery: &delivery{done: done}}
	m.delivery.parts.Store(1) // the worker's own, until all parts are known
	select {
	case i.in <- m:
	case <-i.stopped:
	case <-ctx.Done():
	}
}

// Run works until ctx ends, then writes what it has begun and waits for the log
// to confirm it, for drainWait at most. An error says that something was left
// to the broker to deliver again.
func (i *Ingest) Run(ctx context.Context) error {
	drain, cancel := outlive(ctx, drainWait)
	defer cancel()
	var confirmer sync.WaitGroup
	confirmer.Go(func() { i.confirm(drain) })
	w := newWorker(i)
	err := i.work(ctx, drain, w)
	if ctx.Err() != nil {
		err = w.flush(drain)
	}
	close(i.stopped)
	close(i.out)
	confirmer.Wait()
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// work feeds the worker until ctx ends or something cannot be written. A message
// that is begun has until the end of drain, so that what is handed to the log is
// also waited for and acknowledged.
func (i *Ingest) work(ctx, drain context.Context, w *worker) error {
	timer := time.NewTimer(packDelay)
	defer timer.Stop()
	for {
		var err error
		select {
		case m := <-i.in:
			if w.idle() {
				timer.Reset(packDelay)
			}
			err = w.take(drain, m)
		case <-timer.C:
			err = w.flush(drain)
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
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
