package schemas_test

import (
	"fmt"
	"testing"
	"time"

	"sitwell/schemas"
)

// typical is n readings as a wearable with angles sends them, 2 a second.
func typical(n int) []schemas.Item {
	items := make([]schemas.Item, n)
	for i := range items {
		items[i].Reading = schemas.Reading{
			Seq: uint64(1000 + i), Time: noon.UnixMilli() - int64(n-i)*500,
			TrunkPitch: int16(182 + i%40), TrunkRoll: int16(-20 + i%7), Motion: uint16(8 + i%9),
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}
	}
	return items
}

func BenchmarkDecode1(b *testing.B)   { benchmarkDecode(b, 1) }
func BenchmarkDecode12(b *testing.B)  { benchmarkDecode(b, 12) }
func BenchmarkDecode400(b *testing.B) { benchmarkDecode(b, 400) }

func benchmarkDecode(b *testing.B, n int) {
	payload := schemas.AppendMessage(nil, schemas.KindReadings, 7, noon, typical(n))
	b.ReportAllocs()
	for b.Loop() {
		msg, err := schemas.Decode(schemas.KindReadings, payload, noon)
		if err != nil || len(msg.Items) != n {
			b.Fatal(err, len(msg.Items), msg.Rejects)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/reading")
}

// fullRecord is a record of 32 wearers with 8 readings each.
func fullRecord(tb testing.TB) ([]byte, int) {
	tb.Helper()
	record := schemas.NewRecord(nil)
	for w := range 32 {
		var err error
		record, err = schemas.AppendBatch(record, &schemas.Batch{
			Org: schemas.MustID("acme"), Wearer: schemas.MustID(fmt.Sprintf("w%d", w)), Device: schemas.MustID(fmt.Sprintf("band-%d", w)),
			Boot: 7, Received: noon.Add(time.Second).UnixMilli(), Items: typical(8),
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return record, 32 * 8
}

func BenchmarkRecordEncode(b *testing.B) {
	items := typical(256)
	batch := schemas.Batch{Org: acme, Wearer: anna, Device: band, Boot: 7, Received: noon.UnixMilli(), Items: items}
	var record []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if record, err = schemas.AppendBatch(schemas.NewRecord(record[:0]), &batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(record))/float64(len(items)), "B/reading")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/reading")
}

func BenchmarkRecordDecode(b *testing.B) {
	record, n := fullRecord(b)
	var reader schemas.RecordReader
	b.ReportAllocs()
	for b.Loop() {
		if got := countItems(b, &reader, record); got != n {
			b.Fatalf("%d readings, want %d", got, n)
		}
	}
	b.ReportMetric(float64(len(record))/float64(n), "B/reading")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/reading")
}

func countItems(tb testing.TB, r *schemas.RecordReader, record []byte) int {
	tb.Helper()
	if err := r.Reset(record); err != nil {
		tb.Fatal(err)
	}
	var batch schemas.Batch
	n := 0
	for {
		more, err := r.Next(&batch)
		if err != nil {
			tb.Fatal(err)
		}
		if !more {
			return n
		}
		n += len(batch.Items)
	}
}
