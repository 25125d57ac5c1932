package broker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The times and sizes of Watch.
const (
	probeEvery = 1 * time.Second
	probeWait  = 5 * time.Second // a probe that takes longer has failed
	sickFor    = 10 * time.Second
	roomFor    = 64 << 20 // what must be free before it is worth trying
)

// Watch probes the log and heals the server: when probe has failed for 10 s and
// the disk has room, it starts the server anew, on the same ports and inside the
// process. A server that met a full disk refuses messages until then, even after
// there is room again. Connections that were made with Connect come back by
// themselves. Devices stay admitted: ingest's session is on disk.
//
// probe should write something through the log and return once that is on disk.
// Watch returns only when ctx ends.
func (b *Broker) Watch(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	var sick time.Time // since when the probe fails
	full := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("watch broker: %w", ctx.Err())
		}
		err := tryProbe(ctx, probe)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			sick, full = time.Time{}, false
		case sick.IsZero():
			sick = time.Now()
			b.log.Warn("the log does not take messages", "error", err)
		case time.Since(sick) < sickFor:
		case !b.room():
			if !full {
				b.log.Error("the log does not take messages and its disk is full: free some space, and it goes on by itself",
					"folder", b.dir, "needed_bytes", roomFor)
			}
			full = true
		default:
			b.heal(ctx, err)
			sick = time.Time{}
		}
	}
}

func tryProbe(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	return probe(ctx)
}

// room reports whether the disk has room; where that cannot be known, it has.
func (b *Broker) room() bool {
	free, err := free(b.dir)
	return err != nil || free >= roomFor
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
	if s := b.running.Swap(nil); s != nil {
		shut(s)
	}
	return b.start(ctx)
}
