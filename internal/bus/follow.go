package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Follower keeps a copy of a bucket. Its methods are called by one goroutine.
type Follower interface {
	// Apply takes in an entry, which may come more than once, also behind a newer one
	// of its own making: the higher revision counts.
	Apply(entry jetstream.KeyValueEntry)
	// Complete says that all that was in the bucket has been applied. It is called
	// again whenever the bucket has been read anew.
	Complete()
	// Replaced says that the bucket is another one now, or has lost its end: what was
	// applied may be of no bucket any more. All of it comes again.
	Replaced()
}

// The times of following.
const (
	followEvery = time.Second            // how often the bucket is asked where it ends
	followGrace = 500 * time.Millisecond // how much later than that a change may come
	followAgain = 250 * time.Millisecond // between two attempts to watch
)

// Follow keeps a copy of a bucket up to date until ctx ends. Changes come within
// milliseconds. A watcher of the client's may not notice for many seconds that the server
// was started anew, so the bucket is asked each second where it ends, and is read anew
// when something has not come, or when it could not be asked for a while.
func Follow(ctx context.Context, kv jetstream.KeyValue, logger *slog.Logger, to Follower) {
	f := following{kv: kv, to: to}
	for {
		err := f.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		logger.Debug("following a bucket anew", "bucket", kv.Bucket(), "err", err)
		select {
		case <-time.After(followAgain):
		case <-ctx.Done():
			return
		}
	}
}

type following struct {
	kv      jetstream.KeyValue
	to      Follower
	born    time.Time // of the bucket that is followed
	applied uint64    // the highest revision of it
}

// watch applies what one watcher brings, until that is no good any more.
func (f *following) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end, err := f.ask(ctx)
	if err != nil {
		return err
	}
	// The watcher lives as long as its context, which ends if it cannot be opened in time.
	late := time.AfterFunc(lookWait, cancel)
	w, err := f.kv.WatchAll(ctx)
	late.Stop()
	if err != nil {
		return fmt.Errorf("watch bucket %s: %w", f.kv.Bucket(), err)
	}
	defer func() {
		cancel()
		_ = w.Stop() // fails only once the connection or the bucket has gone
		for range w.Updates() {
		}
	}()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for complete := false; ; {
		select {
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				return errors.New("the watcher was closed")
			case entry == nil:
				f.applied, complete = max(f.applied, end), true
				f.to.Complete()
			default:
				f.applied = max(f.applied, entry.Revision())
				f.to.Apply(entry)
			}
		case <-tick.C:
			if !complete {
				continue // there is much to read
			}
			if err := f.missing(ctx, w); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// missing is an error where the watcher does not bring what is in the bucket.
func (f *following) missing(ctx context.Context, w jetstream.KeyWatcher) error {
	end, err := f.ask(ctx)
	if err != nil {
		return err // the log is away, or was: the watcher may not know
	}
	grace := time.NewTimer(followGrace)
	defer grace.Stop()
	for f.applied < end {
		select {
		case entry, ok := <-w.Updates():
			if !ok || entry == nil {
				return errors.New("the watcher was closed")
			}
			f.applied = max(f.applied, entry.Revision())
			f.to.Apply(entry)
		case <-grace.C:
			return fmt.Errorf("%d is in the bucket and does not come", end)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ask asks where the bucket ends, and notices that it is another one.
func (f *following) ask(ctx context.Context) (end uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	status, err := f.kv.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at bucket %s: %w", f.kv.Bucket(), err)
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return 0, fmt.Errorf("look at bucket %s: its status is a %T", f.kv.Bucket(), status)
	}
	info := bucket.StreamInfo()
	replaced := !f.born.IsZero() && (!f.born.Equal(info.Created) || info.State.LastSeq < f.applied)
	f.born = info.Created
	if replaced {
		f.applied = 0
		f.to.Replaced()
		return 0, errors.New("the bucket was replaced")
	}
	return info.State.LastSeq, nil
}
