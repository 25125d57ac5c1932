package transfer

import (
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// BenchmarkCopy copies, and verifies, days of 7,200 readings and 480 minutes of ten wearers.
func BenchmarkCopy(b *testing.B) {
	from := open(b, b.TempDir())
	const wearers, readings, minutes = 10, 7200, 480
	units := 0
	for d := range 2 {
		for w := range wearers {
			who := schemas.MustID("w" + string(rune('a'+w)))
			start := monday.AddDate(0, 0, d).Add(9 * time.Hour)
			batch := schemas.Batch{Org: acme, Wearer: who, Device: who, Boot: 1}
			for i := range readings {
				batch.Items = append(batch.Items, schemas.Item{Reading: schemas.Reading{
					Seq: uint64(d*readings + i), Time: start.Add(time.Duration(i) * 4 * time.Second).UnixMilli(), TrunkPitch: int16(i % 300), TrunkRoll: 12, Motion: uint16(i % 40),
					Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
				}})
			}
			var rollups []schemas.Rollup
			for i := range minutes {
				rollups = append(rollups, schemas.Rollup{Org: acme, Wearer: who, Minute: start.Unix()/60 + int64(i), Sitting: 60, Upright: 30, Slouched: 30, Flexion: 12})
			}
			units++
			for _, batch := range []series.Batch{
				{Stream: schemas.StreamReadings, Seq: uint64(units), Readings: []schemas.Batch{batch}},
				{Stream: schemas.StreamRollups, Seq: uint64(units), Rollups: rollups},
			} {
				if _, err := from.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	for b.Loop() {
		b.StopTimer()
		to := open(b, b.TempDir())
		b.StartTimer()
		report, err := Copy(b.Context(), Options{From: from, To: to})
		if err != nil || report.To.Readings != int64(units*readings) {
			b.Fatal(report, err)
		}
	}
	b.ReportMetric(float64(b.N*units*readings)/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(b.N*units)/b.Elapsed().Seconds(), "days/s")
}
