package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/faults/disk"
	"sitwell/schemas"
)

// patience bounds each wait of a test; a slow machine needs it, a good one never.
const patience = 60 * time.Second

// TestAFullDiskLosesNothingAndHealsItself fills the disk while the log and the
// MQTT listener are in use, and gives the room back.
func TestAFullDiskLosesNothingAndHealsItself(t *testing.T) {
	t.Parallel()
	dir := disk.Small(t, 160<<20)
	b := brokertest.Broker(t, dir)
	log := brokertest.Bus(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	watching := make(chan error, 1)
	go func() { watching <- b.Watch(ctx, log.Probe) }()
	ingest := take(t, b)
	b.Admit()
	d := device(t, b, "band-1")
	w := writer{t: t, log: log}

	w.publish(ctx, 50)
	d.publish(50)
	ballast := disk.Fill(t, dir)
	meanwhile := make(chan struct{})
	go func() { defer close(meanwhile); d.publish(50) }()
	refused := until(ctx, func() bool { return w.try(ctx) != nil })
	if !refused {
		t.Fatal("the log took everything on a full disk")
	}
	if !until(ctx, func() bool { return b.Health() != nil }) {
		t.Fatal("the broker does not say that it is wedged")
	}
	if err := log.Probe(short(t)); err == nil && b.Health() == nil {
		t.Error("the log is said to be well while the disk is full")
	}
	began := time.Now()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if !until(ctx, func() bool { return b.Health() == nil && w.try(ctx) == nil }) {
		t.Fatal("the log does not take messages again")
	}
	t.Logf("the log took messages again %v after there was room", time.Since(began).Round(100*time.Millisecond))
	w.publish(ctx, 50)
	<-meanwhile
	d.publish(50)
	w.check(ctx)
	ingest.check(ctx, d.acked)
	cancel()
	if err := <-watching; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}

func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// until asks from time to time whether something is so, until ctx ends.
func until(ctx context.Context, so func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// writer publishes numbered readings to the log and knows which it took.
type writer struct {
	t     *testing.T
	log   *bus.Bus
	next  uint64
	acked []uint64
}

// try publishes one.
func (w *writer) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	w.next++
	data := make([]byte, 20_000)
	binary.BigEndian.PutUint64(data, w.next)
	if err := w.log.Publish(ctx, schemas.ReadingsSubject(int(w.next%8)), data, fmt.Sprint("w", w.next)); err != nil {
		return err
	}
	w.acked = append(w.acked, w.next)
	return nil
}

func (w *writer) publish(ctx context.Context, n int) {
	w.t.Helper()
	for range n {
		if err := w.try(ctx); err != nil {
			w.t.Fatalf("publish: %v", err)
		}
	}
}

// check looks whether the log has all that it acknowledged.
func (w *writer) check(ctx context.Context) {
	w.t.Helper()
	have := map[uint64]bool{}
	err := w.log.Each(ctx, schemas.StreamReadings, nil, func(m bus.Msg) error {
		have[binary.BigEndian.Uint64(m.Data)] = true
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	lost := 0
	for _, n := range w.acked {
		if !have[n] {
			lost++
		}
	}
	if lost > 0 {
		w.t.Errorf("the log lost %d of %d acknowledged messages", lost, len(w.acked))
	}
}

// band is a device that knows which of its messages were acknowledged. It makes
// a new client for each connection: on reconnecting by itself, paho completes
// the tokens of messages that were never acknowledged.
type band struct {
	t      *testing.T
	addr   string
	client mqtt.Client
	id     string
	next   int
	acked  []string
	lost   int // connections that broke
}

func device(t *testing.T, b *broker.Broker, id string) *band {
	t.Helper()
	d := &band{t: t, id: id, addr: b.MQTT()}
	t.Cleanup(func() {
		if d.client != nil {
			d.client.Disconnect(0)
		}
	})
	return d
}

// try publishes a text once and reports whether it was acknowledged within wait.
func (d *band) try(text string, wait time.Duration) bool {
	if d.client == nil {
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + d.addr).SetClientID(d.id).SetProtocolVersion(4).
			SetAutoReconnect(false).SetConnectTimeout(wait))
		if token := c.Connect(); !token.WaitTimeout(wait) || token.Error() != nil {
			return false
		}
		d.client = c
	}
	token := d.client.Publish("sitwell/v1/acme/"+d.id+"/readings", 1, false, text)
	if token.WaitTimeout(wait) && token.Error() == nil {
		d.acked = append(d.acked, text)
		return true
	}
	if !d.client.IsConnectionOpen() {
		d.client = nil
		d.lost++
	}
	return false
}

// publish publishes n messages, each until it is acknowledged.
func (d *band) publish(n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	for range n {
		d.next++
		text := fmt.Sprintf("%s-%d", d.id, d.next)
		if !until(ctx, func() bool { return d.try(text, 10*time.Second) }) {
			d.t.Errorf("%s was not acknowledged", text)
			return
		}
	}
}

// ingest stands for sitwell's own session: QoS 1, persistent.
type ingest struct {
	t      *testing.T
	client mqtt.Client
	mu     sync.Mutex
	// guarded by mu
	got map[string]bool
}

func take(t *testing.T, b *broker.Broker) *ingest {
	t.Helper()
	i := &ingest{t: t, got: map[string]bool{}}
	name, password := b.Credentials()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("ingest").SetProtocolVersion(4).
		SetUsername(name).SetPassword(password).SetCleanSession(false).SetMaxReconnectInterval(time.Second).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.got[string(m.Payload())] = true
		}))
	done(t, c.Connect())
	done(t, c.Subscribe("sitwell/#", 1, nil))
	t.Cleanup(func() { c.Disconnect(0) })
	i.client = c
	return i
}

// leave goes away and keeps the session.
func (i *ingest) leave() { i.client.Disconnect(100) }

// check waits until everything acknowledged has arrived.
func (i *ingest) check(ctx context.Context, acked []string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	missing := func() (n int) {
		i.mu.Lock()
		defer i.mu.Unlock()
		for _, text := range acked {
			if !i.got[text] {
				n++
			}
		}
		return n
	}
	if !until(ctx, func() bool { return missing() == 0 }) {
		i.t.Errorf("%d of %d acknowledged messages did not arrive", missing(), len(acked))
	}
}
