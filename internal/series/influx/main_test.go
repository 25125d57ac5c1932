package influx

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }

var (
	acme, ann, bob = schemas.MustID("acme"), schemas.MustID("ann"), schemas.MustID("bob")
	chest, hip     = schemas.MustID("chest-1"), schemas.MustID("hip-1")
	monday         = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// bench is a store with buckets of its own, and what it refused.
type bench struct {
	tb      testing.TB
	server  *influxtest.Server
	options Options
	store   *Store

	mu      sync.Mutex // guards refused
	refused []Refused
}

// newBench opens a store in the server that the tests share; change may be nil.
func newBench(tb testing.TB, change func(*Options)) *bench {
	tb.Helper()
	return newBenchOn(tb, influxtest.Start(tb), change)
}

func newBenchOn(tb testing.TB, server *influxtest.Server, change func(*Options)) *bench {
	tb.Helper()
	b := &bench{tb: tb, server: server}
	b.options = Options{
		URL: server.URL, Org: server.Org, Token: StaticToken(server.Token), Prefix: server.Prefix(tb), Logger: slog.New(slog.DiscardHandler),
		Refuse: func(_ context.Context, r Refused) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused = append(b.refused, r)
			return nil
		},
	}
	if change != nil {
		change(&b.options)
	}
	b.open()
	tb.Cleanup(func() { _ = b.store.Close() })
	return b
}

func (b *bench) open() {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if b.store, err = Open(ctx, b.options); err != nil {
		b.tb.Fatal(err)
	}
}

// again closes the store and opens it, as the next process does.
func (b *bench) again() {
	b.tb.Helper()
	if err := b.store.Close(); err != nil {
		b.tb.Fatal(err)
	}
	b.open()
}

func (b *bench) append(batch series.Batch) series.Appended {
	b.tb.Helper()
	done, err := b.store.Append(b.tb.Context(), batch)
	if err != nil {
		b.tb.Fatal(err)
	}
	return done
}

// wantStored wants so many readings and events in the server.
func (b *bench) wantStored(n int64) {
	b.tb.Helper()
	if stats, err := b.store.Stats(b.tb.Context()); err != nil || stats.Readings != n {
		b.tb.Errorf("%d readings are stored, %v, want %d", stats.Readings, err, n)
	}
}

func (b *bench) wantPosition(stream string, want series.Position) {
	b.tb.Helper()
	if at, err := b.store.Position(b.tb.Context(), stream); err != nil || at != want {
		b.tb.Errorf("the position of %s is %+v, %v, want %+v", stream, at, err, want)
	}
}

// wear is n readings of a wearer's device from seq on, one a second.
func wear(wearer, device schemas.ID, boot uint32, seq uint64, n int) schemas.Batch {
	b := schemas.Batch{Org: acme, Wearer: wearer, Device: device, Boot: boot, Received: monday.Add(3 * time.Hour).UnixMilli()}
	for i := range uint64(n) {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: seq + i, Time: monday.UnixMilli() + int64(seq+i)*1000, TrunkPitch: int16(i % 300), TrunkRoll: -7, Motion: 12,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}})
	}
	return b
}

func inLog(seq uint64, batches ...schemas.Batch) series.Batch {
	return series.Batch{Stream: schemas.StreamReadings, Log: "log", Seq: seq, Readings: batches}
}
