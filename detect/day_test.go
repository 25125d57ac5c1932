package detect

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

func dayOf(minutes ...schemas.Rollup) (d Day) {
	for i := range minutes {
		d.Add(&minutes[i])
	}
	return d
}

func TestEmptyDaySaysNothing(t *testing.T) {
	var d Day
	for name, ask := range map[string]func() (float64, bool){
		"slouched share": d.SlouchedShare, "flexion": d.Flexion, "bent share": d.BentShare, "lean index": d.LeanIndex, "shifts": d.ShiftsAnHour,
	} {
		if v, ok := ask(); ok {
			t.Errorf("%s of nothing is %v", name, v)
		}
	}
	if d.BentMuch() || d.OneSided() != "" {
		t.Error("a day of nothing is flagged")
	}
}

// The index must be over 0.6, over half an hour of leaning.
func TestOneSided(t *testing.T) {
	for _, c := range []struct {
		left, right float32 // minutes
		want        schemas.Cause
	}{
		{24, 6, ""}, // 0.6
		{24.1, 5.9, schemas.Left},
		{5.9, 24.1, schemas.Right},
		{29.9, 0, ""},
		{30, 0, schemas.Left},
		{0, 30, schemas.Right},
		{40, 40, ""},
	} {
		var minutes []schemas.Rollup
		for range 60 {
			minutes = append(minutes, schemas.Rollup{LeanLeft: c.left, LeanRight: c.right})
		}
		d := dayOf(minutes...)
		if got := d.OneSided(); got != c.want {
			t.Errorf("%v min left and %v right: got %q, want %q", c.left, c.right, got, c.want)
		}
	}
}

// Five per cent exactly is not yet much.
func TestBentMuch(t *testing.T) {
	for bent, want := range map[float32]bool{0: false, 3: false, 3.5: true, 60: true} {
		d := dayOf(schemas.Rollup{Upright: 60 - bent, Slouched: bent, Bent: bent})
		if got := d.BentMuch(); got != want {
			t.Errorf("%v s of a minute bent: got %v", bent, got)
		}
	}
}

func TestDayWeighsFlexionByJudgedTime(t *testing.T) {
	d := dayOf(schemas.Rollup{Upright: 60, Flexion: 5}, schemas.Rollup{Slouched: 20, Flexion: 25}, schemas.Rollup{Moving: 60})
	deg, _ := d.Flexion()
	if share, _ := d.SlouchedShare(); deg != 10 || share != 0.25 {
		t.Errorf("the mean is %v degrees, %v of it slouched", deg, share)
	}
}

// A rate counts time on the seat whose posture was judged, and needs 15 minutes.
func TestShiftsAnHour(t *testing.T) {
	seated, blind, standing := schemas.Rollup{Sitting: 60, Upright: 60, Shifts: 1}, schemas.Rollup{Sitting: 60}, schemas.Rollup{Standing: 60, Upright: 60}
	minutes := append(slices.Repeat([]schemas.Rollup{blind}, 30), slices.Repeat([]schemas.Rollup{standing}, 30)...)
	minutes = append(minutes, slices.Repeat([]schemas.Rollup{seated}, 14)...)
	d := dayOf(minutes...)
	if rate, ok := d.ShiftsAnHour(); ok {
		t.Errorf("14 minutes say %v", rate)
	}
	d.Add(&seated)
	if rate, ok := d.ShiftsAnHour(); !ok || rate != 60 {
		t.Errorf("got %v an hour, %v", rate, ok)
	}
}

// The order of minutes does not matter, sums are sums and peaks are peaks.
func TestDayIsTheSameInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Map(rapid.IntRange(0, 60), func(n int) float32 { return float32(n) })
		minutes := rapid.SliceOf(rapid.Custom(func(t *rapid.T) schemas.Rollup {
			return schemas.Rollup{
				Sitting: seconds.Draw(t, "sitting"), Upright: seconds.Draw(t, "upright"), Slouched: seconds.Draw(t, "slouched"),
				LeanLeft: seconds.Draw(t, "left"), LeanRight: seconds.Draw(t, "right"), Bout: seconds.Draw(t, "bout"),
				Shifts: rapid.IntRange(0, 5).Draw(t, "shifts"), Flexion: seconds.Draw(t, "flexion"),
			}
		})).Draw(t, "minutes")
		d := dayOf(minutes...)
		if other := dayOf(rapid.Permutation(minutes).Draw(t, "other order")...); d != other {
			t.Fatalf("%+v and %+v", d, other)
		}
		if index, ok := d.LeanIndex(); ok && (index < 0 || index > 1) {
			t.Fatalf("the lean index is %v", index)
		}
	})
}
