package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// eraseLog removes what has a subject of its own. The recorder comes first: what is gone
// before it has read so far would be waited for.
func (e *Erasure) eraseLog(ctx context.Context, c *Certificate) error {
	for _, s := range []struct {
		stream, subject string
		recorded        bool
		n               *int64
	}{
		{schemas.StreamFindings, schemas.FindingsSubject(c.Org, c.Wearer), true, &c.Log.Findings},
		{schemas.StreamNudges, schemas.NudgesSubject(c.Org, c.Wearer), true, &c.Log.Nudges},
		{schemas.StreamReplies, schemas.RepliesSubject(c.Org, c.Wearer), false, &c.Log.Replies},
	} {
		end, err := e.Log.LastSeq(ctx, s.stream)
		if err == nil && s.recorded {
			err = e.Stored(ctx, s.stream, end)
		}
		if err == nil {
			*s.n, err = e.Log.Purge(ctx, s.stream, s.subject, end)
		}
		if err == nil {
			err = e.absent(ctx, s.stream, s.subject, end)
		}
		if err != nil {
			return err
		}
		c.Verified = append(c.Verified, s.stream)
	}
	return nil
}

// absent fails if a stream has something of a subject up to a sequence.
func (e *Erasure) absent(ctx context.Context, stream, subject string, upTo uint64) error {
	m, ok, err := e.Log.NextOn(ctx, stream, subject, 1)
	if err == nil && ok && m.Seq <= upTo {
		err = fmt.Errorf("%s still has number %d of the wearer", stream, m.Seq)
	}
	return err
}

// eraseRefused removes what is kept of the wearer's devices because it was refused. Of
// a device that others wore, too, nobody can say for whom it was: all of it goes.
func (e *Erasure) eraseRefused(ctx context.Context, c *Certificate) error {
	var numbers []uint64
	err := e.Log.Each(ctx, schemas.StreamQuarantine, nil, func(m bus.Msg) error {
		q, err := schemas.DecodeQuarantined(m.Data)
		if err != nil {
			return nil //nolint:nilerr // not ours, and it names nobody
		}
		topic, err := schemas.ParseTopic(q.Topic)
		if err == nil && topic.Org == c.Org && slices.Contains(c.Devices, topic.Device) || e.names(q, c) {
			numbers = append(numbers, m.Seq)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, n := range numbers {
		was, err := e.Log.Overwrite(ctx, schemas.StreamQuarantine, n)
		if err != nil {
			return err
		}
		if was {
			c.Log.Quarantine++
		}
	}
	c.Verified = append(c.Verified, schemas.StreamQuarantine)
	return nil
}

// names reports whether an entry that the store refused, and no device published, is
// about the wearer: it says so where a topic would stand.
func (e *Erasure) names(q schemas.Quarantined, c *Certificate) bool {
	return q.Reason == schemas.StoreRefused && q.Topic == RefusedTopic(c.Org, c.Wearer)
}

// RefusedTopic stands in the place of a topic in quarantine for what the store refused
// of a wearer and no device published as it is, such as a minute.
func RefusedTopic(org, wearer schemas.ID) string {
	return "series/" + org.String() + "/" + wearer.String()
}

// eraseKeys removes what stands in buckets under the wearer's name, or names them.
func (e *Erasure) eraseKeys(ctx context.Context, c *Certificate) error {
	if err := e.eraseLedger(ctx, c); err != nil {
		return err
	}
	if _, err := e.Log.Remove(ctx, bus.BucketSnooze, c.Org.String()+"."+c.Wearer.String()); err != nil {
		return err
	}
	had, err := e.Log.Remove(ctx, bus.BucketTuning, "wearer."+c.Org.String()+"."+c.Wearer.String())
	if had {
		c.Log.Parameters++
	}
	return err
}

// eraseLedger removes the notifier's notes of nudges. Those whose findings are gone
// from the log are never decided again.
func (e *Erasure) eraseLedger(ctx context.Context, c *Certificate) error {
	kv, err := e.Log.KV(ctx, bus.BucketLedger)
	if err != nil {
		return err
	}
	watcher, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", bus.BucketLedger, err)
	}
	var keys []string
	for entry := range present(ctx, watcher) {
		var about struct{ Org, Wearer string }
		if json.Unmarshal(entry.Value(), &about) == nil && about.Org == c.Org.String() && about.Wearer == c.Wearer.String() {
			keys = append(keys, entry.Key())
		}
	}
	if err := errors.Join(ctx.Err(), watcher.Stop()); err != nil {
		return fmt.Errorf("read bucket %s: %w", bus.BucketLedger, err)
	}
	for _, key := range keys {
		if _, err := e.Log.Remove(ctx, bus.BucketLedger, key); err != nil {
			return err
		}
		c.Log.Ledger++
	}
	return nil
}

// present yields what a bucket holds now.
func present(ctx context.Context, w jetstream.KeyWatcher) func(yield func(jetstream.KeyValueEntry) bool) {
	return func(yield func(jetstream.KeyValueEntry) bool) {
		for {
			select {
			case entry := <-w.Updates():
				if entry == nil || !yield(entry) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// forget removes the wearer from the registry, with what its entries were before.
func (e *Erasure) forget(ctx context.Context, left registry.Wearer, c *Certificate) error {
	keys, err := e.Registry.Remove(ctx, left)
	if err != nil {
		return err
	}
	wearer := "wearer." + c.Org.String() + "." + c.Wearer.String()
	for _, key := range append(keys, wearer) {
		if err := e.Log.Trim(ctx, bus.BucketRegistry, key); err != nil {
			return err
		}
	}
	if err := e.Registry.Forget(ctx, c.Org, c.Wearer, c.Before); err != nil {
		return err
	}
	if err := e.Log.Trim(context.WithoutCancel(ctx), bus.BucketRegistry, wearer); err != nil {
		return err
	}
	if _, still := e.Registry.Wearer(c.Org, c.Wearer); still {
		return errors.New("the registry still has the wearer afterwards")
	}
	c.Verified = append(c.Verified, "registry")
	return nil
}

// SweepAfter is how long the log's buckets keep the mark that there was a key: copies in
// other processes learn by it that it is gone.
const SweepAfter = 72 * time.Hour

// Sweep removes such marks that are older, and those of erasures whose id is free again.
// Call it from time to time.
func Sweep(ctx context.Context, log *bus.Bus) error {
	for _, bucket := range []string{bus.BucketRegistry, bus.BucketTuning} {
		if err := log.Sweep(ctx, bucket, SweepAfter); err != nil {
			return err
		}
	}
	at := now()
	lapsed := map[string]uint64{} // by key, as many as were erased since the last time
	stream, prefix := "KV_"+bus.BucketRegistry, bus.KeySubject(bus.BucketRegistry, "")
	err := log.Each(ctx, stream, []string{prefix + "gone.*.*"}, func(m bus.Msg) error {
		if key := strings.TrimPrefix(m.Subject, prefix); registry.Lapsed(key, m.Data, at) {
			lapsed[key] = m.Seq
		}
		return nil
	})
	for key, seq := range lapsed {
		if err == nil {
			err = log.Drop(ctx, bus.BucketRegistry, key, seq)
		}
	}
	return err
}

// remains lists what goes by itself.
func (e *Erasure) remains(ctx context.Context, c *Certificate) error {
	at := now()
	for _, s := range []struct{ stream, what string }{
		{schemas.StreamReadings, "readings in the log, packed with those of others; no store takes them any more"},
		{schemas.StreamRollups, "minutes in the log, packed with those of others; no store takes them any more"},
		{"$MQTT_msgs", "messages at the broker that were under way to or from the devices"},
	} {
		keeps, err := e.Log.Keeps(ctx, s.stream)
		if err != nil {
			return err
		}
		r := Remainder{What: s.what}
		if keeps > 0 {
			r.Until = at.Add(keeps)
		}
		c.Remains = append(c.Remains, r)
	}
	c.Remains = append(c.Remains, e.StoreRemains...)
	c.Remains = append(c.Remains,
		Remainder{What: "the note in the registry until when no new wearer may take this id, because what is of before is dropped", Until: c.Before.Add(time.Hour)},
		Remainder{What: "bytes, which no query tells, of the wearer's entries in the registry, their parameters, snoozes and the notifier's notes: the " +
			"server overwrites none in the files of its buckets, and loses them when it rewrites the file, for which no time can be told"},
		Remainder{What: "the mark in the registry that there was a wearer of this id, for the copies of other processes", Until: at.Add(SweepAfter + time.Hour)},
		Remainder{What: "what detectors know, which they forget some seconds after the last reading; one that does not run now does so when it is started"},
		Remainder{What: "backups that were made before"},
	)
	return nil
}
