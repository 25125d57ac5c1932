package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Msg is one message of a stream.
type Msg struct {
	Subject string
	Seq     uint64
	Time    time.Time // when the log took it
	Data    []byte
}

// Reader reads a stream in order, from a sequence on, without end. After a
// disconnection, a link that hung or a restart of the server it goes on behind
// the last message. Where the stream is another one then, or ends before that
// message, it ends with ErrReplaced.
//
// Its queue holds at most readerQueue messages and its requests to the server
// at most sessionBytes; when it is full the server waits.
type Reader struct {
	msgs     chan Msg
	cancel   context.CancelFunc
	done     chan struct{}
	err      error // why it ended; read after done
	identity string
	end      uint64
}

const readerQueue = 256

// Reader starts a reader of stream at sequence from (1 is the beginning; what
// has expired is passed over), of the subjects in filters or of all.
func (b *Bus) Reader(ctx context.Context, stream string, filters []string, from uint64) (*Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &pump{bus: b, stream: stream, filters: filters, last: max(from, 1) - 1, msgs: make(chan Msg, readerQueue)}
	s, err := b.session(ctx, stream, filters, p.last+1)
	if err != nil {
		cancel()
		return nil, err
	}
	p.reached = s.last >= p.last
	r := &Reader{msgs: p.msgs, cancel: cancel, done: make(chan struct{}), identity: identify(s.identity), end: s.last}
	go func() {
		defer close(r.done)
		r.err = p.run(ctx, s)
	}()
	return r, nil
}

// pump moves messages from the server into the queue, in session after session.
type pump struct {
	bus     *Bus
	stream  string
	filters []string
	last    uint64 // the last message that went into the queue, or what precedes the first
	reached bool   // the stream is known to have reached last
	msgs    chan Msg
}

// The pauses before a new session, while the server cannot be reached.
const (
	againFirst = 50 * time.Millisecond
	againMost  = 2 * time.Second
)

func (p *pump) run(ctx context.Context, s *session) error {
	identity := s.identity
	for {
		p.move(s)
		s.close(ctx)
		var err error
		if s, err = p.again(ctx); err != nil {
			return err
		}
		if err := s.follows(identity, p.known()); err != nil {
			s.close(ctx)
			return err
		}
	}
}

// known is a sequence that the stream has reached. A reader may start beyond its
// end, and then nothing is known.
func (p *pump) known() uint64 {
	if p.reached {
		return p.last
	}
	return 0
}

// move moves messages until the session ends.
func (p *pump) move(s *session) {
	for {
		m, err := s.next()
		if err != nil {
			return // whatever it was, the next session begins behind the last message
		}
		select {
		case p.msgs <- m:
			p.last, p.reached = m.Seq, true
		case <-s.ctx.Done():
			return
		}
	}
}

// again begins a new session, however long that takes.
func (p *pump) again(ctx context.Context) (*session, error) {
	for pause := againFirst; ; pause = min(2*pause, againMost) {
		if ctx.Err() != nil {
			return nil, ctx.Err() //nolint:wrapcheck // Next wraps it
		}
		s, err := p.bus.session(ctx, p.stream, p.filters, p.last+1)
		if err == nil {
			return s, nil
		}
		if p.bus.nc.IsClosed() {
			return nil, errors.Join(err, nats.ErrConnectionClosed)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// Next waits for the next message. It fails when ctx ends, and for good when
// the reader was closed, the connection was, or the stream was replaced.
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

// Stream is what was read of the stream when the reader was opened: what Identity says,
// and its last sequence.
func (r *Reader) Stream() (identity string, last uint64) { return r.identity, r.end }

// C is the reader's queue, for a caller that waits for other things too.
func (r *Reader) C() <-chan Msg { return r.msgs }

// Done is closed when the reader has ended; Err says why.
func (r *Reader) Done() <-chan struct{} { return r.done }

// Err is why the reader ended. It may be called once Done is closed.
func (r *Reader) Err() error { return r.err }
