package seriestest

import (
	"context"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// parts is ann's minute of so many milliseconds of sitting, standing, moving and not worn.
// load tells two of the same parts from each other.
func parts(at float64, load float32, ms ...int) schemas.Rollup {
	s := func(i int) float32 { return float32(ms[i]) / 1000 }
	return schemas.Rollup{
		Org: acme, Wearer: ann, Minute: minuteOf(at), LoadPeak: load,
		Sitting: s(0), Standing: s(1), Moving: s(2), NotWorn: s(3),
	}
}

// grownMinutes: less of a minute never replaces more of it, within an append and over
// appends, after reopening and after a rewind; as much of it and more does.
func grownMinutes(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	seq := uint64(0)
	want := func(kept schemas.Rollup, why string, rollups ...schemas.Rollup) {
		t.Helper()
		seq++
		mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: seq, Rollups: rollups})
		if got := must[[]schemas.Rollup](t)(s.Rollups(context.Background(), between(annOf, 0, 3600))); !reflect.DeepEqual(got, []schemas.Rollup{kept}) {
			t.Errorf("%s: rollups are %+v, want %+v", why, got, kept)
		}
		wantPosition(t, s, schemas.StreamRollups, seq)
	}
	half, whole := parts(0, 0, 10_000, 10_000, 5_000, 5_000), parts(0, 0, 20_000, 15_000, 15_000, 9_999)
	want(whole, "more, in one append", half, whole)
	want(whole, "less", half)
	want(whole, "less, in one append", half, parts(0, 0.5, 0, 0, 0, 0))
	for i := range 4 { // each of the four counts
		ms := []int{20_000, 15_000, 15_000, 9_999}
		ms[i]--
		want(whole, "a millisecond less", parts(0, 0.5, ms...))
	}
	other := parts(0, 0.25, 0, 0, 1, 59_998)
	want(other, "as much, otherwise divided", other)
	whole.Upright, whole.Slouched, whole.Breaks = 20, 30, 1
	want(whole, "as much, and more of it judged; the part of another detector behind it", whole, half)
	unjudged, rejudged := whole, whole
	unjudged.Upright -= 0.001
	want(whole, "as much, and less of it judged", unjudged)
	rejudged.Upright, rejudged.Slouched = 0, 50
	want(rejudged, "as much, and as much of it judged", rejudged)
	unseated := parts(0, 0, 0, 0, 0, 0) // a device that tells neither seat nor motion
	unseated.Upright = 60
	want(rejudged, "all of it judged, and what the wearer did is unknown", unseated)
	whole = rejudged
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want(whole, "less after reopening", half)
	if err := s.Rewind(context.Background(), schemas.StreamRollups); err != nil {
		t.Fatalf("rewind: %v", err)
	}
	seq = 0
	want(whole, "less from a log that comes again", half)
	long := parts(0, 0, 20_000, 15_000, 15_000, 10_000)
	want(long, "a millisecond more", long)
	wantStats(t, s, series.Stats{Rollups: 1})
}

// shrunkMinutes: a rebuild may leave less of a minute, of several of one minute the last;
// what the log brings then is held against that.
func shrunkMinutes(t *testing.T, open Open) {
	s := opened(t, open)
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{sitting(0, 60), sitting(60, 60)}})
	mustReplace(t, s, between(annOf, 0, 60), series.Rebuilt{Rollups: []schemas.Rollup{sitting(0, 50), sitting(0, 30)}})
	wantOutline(t, s, ann, "0:30, 1:60")
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(0, 29), sitting(60, 59)}})
	wantOutline(t, s, ann, "0:30, 1:60")
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 3, Rollups: []schemas.Rollup{sitting(0, 31)}})
	wantOutline(t, s, ann, "0:31, 1:60")
	wantStats(t, s, series.Stats{Rollups: 2})
}

// lawMinutes: whatever minutes come and come again, the last of those that cover most is
// the one that counts.
func lawMinutes(t *testing.T, open Open) {
	s, at := opened(t, open), uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		who := nextPerson(&at)
		ms := rapid.SampledFrom([]int{0, 1, 2, 3, 7_500, 14_999, 15_000})
		want, most := map[int64]schemas.Rollup{}, map[int64]int{}
		for range rapid.IntRange(1, 6).Draw(rt, "appends") {
			at++
			b := series.Batch{Stream: schemas.StreamRollups, Seq: at}
			for range rapid.IntRange(1, 4).Draw(rt, "rollups") {
				d := []int{ms.Draw(rt, "sitting"), ms.Draw(rt, "standing"), ms.Draw(rt, "moving"), ms.Draw(rt, "not worn")}
				r := parts(float64(60*rapid.IntRange(0, 1).Draw(rt, "minute")), float32(rapid.IntRange(0, 1000).Draw(rt, "load"))/1000, d...)
				r.Wearer = who.wearer
				judged := ms.Draw(rt, "upright")
				r.Upright = float32(judged) / 1000
				b.Rollups = append(b.Rollups, r)
				if sum := (d[0]+d[1]+d[2]+d[3])*100_000 + judged; sum >= most[r.Minute] {
					want[r.Minute], most[r.Minute] = r, sum
				}
			}
			mustAppend(t, s, b)
		}
		for _, got := range must[[]schemas.Rollup](t)(s.Rollups(context.Background(), between(who.query(), 0, 3600))) {
			if got != want[got.Minute] {
				rt.Fatalf("minute is %+v, want %+v", got, want[got.Minute])
			}
			delete(want, got.Minute)
		}
		if len(want) > 0 {
			rt.Fatalf("minutes are missing: %+v", want)
		}
	})
}
