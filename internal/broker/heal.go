package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/ops"
)

// The times and sizes of Watch.
const (
	probeEvery = 2 * time.Second
	probeWait  = 5 * time.Second // a probe that takes longer has failed
	sickFor    = 10 * time.Second
	sickMost   = 5 * time.Minute
)

// ErrWedged means a stream that met a write error and takes nothing any more.
var ErrWedged = errors.New("a stream met a write error and takes no messages until the log is started anew; the log lines of the broker name it")

// Health is nil, or why the log cannot take everything. It costs nothing.
func (b *Broker) Health() error {
	switch {
	case b.running.Load() == nil:
		return errAbsent
	case b.wedged.Load():
		return ErrWedged
	default:
		return nil
	}
}

var errAbsent = errors.New("the broker is being started anew")

// Watch probes the log and heals the server: when probe has failed for 10 s, or
// a stream is wedged for that long, and the disk has room, it starts the server
// anew, on the same ports and inside the process. A server that met a full disk
// refuses messages until then, even after there is room again. Connections that
// were made with Connect come back by themselves. Devices stay admitted:
// ingest's session is on disk. Where it does not help, it waits twice as long
// before the next time, up to 5 minutes.
//
// probe should write something through the log and return once that is on disk.
// Watch returns only when ctx ends.
func (b *Broker) Watch(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	p := patient{b: b, patience: sickFor}
	for {
		select {
		case <-tick.C:
			p.look(ctx, b.examine(ctx, probe))
		case <-ctx.Done():
			return fmt.Errorf("watch broker: %w", ctx.Err())
		}
	}
}

func (b *Broker) examine(ctx context.Context, probe func(context.Context) error) error {
	if err := b.Health(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	return probe(ctx)
}

// patient is a server under Watch.
type patient struct {
	b        *Broker
	sick     time.Time     // since when it is, zero if it is not
	patience time.Duration // how long it may be
	full     bool          // it was said that the disk is full
}

// look takes the outcome of an examination, and heals where it is time to.
func (p *patient) look(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil:
		*p = patient{b: p.b, patience: sickFor}
	case p.sick.IsZero():
		p.sick = time.Now()
		p.b.log.Warn("the log does not take messages", "error", err)
	case time.Since(p.sick) < p.patience:
	case p.b.room() != nil:
		if !p.full {
			p.b.log.Error("the log does not take messages and its disk has no room for it: free some space, and it goes on by itself",
				"folder", p.b.dir, "disk", p.b.room())
		}
		p.full = true
	default:
		p.b.heal(ctx, err)
		p.sick, p.patience = time.Now(), min(2*p.patience, sickMost)
	}
}

// room is nil where the disk has room that makes it worth trying, or nobody knows.
func (b *Broker) room() error {
	free, total, err := ops.Disk(b.dir)
	if err != nil {
		return nil //nolint:nilerr // it is tried, then
	}
	return ops.Room(free, total)
}

// heal starts the server anew.
func (b *Broker) heal(ctx context.Context, why error) {
	b.log.Warn("starting the log anew inside the process", "error", why)
	began := time.Now()
	switch err := b.restart(ctx); {
	case err == nil:
		b.log.Info("the log was started anew", "took", time.Since(began))
	case errors.Is(err, errStopped) || ctx.Err() != nil:
	default:
		b.log.Error("the log could not be started anew, trying again", "error", err)
	}
}

var errStopped = errors.New("the broker was stopped")

func (b *Broker) restart(ctx context.Context) error {
	b.life.Lock()
	defer b.life.Unlock()
	if b.stopped {
		return errStopped
	}
	b.end()
	return b.start(ctx)
}
