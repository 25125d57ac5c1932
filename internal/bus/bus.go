// Package bus is sitwell's log and key-value store on NATS JetStream: the
// streams with their limits, publishing that is acknowledged when it is on
// disk, readers that start at any sequence, and the buckets.
//
// A position in the log is a stream's sequence. Readers keep their own
// position, in a checkpoint or in the store beside the data, and never the
// server: what an acknowledgement says plays no part in where they start.
//
// A Bus is safe for concurrent use; a Reader belongs to one goroutine. The
// tests run on the embedded server.
package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// DefaultPartitions is how many partitions a new log gets. It bounds how many
// detectors can share the work and is fixed for the life of the log.
const DefaultPartitions = 64

// The buckets.
const (
	BucketRegistry    = "registry"
	BucketCheckpoints = "checkpoints"
	BucketLedger      = "ledger"  // one key for each nudge that may have been sent
	BucketSnooze      = "snooze"  // until when a wearer wants no nudges
	BucketDevices     = "devices" // birth and last will of each device
	BucketTuning      = "tuning"  // parameters of detection; each value holds all its revisions
	BucketMembers     = "members" // who is there to share work, in memory: whoever lives says so each second
	BucketLeases      = "leases"  // who owns which share of the work, with its epoch
	BucketClocks      = "clocks"  // by how much a device's clock was ahead, fixed for each boot
)

// answerWait is how long a publish may go unanswered before it counts as
// failed and its place in the window is free again.
const answerWait = 30 * time.Second

// maxPending is how many publishes wait for the server unless Options say other.
const maxPending = 1024

const partitionsKey = "sitwell_partitions"

// Options are what a log is created with.
type Options struct {
	// Partitions is for a new log; an existing one keeps its count. 0 is
	// DefaultPartitions.
	Partitions int
	// MaxPending is how many publishes may wait for the server, 0 is 1024.
	// PublishAsync blocks above it.
	MaxPending int
	// Limits are those of the log's streams, for new and existing ones.
	Limits Limits
}

// Bus is an open log.
type Bus struct {
	nc         *nats.Conn
	js         jetstream.JetStream
	partitions int
	limits     Limits
	owner      bool // made by Open: keeps streams and buckets as they should be
}

// Open creates the streams and buckets where they are missing, and sets their
// limits. One process does, the one with the broker; the others Attach.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Bus, error) {
	if o.Partitions == 0 {
		o.Partitions = DefaultPartitions
	}
	js, err := client(nc, o.MaxPending)
	if err != nil {
		return nil, err
	}
	b := &Bus{nc: nc, js: js, limits: o.Limits.withDefaults(), owner: true}
	if b.partitions, err = b.readings(ctx, o.Partitions); err != nil {
		return nil, err
	}
	if err := b.ensure(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// client is the server's interface, with bounds on what is published and not answered.
func client(nc *nats.Conn, pending int) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(cmp.Or(pending, maxPending)), jetstream.WithPublishAsyncTimeout(answerWait))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return js, nil
}

// Attach opens a log that somebody else has created. It changes nothing.
func Attach(ctx context.Context, nc *nats.Conn) (*Bus, error) {
	js, err := client(nc, maxPending)
	if err != nil {
		return nil, err
	}
	b := &Bus{nc: nc, js: js}
	s, err := js.Stream(ctx, schemas.StreamReadings)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w; is this a sitwell?", schemas.StreamReadings, err)
	}
	if b.partitions, err = partitionsOf(s); err != nil {
		return nil, err
	}
	return b, nil
}

// Partitions is the log's partition count.
func (b *Bus) Partitions() int { return b.partitions }

// Conn is the connection, for messages that need no log.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// KV is one of the buckets.
func (b *Bus) KV(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	kv, err := b.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// Future is a publish under way: Wait returns once it is on disk.
type Future struct{ f jetstream.PubAckFuture }

// Wait returns nil when the message is on disk, and an error when that is not
// known; then the message may still have been stored.
func (f Future) Wait(ctx context.Context) error {
	select {
	case <-f.f.Ok():
		return nil
	case err := <-f.f.Err():
		return fmt.Errorf("publish to log: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("publish to log: %w", ctx.Err())
	}
}

// stall is how long PublishAsync waits for room: with an fsync for each
// message a full window takes about a second, and the client's default of
// 200 ms would fail.
const stall = 30 * time.Second

// PublishAsync hands a message to the log. id, where given, drops a repetition
// within ten minutes; the readers drop older ones by what the message says.
func (b *Bus) PublishAsync(subject string, data []byte, id string) (Future, error) {
	opts := []jetstream.PublishOpt{jetstream.WithStallWait(stall)}
	if id != "" {
		opts = append(opts, jetstream.WithMsgID(id))
	}
	f, err := b.js.PublishAsync(subject, data, opts...)
	if err != nil {
		return Future{}, fmt.Errorf("publish to %s: %w", subject, err)
	}
	return Future{f}, nil
}

// Publish stores a message and returns when it is on disk.
func (b *Bus) Publish(ctx context.Context, subject string, data []byte, id string) error {
	f, err := b.PublishAsync(subject, data, id)
	if err != nil {
		return err
	}
	return f.Wait(ctx)
}

// Probe writes something small and returns when it is on disk.
func (b *Bus) Probe(ctx context.Context) error {
	return b.Publish(ctx, KeySubject(BucketCheckpoints, "probe"), nil, "")
}

// LastSeq is the last sequence of a stream, 0 for an empty one. It waits at most 10 s.
func (b *Bus) LastSeq(ctx context.Context, stream string) (uint64, error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.LastSeq, nil
}

// Get is one message of a stream.
func (b *Bus) Get(ctx context.Context, stream string, seq uint64) (Msg, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return Msg{}, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	m, err := s.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Msg{}, fmt.Errorf("%s has no number %d: %w", stream, seq, err)
	}
	if err != nil {
		return Msg{}, fmt.Errorf("read %s %d: %w", stream, seq, err)
	}
	return Msg{Subject: m.Subject, Seq: m.Sequence, Time: m.Time, Data: m.Data}, nil
}

// Delete removes one message of a stream.
func (b *Bus) Delete(ctx context.Context, stream string, seq uint64) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", stream, err)
	}
	if _, err := b.Get(ctx, stream, seq); err != nil {
		return err // the server's own answer to this would be hard to read
	}
	if err := s.DeleteMsg(ctx, seq); err != nil {
		return fmt.Errorf("delete %s %d: %w", stream, seq, err)
	}
	return nil
}

// KeySubject is the subject under which a publish sets a bucket's key; it saves
// waiting for the answer that a Put would wait for.
func KeySubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// Each calls each for the messages of a stream up to its present end, of the
// subjects in filters or of all. It goes on through disconnections.
func (b *Bus) Each(ctx context.Context, stream string, filters []string, each func(Msg) error) error {
	s, err := b.session(ctx, stream, filters, 1)
	if err != nil {
		return err
	}
	p := pump{bus: b, stream: stream, filters: filters}
	identity, end := s.identity, s.last
	for s.left > 0 && p.last < end {
		m, err := s.next()
		switch {
		case ctx.Err() != nil:
			s.close(ctx)
			return fmt.Errorf("read stream %s: %w", stream, ctx.Err())
		case err != nil:
			s.close(ctx)
			if s, err = p.again(ctx); err != nil {
				return fmt.Errorf("read stream %s: %w", stream, err)
			}
			err = s.follows(identity, end)
		case m.Seq <= end:
			p.last, err = m.Seq, each(m)
		default:
			p.last = m.Seq
		}
		if err != nil {
			s.close(ctx)
			return err
		}
	}
	s.close(ctx)
	return nil
}

// deliveredEvery is how often Delivered looks.
const deliveredEvery = 20 * time.Millisecond

// Delivered waits until a consumer of a stream, one that messages are pushed to, has
// acknowledged everything of a subject that the stream holds now.
func (b *Bus) Delivered(ctx context.Context, stream, consumer, subject string) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", stream, err)
	}
	// A consumer's own count of what is pending lags behind the stream.
	last, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the end of %s: %w", stream, err)
	}
	c, err := b.js.PushConsumer(ctx, stream, consumer)
	if err != nil {
		return fmt.Errorf("look at consumer %s of %s: %w", consumer, stream, err)
	}
	tick := time.NewTicker(deliveredEvery)
	defer tick.Stop()
	for {
		info, err := c.Info(ctx)
		if err != nil {
			return fmt.Errorf("look at consumer %s of %s: %w", consumer, stream, err)
		}
		if info.AckFloor.Stream >= last.Sequence {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s up to %d: %w", stream, last.Sequence, ctx.Err())
		}
	}
}

// Forget deletes a consumer of a stream; one that is not there is none.
func (b *Bus) Forget(ctx context.Context, stream, consumer string) error {
	if err := b.js.DeleteConsumer(ctx, stream, consumer); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("delete consumer %s of %s: %w", consumer, stream, err)
	}
	return nil
}
