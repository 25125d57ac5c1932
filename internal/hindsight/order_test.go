package hindsight

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func reading(boot uint32, seq uint64, ms int64) series.Reading {
	return series.Reading{Device: belt, Boot: boot, Item: schemas.Item{Reading: schemas.Reading{Seq: seq, Time: ms}}}
}

// ordered is the boots and numbers in the order of judging, of readings that the
// store gives by time.
func ordered(t interface{ Fatal(...any) }, readings []series.Reading) (got [][2]uint64) {
	slices.SortStableFunc(readings, func(a, b series.Reading) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
	})
	o := order{window: disorder.Milliseconds(), out: func(r *series.Reading) error {
		got = append(got, [2]uint64{uint64(r.Boot), r.Seq})
		return nil
	}}
	for i := range readings {
		if err := o.add(&readings[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	return got
}

// Runs that follow each other come one after the other, each by its numbers,
// whatever their clocks do within the time that live allows.
func TestOrderIsThatOfTheSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var readings []series.Reading
		var want [][2]uint64
		now := int64(1_000_000_000)
		for boot := range uint32(rapid.IntRange(1, 4).Draw(t, "runs")) {
			skew := rapid.Int64Range(-25_000, 25_000).Draw(t, "skew")
			for seq := range uint64(rapid.IntRange(2, 100).Draw(t, "readings")) {
				now += rapid.SampledFrom([]int64{100, 500, 500, 4_000, 70_000}).Draw(t, "step")
				off := int64(0) // of the device's clock
				if seq > 0 {
					off = skew + rapid.Int64Range(-30_000, 30_000).Draw(t, "jitter")
				}
				readings = append(readings, reading(boot, seq, now+off))
				if seq == 0 {
					now += 130_000 // whichever begins first is first
				}
				want = append(want, [2]uint64{uint64(boot), seq})
			}
		}
		if got := ordered(t, readings); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// What came too late of another device must not take over the run that live judged.
func TestLateRunTakesNothingOver(t *testing.T) {
	var readings []series.Reading
	var want [][2]uint64
	for i := range uint64(600) {
		readings = append(readings, reading(1, i, int64(i)*500))
		want = append(want, [2]uint64{1, i})
		if i >= 200 && i < 400 {
			late := reading(2, i, int64(i)*500+100)
			late.Late = true
			readings = append(readings, late)
		}
	}
	if got := ordered(t, readings); !slices.Equal(got, want) {
		t.Errorf("%d readings are judged, want %d", len(got), len(want))
	}
	for i := range uint64(20) { // once nobody else is judged it may
		late := reading(2, 1000+i, 600*500+200_000+int64(i)*500)
		late.Late = true
		readings = append(readings, late)
		want = append(want, [2]uint64{2, 1000 + i})
	}
	if got := ordered(t, readings); !slices.Equal(got, want) {
		t.Errorf("%d readings are judged, want %d", len(got), len(want))
	}
}

// A late reading whose number lies beyond those that are still to come, as after a
// clock was set back, is left out; one that fills a hole is not.
func TestSequenceTellsWhatFits(t *testing.T) {
	var s sequence
	for i := range uint64(1000) {
		if i < 300 || i >= 400 {
			r := reading(1, i, int64(i)*1000)
			s.note(&r)
		}
	}
	s.finish()
	for _, c := range []struct {
		boot uint32
		seq  uint64
		at   time.Duration
		fits bool
	}{
		{1, 350, 350 * time.Second, true},
		{1, 1000, 999 * time.Second, true},
		{1, 1500, 200 * time.Second, false}, // the clock went back by 20 minutes
		{1, 350, 100 * time.Second, false},  // four minutes early, so is it
		{1, 800, 330 * time.Second, false},
		{2, 7, 330 * time.Second, true}, // nobody of that run was on time
	} {
		r := reading(c.boot, c.seq, c.at.Milliseconds())
		if s.fits(&r) != c.fits {
			t.Errorf("number %d of run %d at %v: fits is %v", c.seq, c.boot, c.at, !c.fits)
		}
	}
}
