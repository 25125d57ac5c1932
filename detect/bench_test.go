package detect

import (
	"slices"
	"strconv"
	"testing"
	"time"
	"unsafe"

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

// BenchmarkWearers is the cost of a reading where many wearers take turns, each
// with a message of twelve readings, as a device sends them: what the caches of
// the processor make of the state.
func BenchmarkWearers(b *testing.B) {
	list := benchItems(false)
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { benchmarkWearers(b, crowd(b, n, list), list) })
	}
}

const perMessage = 12

// crowd is many wearers in the middle of the benchmark's ten minutes.
func crowd(tb testing.TB, n int, list []schemas.Item) []*Wearer {
	tb.Helper()
	all, out, timeline := make([]*Wearer, n), &Output{}, Always(Defaults())
	for i := range all {
		all[i] = NewWearer(org, person, timeline)
		all[i].Take(batch(list[:perMessage]), out)
		out.Reset()
	}
	return all
}

func benchmarkWearers(b *testing.B, all []*Wearer, list []schemas.Item) {
	b.Helper()
	out, at := &Output{}, perMessage
	round := slices.Clone(list)
	b.ReportAllocs()
	b.ResetTimer()
	for n, i := 0, 0; n < b.N; n += perMessage {
		all[i].Take(batch(round[at:at+perMessage]), out)
		out.Reset()
		if i++; i == len(all) { // all have got this message: the next
			i = 0
			if at += perMessage; at == len(round) {
				at = 0
				forward(round)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(unsafe.Sizeof(Wearer{})+uintptr(len(all[0].anchor.state))), "B/wearer")
}

// BenchmarkCheckpoint is the state of 100,000 wearers written down.
func BenchmarkCheckpoint(b *testing.B) {
	const wearers = 100_000
	list := benchItems(true)
	w, _ := judge(list)
	all := make([]*Wearer, wearers)
	for i := range all {
		own := *w
		own.anchor.state = slices.Clone(w.anchor.state)
		all[i] = &own
	}
	buf := make([]byte, 0, wearers*700)
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, w := range all {
			var err error
			if buf, err = w.AppendState(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/100k_wearers")
	b.ReportMetric(float64(len(buf))/wearers, "bytes/wearer")
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
