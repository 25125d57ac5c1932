package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect/runner"
	"sitwell/internal/bus"
	"sitwell/internal/lease"
)

// DetectGroup is the group of leases in which detectors share the partitions.
const DetectGroup = "detect"

// Detectors says which detectors there are and which partition each has.
func Detectors(ctx context.Context, log *bus.Bus) (lease.Table, error) {
	members, leases, err := sharing(ctx, log)
	if err != nil {
		return lease.Table{}, err
	}
	return lease.Read(ctx, members, leases, DetectGroup, log.Partitions())
}

// WatchDetectors calls each with what Detectors says, and again whenever it changes,
// until ctx ends.
func WatchDetectors(ctx context.Context, log *bus.Bus, each func(lease.Table)) error {
	members, leases, err := sharing(ctx, log)
	if err != nil {
		return err
	}
	return lease.Watch(ctx, members, leases, DetectGroup, log.Partitions(), each)
}

// sharing is the buckets in which detectors share the work.
func sharing(ctx context.Context, log *bus.Bus) (members, leases jetstream.KeyValue, err error) {
	if members, err = log.KV(ctx, bus.BucketMembers); err != nil {
		return nil, nil, err
	}
	leases, err = log.KV(ctx, bus.BucketLeases)
	return members, leases, err
}

// joinDetectors makes this process one of the detectors.
func (a *App) joinDetectors(ctx context.Context) (*lease.Keeper, error) {
	members, leases, err := sharing(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // "" where the machine has no name
	return lease.Join(ctx, lease.Options{
		Members: members, Leases: leases, Group: DetectGroup, Slots: a.bus.Partitions(), Logger: a.o.Logger,
		Member: lease.Member{Name: rand.Text(), Label: a.o.Name, Host: host, PID: os.Getpid()},
	})
}

// counted is a lease that says in the log of this process how many partitions it has.
type counted struct {
	runner.Lease

	n atomic.Int64
}

// Owned counts besides.
func (c *counted) Owned() (partitions map[int]uint64, sure bool) {
	partitions, sure = c.Lease.Owned()
	c.n.Store(int64(len(partitions)))
	return partitions, sure
}

// tellEvery is how long the number of partitions stands still before it is told: while
// detectors share out anew it changes many times a second.
const tellEvery = time.Second

// tell says it whenever it has changed, until ctx ends.
func (c *counted) tell(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	var told, before int64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := c.n.Load()
		if now == before && now != told {
			logger.Info("this detector has another share of the log", "partitions", now, "before", told)
			told = now
		}
		before = now
	}
}

// leaveWait bounds how long a detector that goes waits for the log to know it: each of
// its partitions is given back by a write to disk.
const leaveWait = 2 * time.Second

// leaveDetectors gives everything back. Where the log is away, the others find out by
// themselves, as after a crash.
func (a *App) leaveDetectors(ctx context.Context, share *lease.Keeper) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
	defer cancel()
	if err := bounded(ctx, func() {
		if err := share.Close(ctx); err != nil {
			a.o.Logger.Warn("the other detectors will find out in some seconds that this one has gone", "err", err)
		}
	}); err != nil {
		a.o.Logger.Warn("the other detectors will find out in some seconds that this one has gone", "err", err)
	}
}

// orphans knows since when partitions have had no detector.
type orphans struct {
	mu    sync.Mutex // guards since
	since map[int]time.Time
}

// note takes in who owns what now.
func (o *orphans) note(t lease.Table, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	since := map[int]time.Time{}
	for n, owner := range t.Owners {
		if owner != "" {
			continue
		}
		since[n] = now
		if before, ok := o.since[n]; ok {
			since[n] = before
		}
	}
	o.since = since
}

// over is how many partitions have had no detector for longer than a while.
func (o *orphans) over(while time.Duration, now time.Time) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, since := range o.since {
		if now.Sub(since) > while {
			n++
		}
	}
	return n
}

// spread follows who judges what.
func (a *App) spread(ctx context.Context, _ prometheus.Registerer) error {
	a.works(partSpread)
	return WatchDetectors(ctx, a.bus, func(t lease.Table) { a.orphans.note(t, time.Now()) })
}
