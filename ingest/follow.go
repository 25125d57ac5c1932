package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// following is the watch that brings what other ingesters fix.
type following struct {
	cancel context.CancelFunc
	work   sync.WaitGroup
}

func (f *following) stop() {
	f.cancel()
	f.work.Wait()
}

// follow reads the bucket, waiting for the log if need be, and then keeps up
// with it until it is stopped. It fails only when ctx ends. Offsets that the
// bucket has let go for their age stay known until a restart.
func (c *clocks) follow(ctx context.Context) (*following, error) {
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &following{cancel: cancel}
	if c.kv == nil {
		return f, nil
	}
	stop := context.AfterFunc(ctx, cancel) // while the log is waited for
	defer stop()
	w, err := c.watch(watching)
	if err != nil {
		cancel()
		return nil, err
	}
	f.work.Go(func() { c.keepUp(watching, w) })
	return f, nil
}

// keepUp applies what comes, opening the watch again when it ends.
func (c *clocks) keepUp(ctx context.Context, w jetstream.KeyWatcher) {
	for {
		select {
		case entry, ok := <-w.Updates():
			if ok {
				c.apply(ctx, entry)
				continue
			}
		case <-ctx.Done():
			_ = w.Stop()
			return
		}
		var err error
		if w, err = c.watch(ctx); err != nil {
			return
		}
	}
}

// watch opens a watch and returns once it has read what there is, however long
// the log takes. It fails when ctx ends, with which the watch ends, too.
func (c *clocks) watch(ctx context.Context) (jetstream.KeyWatcher, error) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		w, err := c.open(ctx)
		if err == nil {
			return w, nil
		}
		if ctx.Err() == nil {
			c.logger.Warn("offsets of clocks not read, trying again", "err", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// open bounds the opening by stallAfter; the watch itself lives as long as ctx.
func (c *clocks) open(ctx context.Context) (jetstream.KeyWatcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	limit := time.AfterFunc(stallAfter, cancel)
	w, err := c.kv.WatchAll(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch clocks: %w", err)
	}
	for {
		select {
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				cancel()
				return nil, errors.New("watch clocks: it ended")
			case entry != nil:
				c.apply(ctx, entry)
			case limit.Stop():
				return w, nil
			}
		case <-ctx.Done():
			_ = w.Stop()
			return nil, fmt.Errorf("watch clocks: %w", ctx.Err())
		}
	}
}

// apply takes over what the bucket says; nil only marks the end of what was
// there before.
func (c *clocks) apply(ctx context.Context, entry jetstream.KeyValueEntry) {
	if entry == nil {
		return
	}
	d, boot, err := parseClockKey(entry.Key())
	if err != nil {
		c.logger.Error("offset of a clock ignored", "key", entry.Key(), "err", err)
		return
	}
	if entry.Operation() != jetstream.KeyValuePut {
		c.drop(d, boot)
		return
	}
	o, err := readClock(entry, boot)
	if err != nil {
		c.logger.Error("offset of a clock ignored", "key", entry.Key(), "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	c.keep(ctx, d, o)
}
