package record

import (
	"fmt"
	"testing"

	"sitwell/schemas"
)

// BenchmarkRun stores a log of 1,000 messages of 400 readings of 60 wearers,
// from the start of the recorder until the last is on disk.
func BenchmarkRun(b *testing.B) {
	const messages, size = 1000, 400
	f := newFixture(b)
	var readings int
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		for i := range messages {
			n := uint64(round*messages+i) / 60 * size
			batch := schemas.Batch{
				Org: org, Wearer: schemas.MustID(fmt.Sprintf("w%d", i%60)), Device: schemas.MustID(fmt.Sprintf("d%d", i%60)), Boot: uint32(round),
			}
			for j := range uint64(size) {
				batch.Items = append(batch.Items, schemas.Item{Reading: schemas.Reading{
					Seq: n + j, Time: monday.UnixMilli() + int64(n+j)*4000, TrunkPitch: int16(j), TrunkRoll: -7, Motion: 12,
					Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
				}})
			}
			record, err := schemas.AppendBatch(schemas.NewRecord(nil), &batch)
			if err != nil {
				b.Fatal(err)
			}
			f.publish(schemas.ReadingsSubject(i%4), record)
			readings += size
		}
		b.StartTimer()
		r, stop := f.start(f.store)
		f.settle(r)
		b.StopTimer()
		if err := stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
	stats, err := f.store.Stats(b.Context())
	if err != nil || stats.Readings != int64(readings) {
		b.Errorf("stats are %+v, %v, want %d readings", stats, err, readings)
	}
}
