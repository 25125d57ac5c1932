package registry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/faults/proxy"
	"sitwell/internal/registry"
)

// patience bounds the wait for anything; only a failure takes it.
const patience = 30 * time.Second

// distant is a copy of the registry at the far end of a link, with how often it
// asked where the registry ends.
func distant(t *testing.T, addr string) (*registry.Registry, *proxy.Proxy, *atomic.Int64) {
	t.Helper()
	link, questions := proxy.Start(t, addr), &atomic.Int64{}
	link.Tap(func(_ int, d proxy.Direction, b []byte) {
		if d == proxy.Up {
			questions.Add(int64(bytes.Count(b, []byte("STREAM.INFO.KV_"+bus.BucketRegistry))))
		}
	})
	nc, err := nats.Connect("nats://" + link.Addr())
	must(t, err)
	t.Cleanup(nc.Close)
	log, err := bus.Open(t.Context(), nc, bus.Options{})
	must(t, err)
	return open(t, log), link, questions
}

func TestOneQuestionServesAllWhoHadComeBeforeIt(t *testing.T) {
	b, log := brokertest.Start(t)
	near := open(t, log)
	office(t, near)
	must(t, near.Assign(t.Context(), acme, band1, registry.Assignment{Wearer: anna, From: noon.Add(-time.Hour)}))
	far, link, questions := distant(t, b.NATS())
	must(t, far.CatchUp(t.Context(), time.Now()))
	link.Hang(proxy.Down)
	must(t, near.Release(t.Context(), acme, band1, noon))
	begun, before := time.Now(), questions.Load()
	const crowd = 1000
	failed := make(chan error, crowd)
	for range crowd {
		go func() { failed <- far.CatchUp(t.Context(), begun) }()
	}
	tick, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for questions.Load() == before {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("nobody asks")
		}
	}
	if wearer, _ := far.Resolve(acme, band1, noon.UnixMilli()); wearer.IsZero() {
		t.Error("the copy knows it already: the test tests nothing")
	}
	link.Hang(0)
	for range crowd {
		must(t, <-failed)
	}
	if wearer, _ := far.Resolve(acme, band1, noon.UnixMilli()); !wearer.IsZero() {
		t.Errorf("caught up, and still worn by %s", wearer)
	}
	// What follows the bucket asks, too, once a second.
	if n, most := questions.Load()-before, 2+int64(time.Since(begun)/time.Second); n > most {
		t.Errorf("%d questions, want at most %d", n, most)
	}
}

func TestWhoCatchesUpIsToldThatTheLogDoesNotAnswer(t *testing.T) {
	b, _ := brokertest.Start(t)
	far, link, _ := distant(t, b.NATS())
	early := time.Now()
	must(t, far.CatchUp(t.Context(), early))
	link.Hang(proxy.Both)
	must(t, far.CatchUp(t.Context(), early))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := far.CatchUp(ctx, time.Now()); err == nil || ctx.Err() != nil {
		t.Errorf("a log that is silent: %v", err)
	}
	link.Hang(0)
	must(t, far.CatchUp(ctx, time.Now()))
}

// The last change was purged by hand: it never comes, and nobody waits for it for ever.
func TestALastChangeThatIsGoneHoldsNobodyUp(t *testing.T) {
	_, log := brokertest.Start(t)
	office(t, open(t, log))
	js, err := jetstream.New(log.Conn())
	must(t, err)
	stream, err := js.Stream(t.Context(), "KV_"+bus.BucketRegistry)
	must(t, err)
	must(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject(bus.KeySubject(bus.BucketRegistry, "device.acme.band-2"))))
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	must(t, err)
	var lines bytes.Buffer
	r, err := registry.Open(t.Context(), kv, slog.New(slog.NewTextHandler(&lines, nil)))
	must(t, err)
	must(t, r.CatchUp(t.Context(), time.Now()))
	if _, known := r.Wearer(acme, anna); !known {
		t.Error("anna is not known")
	}
	must(t, r.CatchUp(t.Context(), time.Now()))
	must(t, r.Close())
	if n := strings.Count(lines.String(), "reading it anew"); n != 1 {
		t.Errorf("read anew %d times, want once: %s", n, &lines)
	}
}

// BenchmarkCatchUp is a question to the server, and an instant that one has covered.
func BenchmarkCatchUp(b *testing.B) {
	_, log := brokertest.Start(b)
	kv, err := log.KV(b.Context(), bus.BucketRegistry)
	if err != nil {
		b.Fatal(err)
	}
	r, err := registry.Open(b.Context(), kv, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	early := time.Now()
	for name, until := range map[string]func() time.Time{"asked": time.Now, "covered": func() time.Time { return early }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := r.CatchUp(b.Context(), until()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
