package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Purge removes the messages of a subject up to a sequence, both included, and says
// how many there were. Their bytes are overwritten in the log's files, which a purge of
// the server's own would leave there; each costs a write of the file that it is in, of 8 MB
// at most: 500 of 12,000 findings took 11 s on a busy machine. Readers that have not come so far pass over them.
func (b *Bus) Purge(ctx context.Context, stream, subject string, upTo uint64) (removed int64, err error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return 0, err
	}
	for from := uint64(1); from <= upTo; {
		m, err := s.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return removed, nil
		case err != nil:
			return removed, fmt.Errorf("look for %s in %s from %d: %w", subject, stream, from, err)
		case m.Sequence > upTo:
			return removed, nil
		}
		was, err := overwrite(ctx, s, m.Sequence)
		if err != nil {
			return removed, fmt.Errorf("remove %s %d: %w", stream, m.Sequence, err)
		}
		if was {
			removed++
		}
		from = m.Sequence + 1
	}
	return removed, nil
}

// Overwrite removes one message of a stream and overwrites its bytes in the log's files.
// was is false where there is none any more.
func (b *Bus) Overwrite(ctx context.Context, stream string, seq uint64) (was bool, err error) {
	s, err := b.look(ctx, stream)
	if err == nil {
		was, err = overwrite(ctx, s, seq)
	}
	if err != nil {
		return false, fmt.Errorf("remove %s %d: %w", stream, seq, err)
	}
	return was, nil
}

// overwrite looks first: the server's own answer to one that has aged out is no error of its own.
func overwrite(ctx context.Context, s jetstream.Stream, seq uint64) (was bool, err error) {
	if _, err := s.GetMsg(ctx, seq); errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	err = s.SecureDeleteMsg(ctx, seq)
	if err == nil {
		return true, nil
	}
	if _, gone := s.GetMsg(ctx, seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return false, nil // it aged out meanwhile
	}
	return false, err
}

// Trim removes all values of a bucket's key but the last, which may be the mark that it
// was removed. The server lets nobody overwrite what is in a bucket: the bytes stay in the
// bucket's file until the server rewrites it.
func (b *Bus) Trim(ctx context.Context, bucket, key string) error {
	return b.purgeKey(ctx, bucket, key, jetstream.WithPurgeKeep(1))
}

// Drop removes the values of a bucket's key up to a revision, and marks, as Trim does.
// Those who follow the bucket are not told.
func (b *Bus) Drop(ctx context.Context, bucket, key string, upTo uint64) error {
	return b.purgeKey(ctx, bucket, key, jetstream.WithPurgeSequence(upTo+1))
}

func (b *Bus) purgeKey(ctx context.Context, bucket, key string, which jetstream.StreamPurgeOpt) error {
	s, err := b.look(ctx, "KV_"+bucket)
	if err != nil {
		return err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(KeySubject(bucket, key)), which); err != nil {
		return fmt.Errorf("remove earlier values of %s in bucket %s: %w", key, bucket, err)
	}
	return nil
}

// Remove removes a key of a bucket with all its values, as Trim does. A mark that it was
// there stays, for those who follow the bucket, until Sweep or the bucket's own end of it.
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
		if err := b.Drop(ctx, bucket, key, revision); err != nil {
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
