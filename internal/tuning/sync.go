package tuning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
)

// watchWait is how long a change that is in the bucket may take to come by the
// watcher before the bucket is read anew: its last message was deleted by hand,
// or the watcher is cut off.
const watchWait = 2 * time.Second

// Await returns once the copy holds every change that can count for a record
// which the log took at a time. It asks the server only if it has not done so
// since shortly before that time, so in a steady stream once in five seconds, and
// costs an atomic read otherwise. Its error means that the log does not answer;
// the record must not be judged then.
func (t *Tuning) Await(ctx context.Context, taken time.Time) error {
	if t.covers(taken) {
		return nil
	}
	return t.sync(ctx, func() bool { return t.covers(taken) })
}

func (t *Tuning) covers(taken time.Time) bool {
	return taken.Add(-stale).UnixNano() <= t.complete.Load()
}

// Sync returns once the copy holds every change that was written before the call.
func (t *Tuning) Sync(ctx context.Context) error {
	return t.sync(ctx, func() bool { return false })
}

// sync asks for the bucket's end and waits until the copy is there. One asks at
// a time; enough is what may have come true while waiting for the turn.
func (t *Tuning) sync(ctx context.Context, enough func() bool) error {
	select {
	case t.syncing <- struct{}{}:
		defer func() { <-t.syncing }()
	case <-ctx.Done():
		return fmt.Errorf("wait for parameters: %w", ctx.Err())
	}
	if enough() {
		return nil
	}
	t.mu.RLock()
	before := t.applied
	t.mu.RUnlock()
	end, asked, err := t.end(ctx)
	if err != nil {
		return err
	}
	if end < before {
		return fmt.Errorf("bucket %s ends at %d, before %d that was read of it: it was replaced and is being read anew",
			bus.BucketTuning, end, before)
	}
	short, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	err = t.waitFor(short, end)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = t.reread(ctx)
	}
	if err != nil {
		return err
	}
	t.reached(end, asked)
	return nil
}

// end is the bucket's last sequence and the server's time when it said so.
func (t *Tuning) end(ctx context.Context) (sequence uint64, asked time.Time, err error) {
	status, err := t.kv.Status(ctx)
	if err != nil {
		return 0, asked, fmt.Errorf("look at bucket %s: %w", bus.BucketTuning, err)
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return 0, asked, fmt.Errorf("look at bucket %s: its status is a %T", bus.BucketTuning, status)
	}
	info := bucket.StreamInfo()
	return info.State.LastSeq, info.TimeStamp, nil
}

// reached notes that the copy holds everything up to a sequence, which was the
// bucket's end at a time.
func (t *Tuning) reached(end uint64, asked time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(end)
	t.complete.Store(max(t.complete.Load(), asked.UnixNano()))
}

// reread reads the whole bucket past the watcher.
func (t *Tuning) reread(ctx context.Context) error {
	t.o.Logger.Warn("parameters did not come by themselves, reading them anew")
	watcher, err := t.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("read parameters: %w", err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case e, ok := <-watcher.Updates():
			if !ok {
				return fmt.Errorf("read parameters: %w", context.Canceled)
			}
			if e == nil {
				return nil
			}
			t.apply(e)
		case <-ctx.Done():
			return fmt.Errorf("read parameters: %w", ctx.Err())
		}
	}
}

// waitFor returns when the copy has reached a sequence.
func (t *Tuning) waitFor(ctx context.Context, sequence uint64) error {
	for {
		t.mu.RLock()
		applied, news := t.applied, t.news
		t.mu.RUnlock()
		if applied >= sequence {
			return nil
		}
		select {
		case <-news:
		case <-t.done:
			return fmt.Errorf("wait for parameters: %w", context.Canceled)
		case <-ctx.Done():
			return fmt.Errorf("wait for parameters: %w", ctx.Err())
		}
	}
}
