package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The bounds of a session: a request for many large messages would stall
// silently at the client's pending limit, so it is bounded by bytes. A bound by
// messages as well would make the client's channel that small, and the server's
// heartbeats would overflow it while nobody reads.
const sessionBytes = 8 << 20

// The times of a session. Two heartbeats missed end it: a link that hangs for
// 10 s. What a process that died leaves at the server is gone after sessionIdle.
const (
	heartbeat   = 5 * time.Second
	pullExpiry  = 30 * time.Second
	sessionIdle = time.Minute
	farewell    = time.Second
)

// session reads a stream from a sequence on, in order and without a gap, until
// something goes wrong: the connection breaks or hangs, the server restarts, a
// message is missed. Then next fails, and a new session goes on where it ended.
// The server keeps no position for it, and nothing on disk.
type session struct {
	bus      *Bus
	stream   string
	identity time.Time // when the stream was made
	last     uint64    // the stream's last sequence when the session began
	left     uint64    // how many messages there are for it now
	consumer jetstream.Consumer
	iter     jetstream.MessagesContext
	ctx      context.Context //nolint:containedctx // ends with the connection, for next
	cancel   context.CancelFunc
	counted  uint64 // the consumer's own number of the last message: shows a gap
}

// errGap means that a message did not arrive; the next session reads it.
var errGap = errors.New("a message was missed on the way")

// session begins one at sequence from. It waits at most lookWait for the server.
func (b *Bus) session(ctx context.Context, stream string, filters []string, from uint64) (*session, error) {
	s := &session{bus: b, stream: stream}
	// What is on the way when the connection breaks is lost, and if that was the
	// last there is, no gap would show it.
	ctx, s.cancel = b.whileConnected(ctx)
	s.ctx = ctx
	if err := s.begin(ctx, filters, from); err != nil {
		s.cancel()
		return nil, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return s, nil
}

func (s *session) begin(ctx context.Context, filters []string, from uint64) error {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	stream, err := s.bus.js.Stream(ctx, s.stream)
	if err != nil {
		return fmt.Errorf("look at it: %w", err)
	}
	s.identity, s.last = stream.CachedInfo().Created, stream.CachedInfo().State.LastSeq
	cfg := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1), FilterSubjects: filters,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: sessionIdle,
	}
	if len(filters) == 1 {
		cfg.FilterSubject, cfg.FilterSubjects = filters[0], nil // the server is quicker with one
	}
	if s.consumer, err = stream.CreateConsumer(ctx, cfg); err != nil {
		return fmt.Errorf("create consumer: %w", err)
	}
	s.left = s.consumer.CachedInfo().NumPending
	s.iter, err = s.consumer.Messages(jetstream.PullMaxBytes(sessionBytes), jetstream.PullExpiry(pullExpiry),
		jetstream.PullHeartbeat(heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("request messages: %w", err)
	}
	return nil
}

// next waits for the next message.
func (s *session) next() (Msg, error) {
	m, err := s.iter.Next(jetstream.NextContext(s.ctx))
	if err != nil {
		return Msg{}, fmt.Errorf("read stream %s: %w", s.stream, err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return Msg{}, fmt.Errorf("read metadata of %s: %w", m.Subject(), err)
	}
	if meta.Sequence.Consumer != s.counted+1 {
		return Msg{}, fmt.Errorf("read stream %s: %w", s.stream, errGap)
	}
	s.counted, s.left = meta.Sequence.Consumer, meta.NumPending
	return Msg{Subject: m.Subject(), Seq: meta.Sequence.Stream, Time: meta.Timestamp, Data: m.Data()}, nil
}

// close ends the session, and tells the server if that can be reached.
func (s *session) close(ctx context.Context) {
	s.iter.Stop()
	s.cancel()
	if !s.bus.nc.IsConnected() {
		return // the server forgets it after sessionIdle
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	_ = s.bus.js.DeleteConsumer(ctx, s.stream, s.consumer.CachedInfo().Name)
}

// ErrReplaced means that a stream is no longer the one that was being read: it
// was made anew, or ends before what had been read. Its readers have to find
// their place again.
var ErrReplaced = errors.New("the stream is another than before, or has lost its end")

// follows reports whether a stream can be read on behind a sequence.
func (s *session) follows(identity time.Time, seq uint64) error {
	if !s.identity.Equal(identity) || s.last < seq {
		return fmt.Errorf("read stream %s behind %d: %w: it was made at %s and ends at %d", s.stream, seq, ErrReplaced,
			s.identity.Format(time.RFC3339), s.last)
	}
	return nil
}
