package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SessionOptions say how to reach the broker.
type SessionOptions struct {
	// URL of the broker: tcp://host:port, ssl://host:port or ws://host:port.
	URL string
	// ClientID names the broker's persistent session. It must stay the same
	// from start to start: under it the broker keeps what was not acknowledged.
	ClientID           string
	Username, Password string
	// Memory, a bucket of the log, keeps that the broker has had the session,
	// so that a session it has forgotten is noticed after a restart of ingest,
	// too. Nil remembers only as long as this process lives.
	Memory jetstream.KeyValue
	// Before is waited for before each connection, so that what the broker delivered
	// and was not acknowledged comes before what is newer; nil where the broker sees to
	// that. An error is that of its context.
	Before func(ctx context.Context) error
	Logger *slog.Logger
}

// Session is ingest's connection to an MQTT broker, made anew whenever it is
// lost, and given up on purpose while the log takes nothing.
type Session struct {
	o      SessionOptions
	ingest *Ingest
	cancel context.CancelFunc
	opened sync.Once // guards the closing of ready
	ready  chan struct{}
	done   chan struct{}

	mu    sync.Mutex // guards what follows
	state SessionState
	had   bool // the broker had the session before
}

// filter covers everything that devices publish, and what they should not, so
// that it ends in quarantine rather than nowhere. It is a single subscription
// because a broker keeps order within one only, and a device's readings and
// events are one sequence; the embedded broker also counts what is under way
// for the whole session, and would hold back for its AckWait what several
// subscriptions have too much.
const filter = "sitwell/#"

// The pauses between two attempts to connect.
const (
	firstReconnect = 500 * time.Millisecond
	lastReconnect  = 5 * time.Second
	// dropPause follows a disconnection on purpose. It is above the embedded
	// broker's AckWait, after which it delivers what was dropped: newer messages
	// would overtake that otherwise.
	dropPause = 3 * time.Second
)

// Connect keeps a persistent session with a broker and gives each message to
// the ingest, acknowledging it when ingest says so. It returns at once; Ready
// tells when the session exists. ctx ends the taking of messages, Close the
// connection.
func Connect(ctx context.Context, o SessionOptions, i *Ingest) *Session {
	ctx, cancel := context.WithCancel(ctx)
	s := &Session{o: o, ingest: i, cancel: cancel, ready: make(chan struct{}), done: make(chan struct{})}
	s.state.Since = time.Now()
	go s.keep(ctx)
	return s
}

// keep connects for as long as the log takes messages.
func (s *Session) keep(ctx context.Context) {
	defer close(s.done)
	s.recall(ctx)
	for pause := firstReconnect; ; pause = min(2*pause, lastReconnect) {
		r, err := s.ingest.rounds.wait(ctx)
		if err != nil {
			return
		}
		if s.o.Before != nil && s.o.Before(ctx) != nil {
			return
		}
		stood, err := s.connection(ctx, r)
		if ctx.Err() != nil {
			err = errors.New("the session was closed")
		}
		s.gone(err)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // on purpose
			pause = dropPause
		case stood:
			pause = firstReconnect
			s.o.Logger.Warn("connection to the MQTT broker lost, connecting again", "broker", s.o.URL, "err", err)
		default:
			s.o.Logger.Warn("no connection to the MQTT broker, trying again", "broker", s.o.URL, "pause", pause, "err", err)
		}
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// connection is one connection, from CONNECT to its end. stood says that it had
// its subscription; the error is nil when it was given up on purpose.
func (s *Session) connection(ctx context.Context, r *round) (stood bool, err error) {
	l := newLink(ctx, s.o, r, s.ingest.metrics)
	defer l.close()
	present, err := l.connect(ctx)
	if err != nil {
		return false, err
	}
	s.came(present)
	if err := l.subscribe(ctx, filter); err != nil {
		return false, fmt.Errorf("%w; check that ingest may read %s", err, filter)
	}
	s.subscribed(ctx)
	select {
	case err := <-l.lost:
		return true, err
	case <-r.ended:
	case <-ctx.Done():
	}
	return true, nil
}

// Ready waits until the session exists at the broker, so that nothing a device
// publishes from then on is lost.
func (s *Session) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-s.done:
		return errors.New("connect to the MQTT broker: the session was closed")
	case <-ctx.Done():
		if why := s.State().Error; why != "" {
			return fmt.Errorf("connect to the MQTT broker %s: %s: %w", s.o.URL, why, ctx.Err())
		}
		return fmt.Errorf("connect to the MQTT broker %s: %w", s.o.URL, ctx.Err())
	}
}

// Close disconnects; the broker keeps the session.
func (s *Session) Close() {
	s.cancel()
	<-s.done
}
