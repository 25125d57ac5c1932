package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/faults/disk"
	"sitwell/schemas"
)

// cuts is how often the power goes in a test; each run goes on with the disk of
// the one before.
const cuts = 2

// TestAPowerCutLosesNothing with durability always, and at most the window
// with interval, whatever was going on: messages of the log over several files,
// messages of devices that ingest takes and that it has not taken.
func TestAPowerCutLosesNothing(t *testing.T) {
	for durability, load := range map[broker.Durability]load{
		broker.Always:   {size: 500_000, time: 3 * time.Second}, // several files of 8 MB
		broker.Interval: {size: 4_000, time: 6 * time.Second},   // much longer than the window
	} {
		t.Run(string(durability), func(t *testing.T) {
			t.Parallel()
			p := disk.New(t, 1<<30)
			acked := &acks{at: map[string]time.Time{}}
			for cut := range cuts {
				o := brokertest.Options(p.Dir)
				o.Durability = durability
				b, err := broker.Start(t.Context(), o)
				if err != nil {
					t.Fatalf("start after cut %d: %v", cut, err)
				}
				lost(t, b, acked, durability)
				acked.freeze(time.Time{})
				work(t, b, load, acked, func() {
					acked.freeze(time.Now())
					if err := p.Cut(); err != nil {
						t.Error(err)
					}
				})
				b.Stop()
				p = p.Recover(t)
			}
			o := brokertest.Options(p.Dir)
			o.Durability = durability
			b, err := broker.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			lost(t, b, acked, durability)
			b.Stop()
			t.Logf("%d cuts, %d acknowledged", cuts, acked.total)
		})
	}
}

// load is what the log has to do.
type load struct {
	size int // of its messages
	time time.Duration
}

// acks are the acknowledged messages of one run and when that was.
type acks struct {
	mu    sync.Mutex           // guards what follows
	at    map[string]time.Time // of those that came before the cut
	cut   time.Time            // zero while the power is on
	total int
}

func (a *acks) add(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.cut.IsZero() {
		return // without power nobody gets an answer; here a process lives on that gives some
	}
	a.at[text] = time.Now()
	a.total++
}

// freeze ends the taking of acknowledgements, or begins it again.
func (a *acks) freeze(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cut = at
}

// work keeps the broker busy for a while, then calls cut. Texts are unique over all
// runs.
func work(t *testing.T, b *broker.Broker, l load, acked *acks, cut func()) {
	t.Helper()
	log := brokertest.Bus(t, b)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	name, password := b.Credentials()
	in := take(t, b)
	away := session(t, b, "away", name, password)
	away.Disconnect(100) // what comes from now on waits for it
	b.Admit()
	run := fmt.Sprint(time.Now().UnixNano())
	for w := range 4 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("log-%s-%d-%d", run, w, i)
				data := append(make([]byte, l.size), text...)
				binary.BigEndian.PutUint64(data, uint64(len(text)))
				if log.Publish(ctx, schemas.ReadingsSubject(w), data, "") == nil {
					acked.add(text)
				}
			}
		})
		all.Go(func() {
			d := device(t, b, fmt.Sprint("band-", w))
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("dev-%s-%d-%d", run, w, i)
				if d.try(text, time.Second) {
					acked.add(text)
				}
			}
		})
	}
	<-time.After(l.time) // what is tested needs a time to be lost in
	cut()
	stop()
	all.Wait()
	in.leave()
}

// lost checks what the run before had acknowledged, and forgets it.
func lost(t *testing.T, b *broker.Broker, acked *acks, d broker.Durability) {
	t.Helper()
	log, err := bus.Open(t.Context(), brokertest.Connect(t, b), bus.Options{Partitions: 8})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = log.Watch(ctx, prometheus.NewRegistry(), brokertest.Options("").Log) }()
	have := map[string]bool{}
	if err := log.Each(t.Context(), schemas.StreamReadings, nil, func(m bus.Msg) error {
		n := binary.BigEndian.Uint64(m.Data)
		have[string(m.Data[len(m.Data)-int(n):])] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	name, password := b.Credentials()
	for text := range arrivals(t, b, "away", name, password, acked) {
		have[text] = true
	}
	gone, old := 0, 0
	for text, at := range acked.at {
		if have[text] {
			continue
		}
		gone++
		if acked.cut.Sub(at) > d.Window()+slack {
			old++
		}
	}
	if len(acked.at) > 0 {
		t.Logf("%d of %d acknowledged messages are lost", gone, len(acked.at))
	}
	if d == broker.Always && gone > 0 || old > 0 {
		t.Errorf("%d of %d acknowledged messages are lost, %d of them from before the window", gone, len(acked.at), old)
	}
	acked.at = map[string]time.Time{}
}

// slack is what a sync may take on a busy disk, on top of the window.
const slack = 3 * time.Second

// TestAPowerCutInTheFirstMoments comes while the streams have just been made, or
// devices just been let in: the next start makes anew what is not there, and what
// was acknowledged before the window is.
func TestAPowerCutInTheFirstMoments(t *testing.T) {
	t.Parallel()
	const published = 20
	for name, admit := range map[string]bool{"before devices are let in": false, "just after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := disk.New(t, 128<<20)
			o := brokertest.Options(p.Dir)
			o.Durability = broker.Interval
			b, err := broker.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			w := writer{t: t, log: brokertest.Bus(t, b)}
			if admit {
				b.Admit()
			}
			w.publish(t.Context(), published)
			syncOther(t, p.Dir)
			if err := p.Cut(); err != nil {
				t.Fatal(err)
			}
			b.Stop()
			p = p.Recover(t)
			o.Dir = p.Dir
			if b, err = broker.Start(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			defer b.Stop()
			w = writer{t: t, log: brokertest.Bus(t, b)}
			w.publish(t.Context(), published)
			w.check(t.Context())
		})
	}
}

// syncOther syncs a file as the store beside the log does. The names of the log's new
// files reach the disk with it, and what is in them does not.
func syncOther(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "series.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
