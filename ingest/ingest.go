// Package ingest takes what wearables publish over MQTT into the log: it
// decodes, validates, finds out who wore the device, packs readings of one
// partition together and acknowledges a message to the broker once everything
// in it is on disk. What it refuses goes to quarantine with its reason, and is
// acknowledged too, or the device would send it for ever.
//
// New makes an Ingest, Run works until its context ends, Handle takes one
// message from whoever receives it: the MQTT client of Session, or Redrive.
// Handle may be called from several goroutines; the order of one device's
// messages is the order of the calls. Nothing is acknowledged that is not in
// the log; on a stop, messages under way are left to the broker to deliver
// again, and the readers of the log drop the repetition by (device, boot, seq).
//
// The tests run against the embedded server.
package ingest

import (
	"context"
	"errors"
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
	// larger than the window of the embedded broker over all subscriptions, so
	// that taking a message never holds up the client's pings; when another
	// broker fills it, the client waits, and so does the broker.
	inbox = 8 * 512
	// A record is written when it holds packReadings or packBytes, or packDelay
	// after its first reading came.
	packReadings = 256
	packBytes    = 32 << 10
	packDelay    = 5 * time.Millisecond
	// unconfirmed is how many records may wait for the log's acknowledgement;
	// above it the worker waits.
	unconfirmed = 1024
)

// Ingest is the pipeline from message to log.
type Ingest struct {
	log     Log
	dir     Directory
	metrics *Metrics
	logger  *slog.Logger
	in      chan message
	out     chan sent
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

// sent is a publish that is not confirmed yet, with the deliveries it carries.
type sent struct {
	future     bus.Future
	subject    string
	data       []byte
	id         string
	deliveries []*delivery
}

// New makes an Ingest.
func New(o Options) *Ingest {
	return &Ingest{
		log: o.Log, dir: o.Directory, metrics: o.Metrics, logger: o.Logger,
		in: make(chan message, inbox), out: make(chan sent, unconfirmed),
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
	case <-ctx.Done():
	}
}

// Run works until ctx ends, then writes what it has begun.
func (i *Ingest) Run(ctx context.Context) error {
	var confirmer sync.WaitGroup
	confirmer.Go(func() { i.confirm(ctx) })
	w := newWorker(i)
	timer := time.NewTimer(packDelay)
	timer.Stop()
	var err error
	for err == nil {
		select {
		case m := <-i.in:
			if w.idle() {
				timer.Reset(packDelay)
			}
			err = w.take(ctx, m)
		case <-timer.C:
			err = w.flush(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if errors.Is(err, context.Canceled) {
		err = w.flush(context.WithoutCancel(ctx))
	}
	close(i.out)
	confirmer.Wait()
	return err
}

// confirm waits for the log in the order of sending and acknowledges. A publish
// that failed is repeated under its id until the log takes it: it may have been
// stored, and then the log drops the repetition. Once ctx has ended, drainWait
// bounds the rest.
func (i *Ingest) confirm(ctx context.Context) {
	drain, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainWait, cancel) })
	defer stop()
	for s := range i.out {
		if err := i.settle(drain, s); err != nil {
			i.logger.Warn("not confirmed before the stop; the broker delivers it again", "subject", s.subject, "err", err)
			continue
		}
		for _, d := range s.deliveries {
			d.finish()
		}
	}
}

// drainWait bounds how long a stop waits for the log.
const drainWait = 5 * time.Second

// settle returns when a publish is on disk, or ctx has ended.
func (i *Ingest) settle(ctx context.Context, s sent) error {
	err := s.future.Wait(ctx)
	for pause := minPause; err != nil; pause = min(2*pause, maxPause) {
		i.metrics.retries.Inc()
		i.logger.Warn("log did not confirm, sending again", "subject", s.subject, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		if s.future, err = i.log.PublishAsync(s.subject, s.data, s.id); err == nil {
			err = s.future.Wait(ctx)
		}
	}
	return nil
}

// The pauses between two attempts to write to the log.
const (
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
)
