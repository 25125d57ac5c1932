package ingest_test

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/internal/faults/proxy"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

var eve = schemas.MustID("eve")

// remote is the log and the registry at the far end of a link that can hang.
type remote struct {
	*proxy.Proxy

	questions atomic.Int64 // where the registry ends
}

// remote gives them to the pipeline. The plant's own registry stays near.
func (p *plant) remote(t *testing.T) *remote {
	t.Helper()
	r := &remote{Proxy: proxy.Start(t, p.nats)}
	r.Tap(func(_ int, d proxy.Direction, b []byte) {
		if d == proxy.Up {
			r.questions.Add(int64(bytes.Count(b, []byte("STREAM.INFO.KV_"+bus.BucketRegistry))))
		}
	})
	p.through(t, r.Addr())
	kv, err := p.options.Log.(*bus.Bus).KV(t.Context(), bus.BucketRegistry)
	must(t, err)
	reg, err := registry.Open(t.Context(), kv, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = reg.Close() })
	p.options.Directory = reg
	return r
}

// resolved waits until n messages have been given to somebody, or the pipeline asks
// first who it is.
func (r *remote) resolved(t *testing.T, p *plant, before int64, n float64) {
	t.Helper()
	until(t, "nothing is done about the messages", func() bool {
		return r.questions.Load() > before || p.metric(t, "sitwell_ingest_messages_total", "readings") >= n
	})
}

// handOver gives band-1 to eve, and returns when.
func (p *plant) handOver(t *testing.T) time.Time {
	t.Helper()
	at := time.Now().Truncate(time.Millisecond)
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: eve}))
	must(t, p.registry.Release(t.Context(), acme, band1, at))
	must(t, p.registry.Assign(t.Context(), acme, band1, registry.Assignment{Wearer: eve, From: at}))
	return at
}

// belongTo fails unless the readings from sequence from on, and only those, are eve's.
func (s *stored) belongTo(t *testing.T, from uint64) {
	t.Helper()
	for _, b := range s.batches {
		want := anna
		if b.Items[0].Seq >= from {
			want = eve
		}
		for i := range b.Items {
			if (b.Items[i].Seq >= from) != (want == eve) || b.Wearer != want {
				t.Errorf("reading %d is stored as %s's", b.Items[i].Seq, b.Wearer)
			}
		}
	}
}

// What is measured after a hand-over is never stored for the former wearer, though
// the link hung through the hand-over and the copy of the registry knows nothing.
func TestNobodyGetsWhatTheNextWearerMeasuredThoughTheLinkHung(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	far := p.remote(t)
	d := p.device(t, band1.String())
	p.start(t)
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(0)))
	s := p.stored(t)
	s.await(t, 1)
	far.Hang(proxy.Down)
	before := far.questions.Load()
	at := p.handOver(t)
	d.send(t, topic(band1, schemas.KindReadings), payload(readingAt(1, at.Add(-time.Second))))
	for seq := 2; seq < 10; seq++ {
		d.send(t, topic(band1, schemas.KindReadings), payload(readingAt(seq, at.Add(time.Duration(seq)*time.Millisecond))))
	}
	far.resolved(t, p, before, 10)
	far.Hang(0)
	s.await(t, 10)
	s.belongTo(t, 2)
}

// A log that does not say where the registry ends is waited for away from the
// broker, with nothing acknowledged.
func TestALogThatDoesNotSayWhoWearsWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	far := p.remote(t)
	d := p.device(t, band1.String())
	r := p.start(t)
	far.Hang(proxy.Down)
	at := p.handOver(t)
	for seq := 1; seq <= 20; seq++ {
		d.send(t, topic(band1, schemas.KindReadings), payload(readingAt(seq, at.Add(time.Duration(seq)*time.Millisecond))))
	}
	until(t, "the connection goes on without a log", func() bool { return !r.session.Connected() })
	p.wantMetric(t, "sitwell_ingest_stalls_total", "", 1)
	p.wantMetric(t, "sitwell_ingest_messages_total", "readings", 0)
	far.Hang(0)
	r.connectedAgain(t)
	s := p.stored(t)
	s.exactly(t, p, 20)
	s.belongTo(t, 1)
}

// A redrive goes by what was registered before it was asked for, not by what the
// copy knows, and not by what held at the first receipt.
func TestARedriveGoesByTheAssignmentBeforeIt(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	far := p.remote(t)
	spare := schemas.MustID("spare")
	r := p.serve(t)
	r.handle(t, topic(spare, schemas.KindReadings), payload(reading(1)))
	seq, _ := one(t, p.quarantined(t, 1))
	far.Hang(proxy.Down)
	before := far.questions.Load()
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: eve}))
	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	must(t, p.registry.Assign(t.Context(), acme, spare, registry.Assignment{Wearer: eve, From: time.Unix(1, 0)}))
	result := make(chan ingest.RedriveResult, 1)
	go func() { result <- p.redrive(t, strconv.FormatUint(seq, 10)) }()
	far.resolved(t, p, before, 2)
	far.Hang(0)
	if got := <-result; got.Refused != 0 || got.Error != "" {
		t.Errorf("redriven: %+v", got)
	}
	s := p.stored(t)
	s.await(t, 1)
	if b := s.batches[0]; b.Wearer != eve {
		t.Errorf("stored as %s's", b.Wearer)
	}
}

// BenchmarkHandle is messages of one reading each, from receipt until they are on
// disk, with as many under way as the embedded broker allows.
func BenchmarkHandle(b *testing.B) {
	for _, underWay := range []int{1, 512} {
		b.Run(strconv.Itoa(underWay), func(b *testing.B) { benchmarkHandle(b, underWay) })
	}
}

func benchmarkHandle(b *testing.B, underWay int) {
	p := newPlant(b)
	ctx, cancel := context.WithCancel(b.Context())
	i, done := ingest.New(p.options), make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	defer func() { cancel(); <-done }()
	name, room := topic(band1, schemas.KindReadings), make(chan struct{}, underWay)
	item, buf := reading(0), []byte(nil)
	before := p.log.Conn().Stats().OutMsgs
	for b.Loop() {
		item.Seq++
		buf = schemas.AppendMessage(nil, schemas.KindReadings, 7, time.Now(), []schemas.Item{item})
		room <- struct{}{}
		i.Handle(ctx, name, buf, time.Now(), func(int) { <-room })
	}
	for range underWay {
		room <- struct{}{} // all are on disk
	}
	b.ReportMetric(float64(p.log.Conn().Stats().OutMsgs-before)/float64(b.N), "sent/op")
}
