package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/broker"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

var org = schemas.MustID("acme")

// startBroker is the real broker with devices admitted.
func startBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Options{
		Dir: t.TempDir(), MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	b.Admit()
	return b
}

// listener is a client that hears everything of the organisation at QoS 1, as
// only sitwell's own parts may.
type listener struct {
	client mqtt.Client
	heard  chan mqtt.Message
}

func listen(t *testing.T, b *broker.Broker) *listener {
	t.Helper()
	l := &listener{heard: make(chan mqtt.Message, 10_000)}
	name, password := b.Credentials()
	l.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("listener").
		SetUsername(name).SetPassword(password))
	wait(t, l.client.Connect())
	t.Cleanup(func() { l.client.Disconnect(100) })
	wait(t, l.client.Subscribe(schemas.TopicRoot+"/acme/#", 1, func(_ mqtt.Client, m mqtt.Message) { l.heard <- m }))
	return l
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("mqtt: %v", token.Error())
	}
}

// next is the next message heard on a topic, others passed over.
func (l *listener) next(t *testing.T, topic string) []byte {
	t.Helper()
	for {
		select {
		case m := <-l.heard:
			if m.Topic() == topic {
				return m.Payload()
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing came on %s", topic)
		}
	}
}

func connect(t *testing.T, o sim.DeviceOptions) *sim.Device {
	t.Helper()
	o.Org = org
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := sim.Connect(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// told gathers what a device says about its messages.
type told struct {
	mu    sync.Mutex // guards items
	items map[string][]schemas.Item
}

func (t *told) take(device schemas.ID, boot uint32, items []schemas.Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.items == nil {
		t.items = map[string][]schemas.Item{}
	}
	key := fmt.Sprint(device, boot)
	t.items[key] = append(t.items[key], items...)
}

func (t *told) of(device schemas.ID, boot uint32) []schemas.Item {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.items[fmt.Sprint(device, boot)]
}

func TestADeviceSpeaksAndListens(t *testing.T) {
	server := startBroker(t)
	addr := server.MQTT()
	l := listen(t, server)
	band, strap := schemas.MustID("band-1"), schemas.MustID("strap-2")
	var sent, acked told
	d := connect(t, sim.DeviceOptions{
		URL: "tcp://" + addr, ID: band, Gateway: []schemas.ID{strap}, Hertz: 2, OnSend: sent.take, OnAck: acked.take,
	})
	status, err := schemas.DecodeStatus(l.next(t, "sitwell/v1/acme/band-1/status"))
	if err != nil || !status.Online || status.Mount != "chest" {
		t.Errorf("birth is %+v, %v", status, err)
	}

	w := sim.NewOffice(1, starts[0]).Wearers[0]
	items := w.Fill(nil, starts[0], sim.HistorySpacing, 320)
	items = slices.DeleteFunc(items, func(item schemas.Item) bool { return item.Event != nil })[:300]
	for _, device := range []schemas.ID{band, strap} {
		if err := d.Send(t.Context(), device, w.Boot(), items); err != nil {
			t.Fatal(err)
		}
		m, err := schemas.Decode(schemas.KindReadings, l.next(t, "sitwell/v1/acme/"+device.String()+"/readings"), starts[0])
		if err != nil || !slices.Equal(m.Items, items) || m.Boot != w.Boot() {
			t.Errorf("%s: what arrived is not what was sent: %v", device, err)
		}
	}
	if err := d.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	for name, got := range map[string]*told{"sent": &sent, "acknowledged": &acked} {
		for _, device := range []schemas.ID{band, strap} {
			if !slices.Equal(got.of(device, w.Boot()), items) {
				t.Errorf("%s: %d readings are told to be %s, and are not those", device, len(got.of(device, w.Boot())), name)
			}
		}
	}

	for _, device := range []schemas.ID{band, strap} {
		n := schemas.Nudge{Schema: schemas.SchemaNudge, ID: "n-" + device.String(), Rule: schemas.RuleSlouch, Level: 2, Text: "Grow tall gently"}
		b, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		wait(t, l.client.Publish("sitwell/v1/acme/"+device.String()+"/nudges", 1, false, b))
		got := <-d.Nudges()
		if got.Device != device || got.Nudge.ID != n.ID {
			t.Errorf("%s got %+v", device, got)
		}
		if err := d.Reply(t.Context(), got, schemas.ReplyDone); err != nil {
			t.Fatal(err)
		}
		r, err := schemas.DecodeReply(l.next(t, "sitwell/v1/acme/"+device.String()+"/replies"))
		if err != nil || r.NudgeID != n.ID || r.Action != schemas.ReplyDone {
			t.Errorf("%s replied %+v, %v", device, r, err)
		}
	}
	if c := d.Counts(); c.Nudges != 2 || c.ItemsSent != 600 {
		t.Errorf("counts are %+v", c)
	}
}

func TestUnacknowledgedMessagesAreSentAgainInOrder(t *testing.T) {
	server := startBroker(t)
	addr := server.MQTT()
	l := listen(t, server)
	p := startProxy(t, addr)
	d := connect(t, sim.DeviceOptions{URL: "tcp://" + p.addr, ID: schemas.MustID("band-1"), Window: 5})
	const messages = 60
	arrived := make(chan struct{}, 2) // what went out before a cut has arrived
	go func() {
		for i := range messages {
			switch i {
			case 10, 35:
				_ = d.Flush(t.Context()) // so that the next four fit into the window
				p.deaf.Store(true)       // their acknowledgements are lost
			case 14, 39:
				<-arrived
				p.cut()
			}
			if d.Publish(t.Context(), d.ID(), schemas.KindEvents, fmt.Appendf(nil, "%03d", i)) != nil {
				return
			}
		}
	}()
	// Each message first comes after all before it; only what was sent again comes twice.
	next, again := 0, 0
	for next < messages {
		var got int
		if _, err := fmt.Sscanf(string(l.next(t, "sitwell/v1/acme/band-1/events")), "%d", &got); err != nil {
			t.Fatal(err)
		}
		switch {
		case got > next:
			t.Fatalf("message %d came before message %d", got, next)
		case got < next:
			again++
		default:
			if next++; next == 14 || next == 39 {
				arrived <- struct{}{}
			}
		}
	}
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := d.Counts(); c.Acked != messages || c.Reconnects != 2 || again != 8 {
		t.Errorf("counts are %+v, %d came again; want %d acknowledged, 2 reconnects, 8 again", c, again, messages)
	}
}

func TestADeviceGoesOfflineAndComesBack(t *testing.T) {
	server := startBroker(t)
	addr := server.MQTT()
	l := listen(t, server)
	d := connect(t, sim.DeviceOptions{URL: "tcp://" + addr, ID: schemas.MustID("band-1")})
	topic := "sitwell/v1/acme/band-1/status"
	for _, online := range []bool{true, false, true} {
		s, err := schemas.DecodeStatus(l.next(t, topic))
		if err != nil || s.Online != online {
			t.Fatalf("status is %+v, %v; want online %v", s, err, online)
		}
		if err := d.SetOnline(t.Context(), !online); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConnectingNowhereSaysWhere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sim.Connect(ctx, sim.DeviceOptions{URL: "tcp://127.0.0.1:1", Org: org, ID: schemas.MustID("band-1")})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if _, err := sim.Connect(ctx, sim.DeviceOptions{Org: org}); err == nil {
		t.Error("a device without a broker was accepted")
	}
}

// proxy stands between a device and the broker.
type proxy struct {
	addr string
	deaf atomic.Bool // drop what the broker says

	mu    sync.Mutex // guards conns
	conns []net.Conn
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	p := &proxy{addr: ln.Addr().String()}
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, near, far)
			p.mu.Unlock()
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { p.back(near, far); _ = near.Close() }()
		}
	}()
	return p
}

func (p *proxy) back(near, far net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := far.Read(b)
		if err != nil {
			return
		}
		if p.deaf.Load() {
			continue
		}
		if _, err := near.Write(b[:n]); err != nil {
			return
		}
	}
}

// cut closes all connections; new ones hear the broker again.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	p.deaf.Store(false)
}
