package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/ops"
)

// SessionSubject is where ingest answers what its session is like, with
// SessionState as JSON. Each of several ingesters answers.
const SessionSubject = "ingest.session"

// SessionState says what the session with the MQTT broker is like.
type SessionState struct {
	// Connected and Subscribed must both be true for anything to be taken.
	Connected  bool `json:"connected"`
	Subscribed bool `json:"subscribed"`
	// Present says that the broker still had the session when this connection
	// was made. It is false for the first connection of all.
	Present bool `json:"present"`
	// Lost counts the sessions that the broker had forgotten, in this run of
	// ingest. What it had acknowledged to devices and not handed over is lost.
	Lost int64 `json:"lost"`
	// Since is when Connected or Subscribed changed last.
	Since time.Time `json:"since"`
	// Error says in words why it is not connected.
	Error string `json:"error,omitempty"`
	// Unauthorised says that the broker does not take ingest's password.
	Unauthorised bool `json:"unauthorised,omitempty"`
}

// State is what the session is like now.
func (s *Session) State() SessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Connected reports whether the connection stands now.
func (s *Session) Connected() bool { return s.State().Connected }

// ServeSession answers on SessionSubject until the subscription ends. Questions wait
// in the client's queue, 64 MiB at most; above that nobody hears an answer.
func (s *Session) ServeSession(nc *nats.Conn) (*nats.Subscription, error) {
	sub, err := nc.Subscribe(SessionSubject, func(m *nats.Msg) {
		answer, err := json.Marshal(s.State())
		if err == nil {
			err = m.Respond(answer)
		}
		if err != nil {
			s.o.Logger.Warn("state of the session not told", "err", err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("serve state of the session: %w", err)
	}
	return sub, nil
}

// came notes a connection, and whether the broker still had the session.
func (s *Session) came(present bool) {
	s.mu.Lock()
	forgotten := s.had && !present
	s.state.Connected, s.state.Present, s.state.Since, s.state.Error = true, present, time.Now(), ""
	s.state.Unauthorised = false
	if forgotten {
		s.state.Lost++
	}
	s.mu.Unlock()
	s.ingest.metrics.connected.Set(1)
	if forgotten {
		s.ingest.metrics.lost.Inc()
		s.o.Logger.Error("the MQTT broker has forgotten ingest's session: what it acknowledged to devices and had not handed over is lost; "+
			"check its persistence and its session expiry with `sitwell doctor --broker`", "broker", s.o.URL, "client_id", s.o.ClientID)
	}
}

// subscribed notes that the broker has the subscription.
func (s *Session) subscribed(ctx context.Context) {
	s.mu.Lock()
	first := !s.had
	s.had = true
	s.state.Subscribed, s.state.Since = true, time.Now()
	s.mu.Unlock()
	if first {
		s.remember(ctx)
	}
	s.opened.Do(func() { close(s.ready) })
}

// gone notes the end of a connection, or that there was none.
func (s *Session) gone(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Connected {
		s.state.Since = time.Now()
	}
	s.state.Connected, s.state.Subscribed, s.state.Present = false, false, false
	s.state.Unauthorised = errors.Is(err, ops.ErrUnauthorised)
	s.state.Error = "the log takes no messages, and until it does the broker keeps them"
	if err != nil {
		s.state.Error = err.Error()
	}
	s.ingest.metrics.connected.Set(0)
}
