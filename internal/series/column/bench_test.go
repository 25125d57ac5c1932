package column

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitwell/internal/sim"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// benchStart is a Monday, 9:00 UTC.
var benchStart = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// hours are four hours each of simulated people at work, of those that raw tells: who give
// accelerations, or angles.
func hours(people int, spacing time.Duration, raw bool) (all [][]schemas.Item) {
	options := sim.Options{Wearers: people, Seed: 5}
	for _, w := range options.Crowd(benchStart) {
		for h := range 4 {
			to := benchStart.Add(time.Duration(h+1) * time.Hour)
			hour := w.Fill(nil, to.Add(-time.Millisecond), spacing, 1<<20)
			isRaw := false
			for i := range hour {
				hour[i].Time -= to.Add(-time.Hour).UnixMilli()
				isRaw = isRaw || hour[i].Fields.Has(schemas.HasAcc)
			}
			if len(hour) > 0 && isRaw == raw {
				all = append(all, hour)
			}
		}
	}
	return all
}

// people are recorded ones, a folder of them, with accelerations and motion, each by the hour.
func people(tb testing.TB, folder string) (all [][]schemas.Item) {
	tb.Helper()
	root := os.Getenv("SITWELL_RECORDINGS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "recordings")
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.csv"))
	if err != nil || len(files) == 0 {
		tb.Skipf("recordings absent: no %s in %s; set SITWELL_RECORDINGS to their folder", filepath.Join(folder, "*.csv"), root)
	}
	for _, file := range files {
		r, err := recording.Open(file)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, r.Items(time.UnixMilli(0)))
	}
	return all
}

func chest(tb testing.TB) [][]schemas.Item {
	tb.Helper()
	return people(tb, "chest-accelerometer")
}

func sternum(tb testing.TB) [][]schemas.Item {
	tb.Helper()
	return people(tb, "sternum-rfid")
}

// chestAngles are those of chest who are recorded by the same, as angles.
func chestAngles(tb testing.TB) [][]schemas.Item {
	tb.Helper()
	return angles(chest(tb))
}

// angles gives recorded people angles in place of accelerations, as a device would that
// works them out itself.
func angles(all [][]schemas.Item) [][]schemas.Item {
	for _, items := range all {
		for i := range items {
			r := &items[i].Reading
			if !r.Fields.Has(schemas.HasAcc) {
				continue
			}
			r.TrunkPitch, r.TrunkRoll = tilt(r.Acc[2], r.Acc[1]), tilt(-r.Acc[0], r.Acc[1])
			r.Acc, r.Fields = [3]int16{}, r.Fields&^schemas.HasAcc|schemas.HasTrunk
		}
	}
	return all
}

// BenchmarkPack and BenchmarkRead turn hours of people there and back.
func BenchmarkPack(b *testing.B) { each(b, benchmarkPack) }
func BenchmarkRead(b *testing.B) { each(b, benchmarkRead) }

func each(b *testing.B, bench func(*testing.B, [][]schemas.Item)) {
	b.Helper()
	for _, c := range []struct {
		name string
		make func(testing.TB) [][]schemas.Item
	}{
		{"simulated, angles, 2 Hz", func(testing.TB) [][]schemas.Item { return hours(60, sim.LiveSpacing, false) }},
		{"simulated, angles, every 4 s", func(testing.TB) [][]schemas.Item { return hours(60, sim.HistorySpacing, false) }},
		{"simulated, acc_g, 2 Hz", func(testing.TB) [][]schemas.Item { return hours(60, sim.LiveSpacing, true) }},
		{"recorded, angles, 2 Hz", chestAngles},
		{"recorded, acc_g, 2 Hz", chest},
		{"recorded, acc_g, uneven", sternum},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, c.make(b)) })
	}
}

func benchmarkPack(b *testing.B, all [][]schemas.Item) {
	p := NewPacker()
	var out []byte
	readings, size := 0, 0
	for b.Loop() {
		for i, items := range all {
			var err error
			if out, err = p.Append(out[:0], []Run{{uint64(i), items}}); err != nil {
				b.Fatal(err)
			}
			readings += len(items)
			size += len(out)
		}
	}
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds()/1e6, "M/s")
	b.ReportMetric(float64(size)/float64(readings), "B/reading")
}

func benchmarkRead(b *testing.B, all [][]schemas.Item) {
	p, r := NewPacker(), NewReader()
	var packed [][]byte
	for i, items := range all {
		out, err := p.Append(nil, []Run{{uint64(i), items}})
		if err != nil {
			b.Fatal(err)
		}
		packed = append(packed, out)
	}
	readings := 0
	for b.Loop() {
		for _, hour := range packed {
			var run Run
			if err := r.Reset(hour); err != nil {
				b.Fatal(err)
			}
			if ok, err := r.Next(&run); !ok || err != nil {
				b.Fatal(ok, err)
			}
			readings += len(run.Items)
		}
	}
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds()/1e6, "M/s")
}

// TestSizeOfAnHour is the goal for what people at work leave: 7 bytes a reading on disk
// for angles, motion and flags. Half of it is for the file around the hour.
func TestSizeOfAnHour(t *testing.T) {
	for _, spacing := range []time.Duration{sim.LiveSpacing, sim.HistorySpacing} {
		t.Run(fmt.Sprint(spacing), func(t *testing.T) {
			readings, size := 0, 0
			for _, items := range hours(12, spacing, false) {
				runs := []Run{{1, items}}
				packed, got := turn(t, runs)
				same(t, got, runs)
				readings += len(items)
				size += len(packed)
			}
			if each := float64(size) / float64(readings); each > 3.5 || readings < 30_000 {
				t.Fatalf("%d readings take %.2f bytes each, want 3.5 at most", readings, each)
			}
		})
	}
}

// tilt is the angle of a direction, in tenths of a degree.
func tilt(side, up int16) int16 {
	return schemas.Tenths(math.Atan2(float64(side), float64(up)) * 180 / math.Pi)
}
