package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Purge removes the messages of a subject up to a sequence, both included, and says
// how many there were. Readers that have not come so far pass over them.
func (b *Bus) Purge(ctx context.Context, stream, subject string, upTo uint64) (removed int64, err error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return 0, err
	}
	before, err := held(ctx, s, subject)
	if err != nil || before == 0 {
		return 0, err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return 0, fmt.Errorf("purge %s of stream %s: %w", subject, stream, err)
	}
	after, err := held(ctx, s, subject)
	return max(before-after, 0), err
}

// held counts a subject's messages.
func held(ctx context.Context, s jetstream.Stream, subject string) (n int64, err error) {
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", subject, err)
	}
	for _, m := range info.State.Subjects {
		n += int64(min(m, 1<<62))
	}
	return n, nil
}

// Trim removes all values of a bucket's key but the last.
func (b *Bus) Trim(ctx context.Context, bucket, key string) error {
	s, err := b.look(ctx, "KV_"+bucket)
	if err != nil {
		return err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(KeySubject(bucket, key)), jetstream.WithPurgeKeep(1)); err != nil {
		return fmt.Errorf("remove earlier values of %s in bucket %s: %w", key, bucket, err)
	}
	return nil
}

// Remove removes a key of a bucket with all its values. A mark that it was there stays,
// for those who follow the bucket, until Sweep or the bucket's own end of it.
func (b *Bus) Remove(ctx context.Context, bucket, key string) (was bool, err error) {
	kv, err := b.KV(ctx, bucket)
	if err != nil {
		return false, err
	}
	if _, err = kv.Get(ctx, key); errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err == nil {
		err = kv.Purge(ctx, key)
	}
	if err != nil {
		return false, fmt.Errorf("remove %s of bucket %s: %w", key, bucket, err)
	}
	return true, nil
}

// Sweep removes a bucket's marks of keys that were removed longer ago than that. A key
// that has a value again keeps it.
func (b *Bus) Sweep(ctx context.Context, bucket string, older time.Duration) error {
	kv, err := b.KV(ctx, bucket)
	if err != nil {
		return err
	}
	marks, err := marks(ctx, kv, time.Now().Add(-older))
	if err != nil {
		return fmt.Errorf("look for marks in bucket %s: %w", bucket, err)
	}
	for key, revision := range marks {
		if _, err := b.Purge(ctx, "KV_"+bucket, KeySubject(bucket, key), revision); err != nil {
			return err
		}
	}
	return nil
}

// marks are the keys that were removed before a time.
func marks(ctx context.Context, kv jetstream.KeyValue, before time.Time) (map[string]uint64, error) {
	watcher, err := kv.WatchAll(ctx, jetstream.MetaOnly())
	if err != nil {
		return nil, err
	}
	defer func() { _ = watcher.Stop() }() // fails only once the connection has gone
	all := map[string]uint64{}
	for {
		select {
		case e, ok := <-watcher.Updates():
			if !ok || e == nil {
				return all, ctx.Err()
			}
			if e.Operation() != jetstream.KeyValuePut && e.Created().Before(before) {
				all[e.Key()] = e.Revision()
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Keeps is for how long a stream keeps a message, 0 for good.
func (b *Bus) Keeps(ctx context.Context, stream string) (time.Duration, error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().Config.MaxAge, nil
}
