package wearable_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/notify"
	"sitwell/notify/wearable"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	acme = schemas.MustID("acme")
	band = schemas.MustID("band-1")
)

// device is a real client on its nudges topic.
func device(t *testing.T, b *broker.Broker) <-chan mqtt.Message {
	t.Helper()
	got := make(chan mqtt.Message, 16)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID(band.String()))
	wait(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	wait(t, c.Subscribe("sitwell/v1/acme/band-1/nudges", 0, func(_ mqtt.Client, m mqtt.Message) { got <- m }))
	return got
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("the broker did not answer")
	}
	if token.Error() != nil {
		t.Fatal(token.Error())
	}
}

func connect(t *testing.T, addr string, b *broker.Broker) *wearable.Sender {
	t.Helper()
	name, password := b.Credentials()
	s := wearable.Connect(wearable.Options{
		URL: "tcp://" + addr, ClientID: "sitwell-notify", Username: name, Password: password, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(s.Close)
	return s
}

// send sends a nudge as soon as there is a connection.
func send(t *testing.T, s *wearable.Sender, id string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for pause := time.NewTicker(5 * time.Millisecond); ; {
		err := s.Send(ctx, acme, band, schemas.Nudge{Schema: schemas.SchemaNudge, ID: id})
		if !errors.Is(err, notify.ErrNotSent) {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Fatal("never connected")
		}
	}
}

func receive(t *testing.T, got <-chan mqtt.Message) schemas.Nudge {
	t.Helper()
	select {
	case m := <-got:
		n, err := schemas.DecodeNudge(m.Payload())
		if err != nil || m.Retained() {
			t.Fatalf("got %q, retained %v: %v", m.Payload(), m.Retained(), err)
		}
		return n
	case <-time.After(10 * time.Second):
		t.Fatal("no nudge came")
		return schemas.Nudge{}
	}
}

func TestNudgesArrive(t *testing.T) {
	b, _ := brokertest.Start(t)
	got := device(t, b)
	s := connect(t, b.MQTT(), b)
	for _, id := range []string{"e1-2", "e2-2"} {
		if err := send(t, s, id); err != nil {
			t.Fatal(err)
		}
		if n := receive(t, got); n.ID != id {
			t.Errorf("got %s, want %s", n.ID, id)
		}
	}
}

// The whole way: a finding in the log, a nudge on the wearable.
func TestAFindingBecomesANudgeOnTheWearable(t *testing.T) {
	b, log := brokertest.Start(t)
	got := device(t, b)
	n, err := notify.New(t.Context(), notify.Options{
		Log: log, Sender: connect(t, b.MQTT(), b), Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	now := time.Now().UTC()
	find := func(episode string, at time.Time) {
		f := schemas.Finding{
			Schema: schemas.SchemaFinding, ID: episode, Episode: episode, Org: acme, Wearer: schemas.MustID("anna"), Device: band,
			Rule: schemas.RuleSlouch, Step: schemas.Escalated, Level: 2, Time: at, Seconds: 120, FlexionDeg: 22,
		}
		data, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Publish(t.Context(), schemas.FindingsSubject(f.Org, f.Wearer), data, ""); err != nil {
			t.Fatal(err)
		}
	}
	find("stale", now.Add(-time.Hour))
	find("e1", now)
	find("e1", now)
	find("e2", now) // too soon
	if nudge := receive(t, got); nudge.ID != "e1-2" || nudge.Reason != "leaning or slouching forward for 2 minutes, by about 22 degrees" {
		t.Errorf("got %+v", nudge)
	}
	r, err := log.Reader(t.Context(), schemas.StreamNudges, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 3 { // what became of e2 was decided last
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(got) > 0 {
		t.Errorf("a second nudge: %s", (<-got).Payload())
	}
}

func TestWithoutAConnectionNothingIsSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s := wearable.Connect(wearable.Options{URL: "tcp://" + l.Addr().String(), ClientID: "x", Logger: slog.New(slog.DiscardHandler)})
	defer s.Close()
	if err := s.Send(t.Context(), acme, band, schemas.Nudge{}); !errors.Is(err, notify.ErrNotSent) {
		t.Errorf("got %v, want %v", err, notify.ErrNotSent)
	}
}

// gate stands before the broker: it can swallow what the broker answers on the
// first connection, and break connections.
type gate struct {
	addr    string
	swallow chan struct{} // closed: nothing comes back any more
	conns   chan net.Conn
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &gate{addr: l.Addr().String(), swallow: make(chan struct{}), conns: make(chan net.Conn, 16)}
	go func() {
		for first := true; ; first = false {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(t.Context(), "tcp", target)
			if err != nil {
				_ = in.Close()
				return
			}
			g.conns <- in
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			}()
			go g.back(in, out, first)
		}
	}()
	return g
}

func (g *gate) back(in, out net.Conn, first bool) {
	defer func() { _ = in.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-g.swallow:
			if first {
				continue
			}
		default:
		}
		if _, err := in.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A nudge whose acknowledgement was lost with the connection is ambiguous, and
// the next connection does not publish it again.
func TestALostConnectionDoesNotRepeatANudge(t *testing.T) {
	b, _ := brokertest.Start(t)
	got := device(t, b)
	g := newGate(t, b.MQTT())
	s := connect(t, g.addr, b)
	if err := send(t, s, "before"); err != nil {
		t.Fatal(err)
	}
	close(g.swallow)
	first := <-g.conns
	failed := make(chan error, 1)
	go func() {
		failed <- s.Send(t.Context(), acme, band, schemas.Nudge{Schema: schemas.SchemaNudge, ID: "lost"})
	}()
	for _, want := range []string{"before", "lost"} {
		if n := receive(t, got); n.ID != want {
			t.Fatalf("got %s, want %s", n.ID, want)
		}
	}
	_ = first.Close()
	if err := <-failed; err == nil || errors.Is(err, notify.ErrNotSent) {
		t.Errorf("the send ended with %v: it is neither sure that it was sent nor that it was not", err)
	}
	if err := send(t, s, "after"); err != nil {
		t.Fatal(err)
	}
	if n := receive(t, got); n.ID != "after" {
		t.Errorf("got %s again", n.ID)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	b, _ := brokertest.Start(t)
	g := newGate(t, b.MQTT())
	s := connect(t, g.addr, b)
	if err := send(t, s, "before"); err != nil {
		t.Fatal(err)
	}
	close(g.swallow)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, acme, band, schemas.Nudge{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
