package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

var org = schemas.MustID("acme")

// benchStart is a Monday, 9:00 UTC.
var benchStart = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

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
			s := byHand(b, b.TempDir())
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
				if _, err := s.Append(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
			settleFiles(b, s)
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

// office is a store with the minutes of 60 wearers, 14 days of 500 each, and
// two wearers' raw readings of a day: one in 4 s and two a second.
func office(b *testing.B) *Store {
	b.Helper()
	s := byHand(b, b.TempDir())
	batch := series.Batch{Stream: schemas.StreamRollups}
	for day := range 14 {
		for m := range 500 {
			for w := range 60 {
				batch.Rollups = append(batch.Rollups, schemas.Rollup{
					Org: org, Wearer: schemas.MustID(fmt.Sprintf("w%03d", w)), Minute: benchStart.Unix()/60 + int64(day*1440+m),
					Sitting: 41.5, Standing: 10, Moving: 8.5, Upright: 30.25, Slouched: 21.25, Flexion: 12.3,
				})
			}
		}
		batch.Seq++
		if _, err := s.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		batch.Rollups = batch.Rollups[:0]
	}
	slow, fast := newWearable(1, benchStart), newWearable(2, benchStart)
	for i := range 8 * 60 * 60 / 200 { // a message of 200 s
		r := series.Batch{Stream: schemas.StreamReadings, Seq: uint64(i) + 1, Readings: []schemas.Batch{slow.next(50, 4*time.Second), fast.next(400, 500*time.Millisecond)}}
		if _, err := s.Append(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkQuery reads what the pages read.
func BenchmarkQuery(b *testing.B) {
	s := office(b)
	ctx := context.Background()
	day := series.Query{Org: org, Wearer: schemas.MustID("w001"), From: benchStart, To: benchStart.AddDate(0, 0, 1)}
	fast, all := day, day
	fast.Wearer = schemas.MustID("w002")
	all.To = benchStart.AddDate(0, 0, 14)
	raw := func(q series.Query) func() (int, error) {
		return func() (int, error) {
			n := 0
			return 1, s.Readings(ctx, q, func(series.Reading) error { n++; return nil })
		}
	}
	for _, c := range []struct {
		name string
		ask  func() (int, error)
	}{
		{"readings of a day, 7,200", raw(day)},
		{"readings of a day, 57,600", raw(fast)},
		{"rollups of a day", func() (int, error) { r, err := s.Rollups(ctx, day); return len(r), err }},
		{"totals of a day, 60 wearers", func() (int, error) { r, err := s.Totals(ctx, day); return len(r), err }},
		{"totals of 14 days, 60 wearers", func() (int, error) { r, err := s.Totals(ctx, all); return len(r), err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := c.ask(); err != nil || n == 0 {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkRollups appends a minute of each of 60 wearers.
func BenchmarkRollups(b *testing.B) {
	s := byHand(b, b.TempDir())
	empty := size(b, s)
	batch := series.Batch{Stream: schemas.StreamRollups}
	for b.Loop() {
		batch.Seq++
		batch.Rollups = batch.Rollups[:0]
		for w := range 60 {
			batch.Rollups = append(batch.Rollups, busyMinute(schemas.MustID(fmt.Sprintf("w%03d", w)), benchStart.Unix()/60+int64(batch.Seq)))
		}
		mustAppend(b, s, batch)
	}
	n := float64(60 * b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "rollups/s")
	b.ReportMetric(float64(size(b, s)-empty)/n, "B/rollup")
}
