package ingest_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

func TestTheSessionsStateIsTold(t *testing.T) {
	p := newPlant(t)
	r := p.start(t)
	sub, err := r.session.ServeSession(p.log.Conn())
	must(t, err)
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	answer, err := p.log.Conn().RequestWithContext(within(t), ingest.SessionSubject, nil)
	must(t, err)
	var state ingest.SessionState
	must(t, json.Unmarshal(answer.Data, &state))
	if !state.Connected || !state.Subscribed || state.Present || state.Lost != 0 || state.Since.IsZero() || state.Error != "" {
		t.Errorf("the first session: %+v", state)
	}
	r.stop(t)
	if state := r.session.State(); state.Connected || state.Subscribed {
		t.Errorf("closed: %+v", state)
	}
	if state := p.start(t).session.State(); !state.Present {
		t.Errorf("the session is not there any more: %+v", state)
	}
}

// forget makes the broker forget ingest's session, as an administrator may.
func (p *plant) forget(t *testing.T) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.session.URL).SetClientID(p.session.ClientID).
		SetUsername(p.session.Username).SetPassword(p.session.Password).SetCleanSession(true).SetAutoReconnect(false))
	acknowledged(t, c.Connect())
	c.Disconnect(100)
}

// lines are log lines that a test reads while they are written.
type lines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b) //nolint:wrapcheck // a buffer has no errors
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestAForgottenSessionIsAnAlarm(t *testing.T) {
	p := newPlant(t)
	var says lines
	p.session.Logger = slog.New(slog.NewTextHandler(&says, nil))
	r := p.start(t)
	p.forget(t) // ingest is thrown out, and connects again
	until(t, "the loss is not noticed", func() bool { return r.session.State().Lost == 1 })
	r.connectedAgain(t)
	if !strings.Contains(says.String(), "level=ERROR") || !strings.Contains(says.String(), "forgotten") {
		t.Errorf("it says %s", says.String())
	}
	d := p.device(t, band1.String())
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(1)))
	p.stored(t).await(t, 1)
}

func TestASessionForgottenBetweenTwoRunsIsNoticed(t *testing.T) {
	p := newPlant(t)
	kv, err := p.log.KV(t.Context(), bus.BucketCheckpoints)
	must(t, err)
	for name, c := range map[string]struct {
		memory, otherURL bool
		want             int64
	}{
		"remembered":     {memory: true, want: 1},
		"not remembered": {},
		"another broker": {memory: true, otherURL: true}, // cannot have forgotten it
	} {
		t.Run(name, func(t *testing.T) {
			q := *p
			q.options.Metrics = p.options.Metrics
			q.session.ClientID = strings.ReplaceAll("ingest "+name, " ", "-")
			if c.memory {
				q.session.Memory = kv
			}
			q.start(t).stop(t)
			if state := q.start(t).session.State(); !state.Present || state.Lost != 0 {
				t.Errorf("the session was kept: %+v", state)
			}
		})
		t.Run(name+", forgotten", func(t *testing.T) {
			q := *p
			q.session.ClientID = strings.ReplaceAll("ingest "+name, " ", "-")
			if c.memory {
				q.session.Memory = kv
			}
			q.forget(t)
			if c.otherURL {
				q.session.URL = strings.Replace(q.session.URL, "127.0.0.1", "localhost", 1)
			}
			r := q.start(t)
			defer r.stop(t)
			if state := r.session.State(); state.Present || state.Lost != c.want {
				t.Errorf("the session was forgotten: %+v, want %d lost", state, c.want)
			}
		})
	}
}

func TestReadySaysWhyThereIsNoSession(t *testing.T) {
	p := newPlant(t)
	addr := freeAddr(t)
	p.session.URL = "tcp://" + addr
	r := p.run(t)
	s := ingest.Connect(t.Context(), p.session, r.Ingest)
	defer s.Close()
	until(t, "it does not say why", func() bool { return strings.Contains(s.State().Error, "refused") })
	ctx, cancel := expired(t)
	defer cancel()
	if err := s.Ready(ctx); err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("ready: %v", err)
	}
}

func TestAnAddressWithoutASchemeIsSaid(t *testing.T) {
	p := newPlant(t)
	p.session.URL = "gopher://127.0.0.1:70"
	r := p.run(t)
	s := ingest.Connect(t.Context(), p.session, r.Ingest)
	defer s.Close()
	until(t, "it does not say why", func() bool { return strings.Contains(s.State().Error, "no scheme") })
}
