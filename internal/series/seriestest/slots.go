package seriestest

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// rounded are totals to a thousandth: which sum comes first is the store's.
func rounded(t series.Totals) series.Totals {
	for _, v := range []*float64{&t.Sitting, &t.Standing, &t.Moving, &t.NotWorn, &t.Upright, &t.Slouched, &t.FlexionSum} {
		*v = math.Round(*v*1000) / 1000
	}
	return t
}

func slotsOf(t testing.TB, s series.Store, q series.Query, length time.Duration) []series.Slot {
	t.Helper()
	all := must[[]series.Slot](t)(s.Slots(t.Context(), q, length))
	for i := range all {
		all[i].Start, all[i].Totals = all[i].Start.UTC(), rounded(all[i].Totals)
	}
	return all
}

// slots: sums over steps from From on, wherever that lies, of what starts before To; those
// of nothing are left out.
func slots(t *testing.T, open Open) {
	s := opened(t, open)
	full := schemas.Rollup{
		Org: acme, Wearer: ann, Sitting: 20.5, Standing: 15, Moving: 12.25, NotWorn: 2, Upright: 30, Slouched: 10, Flexion: 14.5, Breaks: 1,
	}
	var all []schemas.Rollup
	for _, minute := range []float64{0, 1, 2, 9, 10, 59, 60, 200, 24 * 60, 40 * 24 * 60} {
		full.Minute = minuteOf(60 * minute)
		bobs, theirs := full, full
		bobs.Wearer, theirs.Org = bob, other
		all = append(all, full, bobs, theirs)
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: all})
	slot := func(start float64, n int) series.Slot {
		f := float64(n)
		return series.Slot{Start: after(start), Totals: series.Totals{
			Wearer: ann, Minutes: n, Sitting: 20.5 * f, Standing: 15 * f, Moving: 12.25 * f, NotWorn: 2 * f,
			Upright: 30 * f, Slouched: 10 * f, FlexionSum: 14.5 * 40 * f, Breaks: n,
		}}
	}
	const hour, day = 3600.0, 24 * 3600.0
	for _, c := range []struct {
		from, to float64
		length   time.Duration
		want     []series.Slot
	}{
		{0, hour, time.Hour, []series.Slot{slot(0, 6)}},
		{0, 4 * hour, time.Hour, []series.Slot{slot(0, 6), slot(hour, 1), slot(3*hour, 1)}},
		{0, 4*hour + 0.001, time.Hour, []series.Slot{slot(0, 6), slot(hour, 1), slot(3*hour, 1)}},
		{0, 600, 5 * time.Minute, []series.Slot{slot(0, 3), slot(300, 1)}},
		{0, 600.001, 5 * time.Minute, []series.Slot{slot(0, 3), slot(300, 1), slot(600, 1)}},
		{0, 181, time.Minute, []series.Slot{slot(0, 1), slot(60, 1), slot(120, 1)}},
		{30, 300, 2 * time.Minute, []series.Slot{slot(30, 2)}},                // a minute counts where it starts
		{-30, 300, 2 * time.Minute, []series.Slot{slot(-30, 2), slot(90, 1)}}, //
		{0.001, 300, 2 * time.Minute, []series.Slot{slot(0.001, 2)}},          //
		{-12 * hour, 12 * hour, 7 * time.Hour, []series.Slot{slot(-5*hour, 7), slot(2*hour, 1)}},
		{-9 * hour, 60 * day, 24 * time.Hour, []series.Slot{slot(-9*hour, 8), slot(day-9*hour, 1), slot(40*day-9*hour, 1)}},
		{0, 60 * day, 7 * 24 * time.Hour, []series.Slot{slot(0, 9), slot(35*day, 1)}},
		{-400 * day, 400 * day, 800 * 24 * time.Hour, []series.Slot{slot(-400*day, 10)}},
		{hour + 60, 3 * hour, time.Minute, nil},
	} {
		got := slotsOf(t, s, between(annOf, c.from, c.to), c.length)
		if len(got)+len(c.want) > 0 && !reflect.DeepEqual(got, c.want) {
			t.Errorf("slots of [%v, %v) by %v are\n%+v, want\n%+v", c.from, c.to, c.length, got, c.want)
		}
	}
	for _, length := range []time.Duration{0, -time.Minute, time.Second, 90 * time.Second, time.Minute + 1} {
		if _, err := s.Slots(t.Context(), between(annOf, 0, hour), length); err == nil {
			t.Errorf("slots of %v gave no error", length)
		}
	}
}

// lawSlots: slots are what the rollups of the range add up to, whatever the step.
func lawSlots(t *testing.T, open Open) {
	s := opened(t, open)
	b := series.Batch{Stream: schemas.StreamRollups, Seq: 1}
	for i := range 400 {
		f := float32(i % 7)
		b.Rollups = append(b.Rollups, schemas.Rollup{
			Org: acme, Wearer: ann, Minute: minuteOf(0) + int64(i*i%3000), Sitting: 1.5 * f, Standing: f, Moving: 0.25 * f, NotWorn: 0.125 * f,
			Upright: f, Slouched: 0.5 * f, Flexion: 3.5 * f, Breaks: i % 2,
		})
	}
	mustAppend(t, s, b)
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.Float64Range(-3600, 60*3000).Draw(rt, "from")
		q := between(annOf, from, from+rapid.Float64Range(0, 60*3000).Draw(rt, "range"))
		length := time.Duration(rapid.IntRange(1, 3000).Draw(rt, "minutes")) * time.Minute
		var want []series.Slot
		for _, r := range must[[]schemas.Rollup](t)(s.Rollups(t.Context(), q)) {
			at := time.Unix(r.Minute*60, 0).Sub(q.From)
			start := q.From.Add(at - at%length).UTC()
			if len(want) == 0 || !want[len(want)-1].Start.Equal(start) {
				want = append(want, series.Slot{Start: start, Totals: series.Totals{Wearer: ann}})
			}
			w := &want[len(want)-1].Totals
			w.Minutes, w.Breaks = w.Minutes+1, w.Breaks+r.Breaks
			w.Sitting, w.Standing = w.Sitting+float64(r.Sitting), w.Standing+float64(r.Standing)
			w.Moving, w.NotWorn = w.Moving+float64(r.Moving), w.NotWorn+float64(r.NotWorn)
			w.Upright, w.Slouched = w.Upright+float64(r.Upright), w.Slouched+float64(r.Slouched)
			w.FlexionSum += float64(r.Flexion) * float64(r.Upright+r.Slouched)
		}
		for i := range want {
			want[i].Totals = rounded(want[i].Totals)
		}
		if got := slotsOf(t, s, q, length); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			rt.Fatalf("slots of %v to %v by %v are\n%+v, want\n%+v", q.From, q.To, length, got, want)
		}
	})
}
