package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Msg is one message of a stream.
type Msg struct {
	Subject string
	Seq     uint64
	Time    time.Time // when the log took it
	Data    []byte
}

// Reader reads a stream in order, from a sequence on, without end. After a
// disconnection or a restart of the server it goes on behind the last message.
//
// Its queue holds at most readerQueue messages and its requests to the server
// at most readerBytes; when it is full the server waits.
type Reader struct {
	msgs   chan Msg
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended; read after done
}

// The bounds of a reader: a request for many large messages would stall
// silently at the client's pending limit, so it is bounded by bytes. A bound by
// messages as well would make the client's channel that small, and the server's
// heartbeats would overflow it while the queue is full.
const (
	readerQueue = 256
	readerBytes = 8 << 20
)

// Reader starts a reader of stream at sequence from (1 is the beginning; what
// has expired is passed over), of the subjects in filters or of all.
func (b *Bus) Reader(ctx context.Context, stream string, filters []string, from uint64) (*Reader, error) {
	cfg := jetstream.OrderedConsumerConfig{
		FilterSubjects: filters, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
		InactiveThreshold: time.Minute,
	}
	consumer, err := b.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", stream, err)
	}
	iter, err := consumer.Messages(jetstream.PullMaxBytes(readerBytes))
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", stream, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{msgs: make(chan Msg, readerQueue), cancel: cancel, done: make(chan struct{})}
	go r.pump(ctx, iter)
	return r, nil
}

// pump moves messages from the server into the queue; it owns the iterator.
func (r *Reader) pump(ctx context.Context, iter jetstream.MessagesContext) {
	defer close(r.done)
	defer iter.Stop()
	for {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, jetstream.ErrMsgIteratorClosed) && !errors.Is(err, nats.ErrConnectionClosed) {
				continue // the ordered consumer makes itself anew
			}
			r.err = err
			return
		}
		meta, err := m.Metadata()
		if err != nil {
			r.err = fmt.Errorf("read metadata of %s: %w", m.Subject(), err)
			return
		}
		msg := Msg{Subject: m.Subject(), Seq: meta.Sequence.Stream, Time: meta.Timestamp, Data: m.Data()}
		select {
		case r.msgs <- msg:
		case <-ctx.Done():
			r.err = ctx.Err()
			return
		}
	}
}

// Next waits for the next message. It fails when ctx ends, and for good when
// the reader was closed or the connection was.
func (r *Reader) Next(ctx context.Context) (Msg, error) {
	select {
	case m := <-r.msgs:
		return m, nil
	default:
	}
	select {
	case m := <-r.msgs:
		return m, nil
	case <-r.done:
		return Msg{}, fmt.Errorf("read log: %w", r.err)
	case <-ctx.Done():
		return Msg{}, fmt.Errorf("read log: %w", ctx.Err())
	}
}

// TryNext is the next message if one is there already.
func (r *Reader) TryNext() (Msg, bool) {
	select {
	case m := <-r.msgs:
		return m, true
	default:
		return Msg{}, false
	}
}

// Close ends the reader.
func (r *Reader) Close() {
	r.cancel()
	<-r.done
}

// C is the reader's queue, for a caller that waits for other things too.
func (r *Reader) C() <-chan Msg { return r.msgs }

// Done is closed when the reader has ended; Err says why.
func (r *Reader) Done() <-chan struct{} { return r.done }

// Err is why the reader ended. It may be called once Done is closed.
func (r *Reader) Err() error { return r.err }
