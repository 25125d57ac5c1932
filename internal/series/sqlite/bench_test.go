package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

var org = schemas.MustID("acme")

// benchStart is a Monday, 9:00 UTC.
var benchStart = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// wearable makes the readings of one simulated device.
type wearable struct {
	batch schemas.Batch
	seq   uint64
	at    int64
	rnd   *rand.Rand
	pitch int16
}

func newWearable(i int, start time.Time) *wearable {
	return &wearable{
		batch: schemas.Batch{
			Org: org, Wearer: schemas.MustID(fmt.Sprintf("w%03d", i)), Device: schemas.MustID(fmt.Sprintf("d%03d", i)),
			Boot: uint32(i) * 2654435761,
		},
		at: start.UnixMilli() + int64(i)*37, rnd: rand.New(rand.NewPCG(1, uint64(i))),
	}
}

// next is the next n readings, one each step.
func (w *wearable) next(n int, step time.Duration) schemas.Batch {
	items := make([]schemas.Item, n)
	for i := range items {
		w.pitch += int16(w.rnd.IntN(21) - 10)
		if w.pitch > 400 || w.pitch < -100 {
			w.pitch /= 2
		}
		items[i].Reading = schemas.Reading{
			Seq: w.seq, Time: w.at, TrunkPitch: w.pitch, TrunkRoll: int16(w.rnd.IntN(41) - 20), Motion: uint16(w.rnd.IntN(40)),
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}
		w.seq++
		w.at += step.Milliseconds() + int64(w.rnd.IntN(5)) - 2
	}
	w.batch.Items = items
	return w.batch
}

// BenchmarkAppend appends the messages of 60 wearers: their history in messages
// of 400 readings of 4 s, and live ones of 2 Hz every 2 s.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name     string
		message  int // readings of a message
		messages int // of an append
		step     time.Duration
	}{
		{"history", 400, 60, 4 * time.Second},
		{"live", 4, 60, 500 * time.Millisecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx := context.Background()
			s := openBench(b)
			wearables := make([]*wearable, 60)
			for i := range wearables {
				wearables[i] = newWearable(i, benchStart)
			}
			var seq uint64
			var readings int
			for b.Loop() {
				b.StopTimer()
				batch := series.Batch{Stream: schemas.StreamReadings}
				for i := range c.messages {
					batch.Readings = append(batch.Readings, wearables[i%60].next(c.message, c.step))
				}
				seq++
				batch.Seq = seq
				readings += c.message * c.messages
				b.StartTimer()
				if err := s.Append(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
			if _, err := s.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				b.Fatal(err)
			}
			stats, err := s.Stats(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if stats.Readings != int64(readings) {
				b.Fatalf("%d readings are stored, want %d", stats.Readings, readings)
			}
			b.ReportMetric(float64(stats.Bytes)/float64(readings), "B/reading")
		})
	}
}
