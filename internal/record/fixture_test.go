package record

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"sitwell/internal/bus"
	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	org, ann, chest = schemas.MustID("acme"), schemas.MustID("ann"), schemas.MustID("chest-1")
	monday          = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// fixture is a real log, a real store and what connects them.
type fixture struct {
	t     testing.TB
	nc    *nats.Conn
	bus   *bus.Bus
	dir   string
	store *sqlite.Store
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir()}
	s, err := server.NewServer(&server.Options{
		StoreDir: t.TempDir(), JetStream: true, DontListen: true, NoSigs: true, NoLog: true,
		JetStreamMaxStore: 1 << 50, // as the broker has it; by default it is what the disk has room for
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	if f.nc, err = nats.Connect("", nats.InProcessServer(s)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.nc.Close)
	f.openBus()
	f.openStore()
	t.Cleanup(func() { _ = f.store.Close() }) // a test may have closed it
	return f
}

func (f *fixture) openBus() {
	f.t.Helper()
	var err error
	if f.bus, err = bus.Open(f.t.Context(), f.nc, bus.Options{Partitions: 4}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) openStore() {
	f.t.Helper()
	var err error
	if f.store, err = sqlite.Open(f.dir, slog.New(slog.DiscardHandler)); err != nil {
		f.t.Fatal(err)
	}
}

// start runs a recorder until the test ends or stop is called.
func (f *fixture) start(store series.Store) (r *Recorder, stop func() error) {
	f.t.Helper()
	return f.startWith(store, func(*Recorder) {})
}

func (f *fixture) startWith(store series.Store, change func(*Recorder)) (r *Recorder, stop func() error) {
	f.t.Helper()
	r, err := New(Options{Log: FromBus(f.bus), Store: store, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.t.Fatal(err)
	}
	change(r)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var stopped atomic.Bool
	stop = func() error {
		if stopped.Swap(true) {
			return nil
		}
		cancel()
		return <-ended
	}
	f.t.Cleanup(func() { _ = stop() })
	return r, stop
}

func (f *fixture) publish(subject string, data []byte) {
	f.t.Helper()
	if err := f.bus.Publish(f.t.Context(), subject, data, ""); err != nil {
		f.t.Fatal(err)
	}
}

// readings publishes n readings from seq on, one a second, in messages of ten.
func (f *fixture) readings(seq uint64, n int) {
	f.t.Helper()
	for i := 0; i < n; i += 10 {
		b := schemas.Batch{Org: org, Wearer: ann, Device: chest, Boot: 1}
		for j := range uint64(10) {
			b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
				Seq: seq + j, Time: monday.UnixMilli() + int64(seq+j)*1000, TrunkPitch: int16(seq), Fields: schemas.HasTrunk | schemas.IsWorn,
			}})
		}
		record, err := schemas.AppendBatch(schemas.NewRecord(nil), &b)
		if err != nil {
			f.t.Fatal(err)
		}
		f.publish(schemas.ReadingsSubject(int(seq)%4), record)
		seq += 10
	}
}

// settle waits until all that is in the log is stored.
func (f *fixture) settle(r *Recorder) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	for _, stream := range streams() {
		last, err := f.bus.LastSeq(ctx, stream)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := r.WaitFor(ctx, stream, last); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) wantReadings(n int) {
	f.t.Helper()
	next := uint64(0)
	q := series.Query{Org: org, Wearer: ann, From: monday, To: monday.Add(24 * time.Hour)}
	if err := f.store.Readings(f.t.Context(), q, func(r series.Reading) error {
		if r.Seq != next {
			f.t.Errorf("reading %d comes where %d should", r.Seq, next)
		}
		next = r.Seq + 1
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	if next != uint64(n) {
		f.t.Errorf("%d readings are stored, want %d", next, n)
	}
}

// late are the sequences of ann's readings that are marked.
func (f *fixture) late() (late []uint64) {
	f.t.Helper()
	q := series.Query{Org: org, Wearer: ann, From: monday, To: monday.Add(24 * time.Hour)}
	if err := f.store.Readings(f.t.Context(), q, func(r series.Reading) error {
		if r.Late {
			late = append(late, r.Seq)
		}
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return late
}

func lateMark(first, last uint64) schemas.Late {
	return schemas.Late{Org: org, Wearer: ann, Device: chest, Boot: 1, First: first, Last: last, From: monday.UnixMilli(), To: monday.UnixMilli()}
}

func judged(t testing.TB, j schemas.Judged) []byte {
	t.Helper()
	b, err := j.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// count is what a counter says.
func count(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func finding(step schemas.Step) []byte {
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, ID: "e-" + string(step), Episode: "e", Org: org, Wearer: ann, Device: chest,
		Rule: schemas.RuleSlouch, Step: step, Level: 1, Start: monday, Time: monday.Add(time.Minute), Seconds: 60,
	}
	if step == schemas.Closed {
		f.End, f.Outcome = monday.Add(time.Minute), schemas.Recovered
	}
	b, _ := f.Encode()
	return b
}
