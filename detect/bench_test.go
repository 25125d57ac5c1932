package detect

import (
	"testing"
	"time"

	"sitwell/schemas"
)

// benchItems is ten minutes at 2 Hz that cross every threshold but findings:
// a quiet wearer, as nearly all are nearly always.
func benchItems(acc bool) []schemas.Item {
	list := items(500*time.Millisecond, slouched(20), upright(100), between10And15(60), spell{secs: 30, sd: 300}, slouched(25), upright(215), walking(150))
	if !acc {
		return list
	}
	for i := range list {
		r := &list[i].Reading
		r.Acc = leaned(float64(r.TrunkPitch)/10, 3)
		r.Fields = r.Fields&^schemas.HasTrunk | schemas.HasAcc
	}
	up := leaned(0, 0)
	list[0] = calibrated(list[0].Seq, 0, schemas.Seated, &up)
	list[1] = calibrated(list[1].Seq, 500, schemas.Standing, &up)
	return list
}

// forward makes the same ten minutes the next ten.
func forward(list []schemas.Item) {
	for i := range list {
		list[i].Seq += uint64(len(list))
		list[i].Time += 600_000
	}
}

func BenchmarkStep(b *testing.B)    { benchmark(b, benchItems(false)) }
func BenchmarkStepAcc(b *testing.B) { benchmark(b, benchItems(true)) }

// benchmark reports the cost of one reading, order and minutes included.
func benchmark(b *testing.B, list []schemas.Item) {
	b.Helper()
	w, out, in := NewWearer(org, person, Always(Defaults())), &Output{}, batch(list)
	w.Take(in, out)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(list) {
		b.StopTimer()
		forward(list)
		out.Reset()
		b.StartTimer()
		w.Take(in, out)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
}

// BenchmarkState is the cost of a checkpoint and of bringing it back.
func BenchmarkState(b *testing.B) {
	w, _ := judge(benchItems(true))
	buf, err := w.AppendState(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(buf)), "bytes")
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = w.AppendState(buf[:0])
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeWearer(buf, w.timeline); err != nil {
				b.Fatal(err)
			}
		}
	})
}
