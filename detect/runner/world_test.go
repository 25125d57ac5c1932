package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"sitwell/detect"
	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(child(url))
	}
	goleak.VerifyTestMain(m)
}

var acme = schemas.MustID("acme")

// day0 is 2026-11-20T09:00:00Z.
const day0 = int64(1_795_165_200_000)

// office is some wearers and what they did for an hour: each sits, slouches for
// some minutes, straightens, and at times walks about.
type office struct {
	wearers []schemas.ID
	records [][]byte          // of the log, in order
	where   []int             // the partition of each
	batches [][]schemas.Batch // of each record
}

const (
	itemsPerBatch = 30
	hourItems     = 3600
)

func newOffice(t *testing.T, log *bus.Bus, n int) *office {
	t.Helper()
	o := &office{}
	for i := range n {
		o.wearers = append(o.wearers, schemas.MustID(fmt.Sprintf("w%d", i)))
	}
	for from := 0; from < hourItems; from += itemsPerBatch {
		byPartition := map[int][]schemas.Batch{}
		for i, w := range o.wearers {
			b := schemas.Batch{Org: acme, Wearer: w, Device: schemas.MustID(fmt.Sprintf("band-%d", i)), Boot: 1, Items: items(i, from, itemsPerBatch)}
			p := schemas.Partition(acme, w, log.Partitions())
			byPartition[p] = append(byPartition[p], b)
		}
		for _, p := range slices.Sorted(maps.Keys(byPartition)) {
			o.records = append(o.records, record(t, byPartition[p]...))
			o.where, o.batches = append(o.where, p), append(o.batches, byPartition[p])
		}
	}
	return o
}

func record(t *testing.T, batches ...schemas.Batch) []byte {
	t.Helper()
	b := schemas.NewRecord(nil)
	for i := range batches {
		var err error
		if b, err = schemas.AppendBatch(b, &batches[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// items are the seconds from.. of the i-th wearer's hour.
func items(i, from, n int) []schemas.Item {
	var all []schemas.Item
	for s := from; s < from+n; s++ {
		r := schemas.Reading{
			Seq: uint64(s + 1), Time: day0 + int64(s)*1000,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}
		switch phase := (s + 120*i) % 600; {
		case phase < 180:
			r.TrunkPitch = 220
		case phase >= 450 && i%2 == 1:
			r.Fields &^= schemas.IsSitting
			r.Motion = 300
		}
		all = append(all, schemas.Item{Reading: r})
	}
	return all
}

// reference is what the engine makes of the hour without a log.
func (o *office) reference(t *detect.Timeline) (findings map[string]schemas.Finding, rollups map[minute]schemas.Rollup) {
	wearers := map[schemas.ID]*detect.Wearer{}
	var out detect.Output
	for _, batches := range o.batches {
		for i := range batches {
			b := &batches[i]
			if wearers[b.Wearer] == nil {
				wearers[b.Wearer] = detect.NewWearer(b.Org, b.Wearer, t)
			}
			wearers[b.Wearer].Take(b, &out)
		}
	}
	findings, rollups = map[string]schemas.Finding{}, map[minute]schemas.Rollup{}
	for _, f := range out.Findings {
		findings[f.ID] = f
	}
	for _, r := range out.Rollups {
		rollups[minute{r.Wearer, r.Minute}] = r
	}
	return findings, rollups
}

// fixed is parameters that a test changes.
type fixed struct {
	generation atomic.Uint64
	mu         sync.Mutex // guards timeline
	timeline   *detect.Timeline
}

func (f *fixed) change(t *detect.Timeline) {
	f.mu.Lock()
	f.timeline = t
	f.mu.Unlock()
	f.generation.Add(1)
}

func (f *fixed) Await(context.Context, time.Time) error { return nil }
func (f *fixed) Generation() uint64                     { return f.generation.Load() }
func (f *fixed) Timeline(schemas.ID, schemas.ID) *detect.Timeline {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.timeline
}

type minute struct {
	wearer schemas.ID
	minute int64
}

// world is a log on which runners are started.
type world struct {
	t      *testing.T
	broker *broker.Broker
	log    *bus.Bus
	seq    uint64 // of the last record published
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b, log := brokertest.Start(t)
	return &world{t: t, broker: b, log: log}
}

// publish puts records from..to of an office into the log.
func (w *world) publish(o *office, from, to int) {
	w.t.Helper()
	for i := from; i < to; i++ {
		w.raw(schemas.ReadingsSubject(o.where[i]), o.records[i])
	}
}

func (w *world) raw(subject string, data []byte) {
	w.t.Helper()
	if err := w.log.Publish(w.t.Context(), subject, data, ""); err != nil {
		w.t.Fatal(err)
	}
	w.seq++
}

func (w *world) checkpoints(log *bus.Bus) jetstream.KeyValue {
	w.t.Helper()
	kv, err := log.KV(context.WithoutCancel(w.t.Context()), bus.BucketCheckpoints)
	if err != nil {
		w.t.Fatal(err)
	}
	return kv
}

func (w *world) kv(bucket string) jetstream.KeyValue {
	w.t.Helper()
	kv, err := w.log.KV(context.WithoutCancel(w.t.Context()), bucket)
	if err != nil {
		w.t.Fatal(err)
	}
	return kv
}

// running is a runner at work, on a connection of its own.
type running struct {
	*Runner
	t     *testing.T
	logs  *lines
	stop  func() error
	crash func() error
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (w *world) options(log *bus.Bus, logs *lines) Options {
	return Options{
		Log: log, Checkpoints: w.checkpoints(log), Parameters: &fixed{timeline: detect.Always(detect.Defaults())}, Registerer: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
	}
}

func (w *world) start(change ...func(*Options)) *running {
	w.t.Helper()
	nc := brokertest.Connect(w.t, w.broker)
	log, err := bus.Open(context.WithoutCancel(w.t.Context()), nc, bus.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	logs := &lines{}
	o := w.options(log, logs)
	for _, c := range change {
		c(&o)
	}
	r := &running{Runner: New(o), t: w.t, logs: logs}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	var ended error
	end := func() error {
		once.Do(func() { ended = <-done })
		return ended
	}
	r.stop = func() error {
		cancel()
		return end()
	}
	// A crash is an end without a last word to the log.
	r.crash = func() error {
		nc.Close()
		defer cancel()
		return end()
	}
	w.t.Cleanup(func() { _ = r.stop() })
	return r
}

// judge waits until the runner has judged all that was published.
func (w *world) judge(r *running) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	if err := Settled(ctx, r.o.Log.Conn(), w.log.Partitions(), w.seq); err != nil {
		w.t.Fatalf("%v\n%s", err, r.logs)
	}
}

// finish stops a runner that must have nothing to complain of.
func (r *running) finish() {
	r.t.Helper()
	if err := r.stop(); !errors.Is(err, context.Canceled) {
		r.t.Fatalf("the runner ended with %v", err)
	}
}

func (r *running) judged() int { return r.counted(r.metrics.judged) }

func (r *running) counted(c prometheus.Counter) int {
	r.t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		r.t.Fatal(err)
	}
	return int(m.GetCounter().GetValue())
}

// all reads a stream to its present end.
func (w *world) all(stream string) []bus.Msg {
	w.t.Helper()
	last, err := w.log.LastSeq(w.t.Context(), stream)
	if err != nil || last == 0 {
		w.t.Fatalf("%s ends at %d: %v", stream, last, err)
	}
	r, err := w.log.Reader(w.t.Context(), stream, nil, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	var msgs []bus.Msg
	for len(msgs) == 0 || msgs[len(msgs)-1].Seq < last {
		m, err := r.Next(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

// same compares the log's findings and rollups with the reference.
func (w *world) same(o *office) {
	w.t.Helper()
	w.sameUnder(detect.Always(detect.Defaults()), o)
}

// sameUnder compares with the reference under other parameters.
func (w *world) sameUnder(timeline *detect.Timeline, o *office) {
	w.t.Helper()
	findings, rollups := o.reference(timeline)
	for _, m := range w.all(schemas.StreamFindings) {
		f, err := schemas.DecodeFinding(m.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		if want, ok := findings[f.ID]; !ok || !reflect.DeepEqual(f, want) {
			w.t.Errorf("finding %+v, want %+v", f, want)
		}
		delete(findings, f.ID)
	}
	got := map[minute]schemas.Rollup{}
	for _, m := range w.all(schemas.StreamRollups) {
		list, err := schemas.DecodeJudged(m.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range list.Rollups { // a later one replaces
			got[minute{r.Wearer, r.Minute}] = r
		}
	}
	wrong := 0
	for k, want := range rollups {
		if got[k] == want {
			continue
		}
		if wrong++; wrong > 3 {
			w.t.Fatal("and others")
		}
		w.t.Errorf("minute %+v, want %+v", got[k], want)
	}
	if len(findings) > 0 || len(rollups) == 0 {
		w.t.Errorf("%d findings are missing of %d minutes", len(findings), len(rollups))
	}
}
