//go:build unix

package influx

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// cpu is what this process has used of the processor, the server's not included.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// dayLog is a log's messages of n readings each, one every step ms, of 60 wearers in turn;
// angles that sway, motion, and sitting.
type dayLog struct {
	messages [][]byte
	size     int
}

func newDayLog(b *testing.B, messages, size int, step int64) *dayLog {
	b.Helper()
	const wearers = 60
	l := &dayLog{size: size}
	start := time.Now().Add(-24 * time.Hour).UnixMilli()
	for m := range messages {
		batch := schemas.Batch{
			Org: acme, Wearer: schemas.MustID(fmt.Sprintf("w-%05d", m%wearers)), Device: schemas.MustID(fmt.Sprintf("d-%05d", m%wearers)), Boot: uint32(m % wearers * 7919),
		}
		for i := range size {
			seq := int64(m/wearers*size + i)
			batch.Items = append(batch.Items, schemas.Item{Reading: schemas.Reading{
				Seq: uint64(seq), Time: start + seq*step, TrunkPitch: int16(80 + seq*7%41), TrunkRoll: int16(seq * 3 % 17), Motion: uint16(seq * 11 % 29),
				Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
			}})
		}
		record, err := schemas.AppendBatch(schemas.NewRecord(nil), &batch)
		if err != nil {
			b.Fatal(err)
		}
		l.messages = append(l.messages, record)
	}
	return l
}

// BenchmarkAppend takes messages as the log has them apart and appends them, as the
// recorder does. The server is another process on the same machine, whose processor time is
// not counted.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name                   string
		messages, size, append int
		step                   int64
	}{
		{"history", 2500, 400, 240, 4000}, // 1 M readings, 96,000 in an append
		{"live", 6000, 4, 60, 500},        // 2 Hz in messages of 2 s, one of each wearer in an append
	} {
		b.Run(c.name, func(b *testing.B) {
			l := newDayLog(b, c.messages, c.size, c.step)
			readings, used := 0, time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				s := newBench(b, func(o *Options) { o.Retention = series.DefaultRetention() })
				b.StartTimer()
				before := cpu(b)
				l.append(b, s.store, c.append)
				used += cpu(b) - before
				b.StopTimer()
				readings += c.messages * c.size
				s.wantStored(int64(c.messages * c.size))
				b.StartTimer()
			}
			b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
			b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(readings), "own-cpu-us/reading")
		})
	}
}

// append appends all of a log, so many messages at once.
func (l *dayLog) append(b *testing.B, s *Store, messages int) {
	b.Helper()
	var reader schemas.RecordReader
	var items []schemas.Item
	for at := 0; at < len(l.messages); at += messages {
		batch := series.Batch{Stream: schemas.StreamReadings, Log: "bench", Seq: uint64(at + 1)}
		items = items[:0]
		for _, m := range l.messages[at:min(at+messages, len(l.messages))] {
			if err := reader.Reset(m); err != nil {
				b.Fatal(err)
			}
			var r schemas.Batch
			if _, err := reader.Next(&r); err != nil {
				b.Fatal(err)
			}
			from := len(items)
			items = append(items, r.Items...)
			r.Items = items[from:len(items):len(items)]
			batch.Readings = append(batch.Readings, r)
		}
		if _, err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
