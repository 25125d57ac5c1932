package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watchWait is how long a change that is in the bucket may take to come by the
// watcher before the bucket is read past it: its last message was purged by hand,
// or the watcher is cut off.
const watchWait = 2 * time.Second

// CatchUp returns once the copy holds every change that the log took before an
// instant of this process, as time.Now gave it. Whoever writes down for good what
// Resolve says asks for it before, with the instant at which the question came up:
// the copy of a process whose link hangs may be many seconds behind, and does not
// know. One question to the server serves all instants before it was asked; those
// cost an atomic read. An error means that the log does not answer.
func (r *Registry) CatchUp(ctx context.Context, until time.Time) error {
	need := int64(until.Sub(r.born))
	if need <= r.certain.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return fmt.Errorf("ask where the registry ends: %w", ctx.Err())
	}
	if need <= r.certain.Load() { // somebody has asked meanwhile
		return nil
	}
	return r.ask(ctx)
}

// ask asks for the bucket's end and waits until the copy is there.
func (r *Registry) ask(ctx context.Context) error {
	r.mu.RLock()
	applied, replaced := r.applied, r.replaced
	r.mu.RUnlock()
	asked := int64(time.Since(r.born))
	end, err := r.end(ctx)
	if err != nil {
		return err
	}
	if end < applied {
		return fmt.Errorf("bucket %s ends at %d, before %d that was read of it: it was replaced and is being read anew",
			r.kv.Bucket(), end, applied)
	}
	short, cancel := context.WithTimeout(ctx, watchWait)
	defer cancel()
	err = r.waitFor(short, end)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = r.reread(ctx, replaced)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replaced != replaced {
		return fmt.Errorf("bucket %s was replaced and is being read anew", r.kv.Bucket())
	}
	r.advance(end)
	r.certain.Store(max(r.certain.Load(), asked))
	return nil
}

// end is the bucket's last revision.
func (r *Registry) end(ctx context.Context) (uint64, error) {
	status, err := r.kv.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask where bucket %s ends: %w", r.kv.Bucket(), err)
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return 0, fmt.Errorf("ask where bucket %s ends: its status is a %T", r.kv.Bucket(), status)
	}
	return bucket.StreamInfo().State.LastSeq, nil
}

// reread reads the whole bucket past the watcher.
func (r *Registry) reread(ctx context.Context, replaced int) error {
	r.log.Warn("changes of the registry did not come by themselves, reading it anew")
	ctx, cancel := context.WithCancel(ctx)
	watcher, err := r.kv.WatchAll(ctx)
	if err != nil {
		cancel()
		return fmt.Errorf("read registry: %w", err)
	}
	defer func() {
		cancel()
		_ = watcher.Stop()
	}()
	for {
		select {
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return fmt.Errorf("read registry: %w", context.Canceled)
			case entry == nil:
				return nil
			}
			r.take(entry, replaced)
		case <-ctx.Done():
			return fmt.Errorf("read registry: %w", ctx.Err())
		}
	}
}

// take takes in an entry that came past the watcher, unless the bucket that it was
// read of has been replaced since. How far the copy is it does not say.
func (r *Registry) take(entry jetstream.KeyValueEntry, replaced int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replaced != replaced {
		return
	}
	if err := r.apply(entry); err != nil {
		r.log.Error("registry entry ignored", "key", entry.Key(), "err", err)
	}
}

// advance lets those who wait know how far the copy is. The caller holds mu.
func (r *Registry) advance(revision uint64) {
	r.applied = max(r.applied, revision)
	close(r.news)
	r.news = make(chan struct{})
}
