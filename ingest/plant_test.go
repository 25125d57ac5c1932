package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sitwell/ingest"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	acme  = schemas.MustID("acme")
	anna  = schemas.MustID("anna")
	ben   = schemas.MustID("ben")
	band1 = schemas.MustID("band-1")
	band2 = schemas.MustID("band-2")
)

// long bounds the wait for anything; only a failure takes it.
const long = 90 * time.Second

// plant is a broker with its log, a registry in which anna wears band-1 and ben
// band-2, and what it takes to run ingest on them.
type plant struct {
	log      *bus.Bus
	nats     string // address of the log
	registry *registry.Registry
	metrics  *prometheus.Registry
	options  ingest.Options
	session  ingest.SessionOptions
}

func newPlant(tb testing.TB) *plant {
	tb.Helper()
	b, log := brokertest.Start(tb)
	kv, err := log.KV(tb.Context(), bus.BucketRegistry)
	must(tb, err)
	reg, err := registry.Open(tb.Context(), kv, slog.New(slog.DiscardHandler))
	must(tb, err)
	tb.Cleanup(func() { _ = reg.Close() })
	ctx := tb.Context()
	must(tb, reg.AddOrg(ctx, registry.Org{ID: acme}))
	for wearer, device := range map[schemas.ID]schemas.ID{anna: band1, ben: band2} {
		must(tb, reg.AddWearer(ctx, registry.Wearer{Org: acme, ID: wearer}))
		must(tb, reg.AddDevice(ctx, acme, device))
		must(tb, reg.Assign(ctx, acme, device, registry.Assignment{Wearer: wearer, From: time.Unix(1, 0)}))
	}
	p := &plant{log: log, nats: b.NATS(), registry: reg, metrics: prometheus.NewRegistry()}
	logger := slog.New(slog.DiscardHandler)
	p.options = ingest.Options{Log: log, Directory: reg, Metrics: ingest.NewMetrics(p.metrics), Logger: logger}
	user, password := b.Credentials()
	p.session = ingest.SessionOptions{URL: "tcp://" + b.MQTT(), ClientID: "ingest", Username: user, Password: password, Logger: logger}
	return p
}

// running is an ingest at work.
type running struct {
	*ingest.Ingest
	session *ingest.Session
	cancel  context.CancelFunc
	done    chan error
	once    sync.Once
}

// run starts the pipeline alone: messages come by Handle.
func (p *plant) run(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Ingest: ingest.New(p.options), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// start starts the pipeline with its MQTT session, and waits for the session.
func (p *plant) start(t *testing.T) *running {
	t.Helper()
	r := p.run(t)
	r.session = ingest.Connect(context.Background(), p.session, r.Ingest)
	must(t, r.session.Ready(within(t)))
	return r
}

// stop is as the application stops it: the pipeline first, then its session.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.once.Do(func() {
		r.cancel()
		if err := <-r.done; err != nil {
			t.Errorf("run: %v", err)
		}
		if r.session != nil {
			r.session.Close()
		}
	})
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	t.Cleanup(cancel)
	return ctx
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// device is a paho client as a wearable or a gateway has it.
type device struct{ mqtt.Client }

func (p *plant) device(t *testing.T, id string) device {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.session.URL).SetClientID(id).SetAutoReconnect(false).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { t.Errorf("%s lost its connection: %v", id, err) }))
	acknowledged(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return device{c}
}

func acknowledged(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(long) {
		t.Fatal("the broker did not acknowledge")
	}
	must(t, token.Error())
}

// send publishes at QoS 1 and waits for the PUBACK.
func (d device) send(t *testing.T, topic string, payload []byte) {
	t.Helper()
	acknowledged(t, d.Publish(topic, 1, false, payload))
}

func topic(device schemas.ID, kind schemas.Kind) string {
	return schemas.Topic{Org: acme, Device: device, Kind: kind}.String()
}

// reading is one reading of now.
func reading(seq int) schemas.Item { return readingAt(seq, time.Now()) }

func readingAt(seq int, at time.Time) schemas.Item {
	return schemas.Item{Reading: schemas.Reading{
		Seq: uint64(seq), Time: at.UnixMilli(), TrunkPitch: 182,
		Fields: schemas.HasTrunk | schemas.IsWorn,
	}}
}

func payload(items ...schemas.Item) []byte {
	return schemas.AppendMessage(nil, schemas.KindReadings, 7, time.Now(), items)
}

// place names a reading.
type place struct {
	device schemas.ID
	boot   uint32
	seq    uint64
}

// stored is the readings' log, read from its beginning.
type stored struct {
	records int
	batches []schemas.Batch
	count   map[place]int
	reader  schemas.RecordReader
	queue   *bus.Reader
}

func (p *plant) stored(t *testing.T) *stored {
	t.Helper()
	queue, err := p.log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	must(t, err)
	t.Cleanup(queue.Close)
	return &stored{count: map[place]int{}, queue: queue}
}

// await reads until n different readings are in the log.
func (s *stored) await(t *testing.T, n int) {
	t.Helper()
	ctx := within(t)
	for len(s.count) < n {
		msg, err := s.queue.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d readings are in the log: %v", len(s.count), n, err)
		}
		s.add(t, msg)
	}
}

func (s *stored) add(t *testing.T, msg bus.Msg) {
	t.Helper()
	must(t, s.reader.Reset(msg.Data))
	s.records++
	for {
		var b schemas.Batch
		more, err := s.reader.Next(&b)
		must(t, err)
		if !more {
			return
		}
		if want := schemas.ReadingsSubject(schemas.Partition(b.Org, b.Wearer, 8)); msg.Subject != want {
			t.Errorf("a batch of %s lies in %s, not in %s", b.Wearer, msg.Subject, want)
		}
		b.Items = slices.Clone(b.Items)
		s.batches = append(s.batches, b)
		for i := range b.Items {
			s.count[place{b.Device, b.Boot, b.Items[i].Seq}]++
		}
	}
}

// exactly reads what is left and fails unless n readings are there, once each.
// Nothing may be under way any more.
func (s *stored) exactly(t *testing.T, p *plant, n int) {
	t.Helper()
	s.await(t, n)
	last, err := p.log.LastSeq(t.Context(), schemas.StreamReadings)
	must(t, err)
	for ctx := within(t); s.records < int(last); {
		msg, err := s.queue.Next(ctx)
		must(t, err)
		s.add(t, msg)
	}
	if len(s.count) != n {
		t.Errorf("%d readings are in the log, want %d", len(s.count), n)
	}
	for at, times := range s.count {
		if times != 1 {
			t.Errorf("%v is in the log %d times", at, times)
		}
	}
}

// seqs are a device's sequence in the order of the log.
func (s *stored) seqs(device schemas.ID) []uint64 {
	var all []uint64
	for _, b := range s.batches {
		for i := range b.Items {
			if b.Device == device {
				all = append(all, b.Items[i].Seq)
			}
		}
	}
	return all
}

// quarantined waits for n messages in quarantine and returns them by sequence.
func (p *plant) quarantined(t *testing.T, n int) map[uint64]schemas.Quarantined {
	t.Helper()
	queue, err := p.log.Reader(t.Context(), schemas.StreamQuarantine, nil, 1)
	must(t, err)
	defer queue.Close()
	all := map[uint64]schemas.Quarantined{}
	for ctx := within(t); len(all) < n; {
		msg, err := queue.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d are in quarantine: %v", len(all), n, err)
		}
		q, err := schemas.DecodeQuarantined(msg.Data)
		must(t, err)
		if want := schemas.QuarantineSubject(q.Reason); msg.Subject != want {
			t.Errorf("%s lies under %s", want, msg.Subject)
		}
		all[msg.Seq] = q
	}
	return all
}

// one is the only entry.
func one(t *testing.T, all map[uint64]schemas.Quarantined) (uint64, schemas.Quarantined) {
	t.Helper()
	for seq, q := range all {
		if len(all) == 1 {
			return seq, q
		}
	}
	t.Fatalf("%d in quarantine, want 1", len(all))
	return 0, schemas.Quarantined{}
}

// metric is a counter's value; label is the value of its only label, or "".
func (p *plant) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := p.metrics.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func (p *plant) wantMetric(t *testing.T, name, label string, want float64) {
	t.Helper()
	if got := p.metric(t, name, label); got != want {
		t.Errorf("%s{%s} is %v, want %v", name, label, got, want)
	}
}

// handle gives messages to the pipeline and waits until each is dealt with. It
// returns how many readings went to quarantine.
func (r *running) handle(t *testing.T, topic string, payloads ...[]byte) int {
	t.Helper()
	ctx, done := within(t), make(chan int, len(payloads))
	for _, b := range payloads {
		r.Handle(ctx, topic, b, time.Now(), func(refused int) { done <- refused })
	}
	refused := 0
	for range payloads {
		select {
		case n := <-done:
			refused += n
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("not acknowledged: %w", ctx.Err()))
		}
	}
	return refused
}
