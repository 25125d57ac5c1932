package detect

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// reference sums a day's minutes in the obvious way: millisecond by millisecond
// would be the same, in steps of half a second it is quick enough. It reads
// what the postures say and knows nothing of the engine's bookkeeping.
func reference(postures []Posture) map[int64]schemas.Rollup {
	const tick = 500
	all := map[int64]schemas.Rollup{}
	for i, p := range postures[:max(0, len(postures)-1)] {
		end := postures[i+1].Time
		if end-p.Time > 5000 {
			continue
		}
		for at := p.Time; at < end; at += tick {
			r := all[at/60_000]
			tally(&r, p)
			all[at/60_000] = r
		}
	}
	return all
}

func tally(r *schemas.Rollup, p Posture) {
	const s = 0.5
	switch {
	case !p.Worn:
		r.NotWorn += s
		return
	case p.SittingKnown && p.Sitting:
		r.Sitting += s
	case p.MotionKnown && p.Moving:
		r.Moving += s
	case p.SittingKnown:
		r.Standing += s
	}
	walksPerhaps := !p.MotionKnown && p.SittingKnown && !p.Sitting
	switch {
	case !p.Known || p.Moving || walksPerhaps || p.FlexionDeg < -10:
	case p.FlexionDeg >= 15:
		r.Slouched += s
		r.Flexion += s * p.FlexionDeg
	default:
		r.Upright += s
		r.Flexion += s * p.FlexionDeg
	}
}

func TestRollupsAgainstTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		for i := range list { // angles alone, exact to the tenth that a posture shows
			if r := &list[i].Reading; r.Fields.Has(schemas.HasAcc) {
				r.Fields = r.Fields&^schemas.HasAcc | schemas.HasTrunk
			}
		}
		w, out := judge(list)
		want := reference(out.Postures)
		if open, ok := w.OpenMinute(); ok {
			out.Rollups = append(out.Rollups, open)
		}
		last := int64(0)
		for _, got := range out.Rollups {
			if got.Minute <= last {
				t.Fatalf("minute %d after minute %d", got.Minute, last)
			}
			last = got.Minute
			ref := want[got.Minute]
			delete(want, got.Minute)
			ref.Org, ref.Wearer, ref.Minute, ref.Breaks = org, person, got.Minute, got.Breaks
			if judged := ref.Upright + ref.Slouched; judged > 0 {
				ref.Flexion /= judged
			}
			if math.Abs(float64(ref.Flexion-got.Flexion)) > 0.001 {
				t.Fatalf("got %+v, want %+v", got, ref)
			}
			ref.Flexion, ref.FlexionP95, ref.LoadPeak, ref.Shifts, ref.Bout = got.Flexion, got.FlexionP95, got.LoadPeak, got.Shifts, got.Bout
			ref.LeanLeft, ref.LeanRight = got.LeanLeft, got.LeanRight
			if got != ref {
				t.Fatalf("got %+v, want %+v", got, ref)
			}
		}
		for minute, r := range want {
			if r != (schemas.Rollup{}) {
				t.Fatalf("minute %d is missing: %+v", minute, r)
			}
		}
	})
}

// An interval over a boundary is split exactly there.
func TestMinuteIsSplit(t *testing.T) {
	list := []schemas.Item{
		{Reading: slouched(0).reading(1, day0+58_500)},
		{Reading: upright(0).reading(2, day0+62_500)},
		{Reading: upright(0).reading(3, day0+64_000)},
	}
	w, out := judge(list)
	minute := day0 / minuteMS
	want := schemas.Rollup{Org: org, Wearer: person, Minute: minute, Sitting: 1.5, Slouched: 1.5, Flexion: 20, FlexionP95: 20.5}
	if len(out.Rollups) != 1 || out.Rollups[0] != want {
		t.Errorf("got %+v, want %+v", out.Rollups, want)
	}
	open, ok := w.OpenMinute()
	want = schemas.Rollup{Org: org, Wearer: person, Minute: minute + 1, Sitting: 4, Slouched: 2.5, Upright: 1.5, Flexion: 12.5, FlexionP95: 20.5, LoadPeak: 0.005, Bout: 5.5}
	if !ok || open != want {
		t.Errorf("got %+v, want %+v", open, want)
	}
}

// The open minute is given out only when it has changed, and given out in full
// when it is over.
func TestOpenMinute(t *testing.T) {
	list := items(time.Second, upright(62))
	w, out := NewWearer(org, person, Always(Defaults())), &Output{}
	if _, ok := w.OpenMinute(); ok {
		t.Error("a wearer of whom nothing is known has a minute")
	}
	w.Take(batch(list[:31]), out)
	if r, ok := w.OpenMinute(); !ok || r.Sitting != 30 {
		t.Errorf("got %+v, %v, want 30 s", r, ok)
	}
	if r, ok := w.OpenMinute(); ok {
		t.Errorf("got %+v again", r)
	}
	w.Take(batch(list[31:60]), out)
	if r, ok := w.OpenMinute(); !ok || r.Sitting != 59 {
		t.Errorf("got %+v, %v, want 59 s", r, ok)
	}
	w.Take(batch(list[60:]), out)
	if len(out.Rollups) != 1 || out.Rollups[0].Sitting != 60 {
		t.Errorf("got %+v, want one minute of 60 s", out.Rollups)
	}
}
