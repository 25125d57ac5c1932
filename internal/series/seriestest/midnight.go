package seriestest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// midnight is the one after monday, in seconds after it: a store may keep each day apart.
const midnight = 15 * 3600.0

// midnightReadings: a reading is known again and late also where its other time, or its
// mark's, lies on the other side of midnight.
func midnightReadings(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	at := func(seq uint64, seconds float64) schemas.Batch { return run(1, reading(seq, midnight+seconds)) }
	mustAppend(t, s, raw(1, run(1, readings(0, 120, midnight-60, 1)...))) // 60 is the first of the day
	mustAppend(t, s, marked(1, lateAt(1, 50, 69, midnight-10, midnight+9), lateAt(1, 200, 201, midnight+300, midnight+300)))
	mustAppend(t, s, raw(2, at(10, 40), at(100, -40), at(59, 0), at(60, -0.001)))      // again, with times of the other day
	mustAppend(t, s, marked(2, lateAt(1, 100, 101, midnight-40, midnight-40)))         // of what comes again
	mustAppend(t, s, raw(3, at(200, 300), at(201, 300-series.Repeats.Seconds())))      // after their mark
	mustAppend(t, s, raw(4, run(1, readings(0, 120, midnight-60, 1)...), at(200, -1))) // and all of it once more
	late := []uint64{201}
	for seq := range uint64(20) {
		late = append(late, 50+seq)
	}
	late = append(late, 100, 101, 200)
	want := func() {
		t.Helper()
		wantOnce(t, s, between(annOf, 0, 2*midnight), 122, midnight-60, midnight-1, midnight-0.001, midnight, midnight+0.001, midnight+41, midnight+300)
		all := slices.DeleteFunc(stored(t, s, between(annOf, 0, 2*midnight)), func(r series.Reading) bool { return !r.Late })
		got := seqs(all)
		slices.Sort(got)
		slices.Sort(late)
		if !slices.Equal(got, late) {
			t.Errorf("late are %v, want %v", got, late)
		}
	}
	want()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want()
}

// midnightDerived: minutes, episodes and decisions about midnight, asked by the day and
// over it.
func midnightDerived(t *testing.T, open Open) {
	s := opened(t, open)
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{
		sitting(midnight-60, 1), sitting(midnight, 2), sitting(midnight-3600, 4), sitting(midnight+3600, 8),
	}})
	mustAppend(t, s, found(1, from("over", midnight-30, schemas.Opened, 1), from("over", midnight-30, schemas.Closed, 1),
		from("open", midnight-600, schemas.Opened, 1), from("next", midnight, schemas.Opened, 2)))
	decide := func(id string, at float64) schemas.Decision {
		return schemas.Decision{Schema: schemas.SchemaDecision, ID: id, Org: acme, Wearer: ann, Device: chest, Time: after(at), Action: schemas.ActionSent}
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{decide("after", midnight), decide("before", midnight-0.001)}})
	for _, c := range []struct {
		from, to            float64
		sitting             []float32
		episodes, decisions []string
	}{
		{0, midnight, []float32{4, 1}, []string{"open", "over"}, []string{"before"}},
		{midnight, 2 * midnight, []float32{2, 8}, []string{"open", "over", "next"}, []string{"after"}},
		{0, 2 * midnight, []float32{4, 1, 2, 8}, []string{"open", "over", "next"}, []string{"before", "after"}},
		{midnight + 59.999, midnight + 3600, nil, []string{"open", "over", "next"}, nil},
		{midnight + 60, midnight + 3600, nil, []string{"open", "next"}, nil}, // it ended then
	} {
		q := between(annOf, c.from, c.to)
		var sat []float32
		var met, decided []string
		for _, r := range must[[]schemas.Rollup](t)(s.Rollups(t.Context(), q)) {
			sat = append(sat, r.Sitting)
		}
		for _, e := range must[[]series.Episode](t)(s.Episodes(t.Context(), q)) {
			met = append(met, e.ID)
		}
		for _, d := range must[[]schemas.Decision](t)(s.Decisions(t.Context(), q)) {
			decided = append(decided, d.ID)
		}
		if !slices.Equal(sat, c.sitting) || !slices.Equal(met, c.episodes) || !slices.Equal(decided, c.decisions) {
			t.Errorf("[%v, %v) has minutes of %v, episodes %v, decisions %v", c.from, c.to, sat, met, decided)
		}
	}
	slots := must[[]series.Slot](t)(s.Slots(t.Context(), between(annOf, midnight-1800, midnight+1800), time.Hour))
	if want := []series.Slot{{Start: after(midnight - 1800), Totals: series.Totals{Wearer: ann, Minutes: 2, Sitting: 3}}}; !reflect.DeepEqual(slots, want) {
		t.Errorf("slots over midnight are %+v, want %+v", slots, want)
	}
	if got := must[[]schemas.Finding](t)(s.Findings(t.Context(), acme, "over")); len(got) != 2 {
		t.Errorf("findings of an episode over midnight are %+v, want two", got)
	}
}
