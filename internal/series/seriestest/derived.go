package seriestest

import (
	"context"
	"reflect"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// minuteOf is the minute of so many seconds after monday.
func minuteOf(seconds float64) int64 { return after(seconds).Unix() / 60 }

// rollups: the last of a minute counts, within an append and over appends; a
// minute counts where it starts.
func rollups(t *testing.T, open Open) {
	s := opened(t, open)
	full := schemas.Rollup{
		Org: acme, Wearer: ann, Minute: minuteOf(60), Sitting: 30.25, Standing: 10.125, Moving: 9.001, NotWorn: 0.5,
		Upright: 20, Slouched: 19.999, Flexion: -12.375, Breaks: 2,
		FlexionP95: 61.5, LeanLeft: 4.004, LeanRight: 0.001, Bent: 7.5, LoadPeak: 0.625, Shifts: 3, Bout: 604_800,
	}
	put := func(seq uint64, rollups ...schemas.Rollup) {
		mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: seq, Rollups: rollups})
	}
	put(1, schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(60), Sitting: 1, Breaks: 9}, schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(0)})
	put(2, schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(60), Sitting: 2}, full)
	put(2, schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(60)}) // a replay
	put(3, schemas.Rollup{Org: acme, Wearer: bob, Minute: minuteOf(60), Moving: 60})
	ctx := context.Background()
	ask := func(from, to float64) []schemas.Rollup {
		return must[[]schemas.Rollup](t)(s.Rollups(ctx, between(annOf, from, to)))
	}
	if got := ask(0.001, 60.001); !reflect.DeepEqual(got, []schemas.Rollup{full}) {
		t.Errorf("rollups are %+v, want %+v", got, full)
	}
	for _, c := range []struct {
		from, to float64
		want     int
	}{{0, 60, 1}, {0, 60.001, 2}, {0.001, 60, 0}, {-60, 3600, 2}, {60, 120, 1}, {61, 3600, 0}, {60, 60, 0}, {120, 0, 0}} {
		if got := ask(c.from, c.to); len(got) != c.want {
			t.Errorf("[%v, %v) has %d rollups, want %d", c.from, c.to, len(got), c.want)
		}
	}
	wantStats(t, s, series.Stats{Rollups: 3})
}

// totals: sums of each wearer of an organisation, over the range.
func totals(t *testing.T, open Open) {
	s := opened(t, open)
	var all []schemas.Rollup
	for i := range 10 {
		at := float64(60 * i)
		all = append(all,
			schemas.Rollup{Org: acme, Wearer: bob, Minute: minuteOf(at), Sitting: 60, Upright: 10, Slouched: 20, Flexion: 14.5},
			schemas.Rollup{Org: acme, Wearer: ann, Minute: minuteOf(at), Sitting: 20.5, Standing: 15, Moving: 12.25, NotWorn: 2, Upright: 30, Breaks: i % 2},
			schemas.Rollup{Org: other, Wearer: ann, Minute: minuteOf(at), Sitting: 1})
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: all})
	want := []series.Totals{
		{Wearer: ann, Minutes: 8, Sitting: 164, Standing: 120, Moving: 98, NotWorn: 16, Upright: 240, Breaks: 4},
		{Wearer: bob, Minutes: 8, Sitting: 480, Upright: 80, Slouched: 160, FlexionSum: 8 * 14.5 * 30},
	}
	ctx := context.Background()
	got := must[[]series.Totals](t)(s.Totals(ctx, between(series.Query{Org: acme}, 60, 540)))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("totals are\n%+v, want\n%+v", got, want)
	}
	for _, q := range []series.Query{between(series.Query{Org: acme}, 601, 6000), between(series.Query{Org: acme}, 60, 60), between(series.Query{Org: schemas.MustID("none")}, 0, 600)} {
		if got := must[[]series.Totals](t)(s.Totals(ctx, q)); len(got) != 0 {
			t.Errorf("totals of %+v are %+v, want none", q, got)
		}
	}
}

// decisions: all of them come back, the last of an ID counts.
func decisions(t *testing.T, open Open) {
	s := opened(t, open)
	decide := func(id string, seconds float64, action schemas.Action) schemas.Decision {
		return schemas.Decision{
			Schema: schemas.SchemaDecision, ID: id, Nudge: "n", Episode: "e", Org: acme, Wearer: ann, Device: chest,
			Rule: schemas.RuleSitting, Level: 2, Time: after(seconds), Action: action, HeldBy: "quiet", Why: "it is \"late\"\n", Seconds: 1.5,
		}
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{
		decide("b", 20, schemas.ActionHeld), decide("a", 10, schemas.ActionSent), decide("c", 30, schemas.ActionReplied),
	}})
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 2, Decisions: []schemas.Decision{decide("b", 25, schemas.ActionSent)}})
	want := []schemas.Decision{decide("a", 10, schemas.ActionSent), decide("b", 25, schemas.ActionSent)}
	if got := must[[]schemas.Decision](t)(s.Decisions(context.Background(), between(annOf, 10, 30))); !reflect.DeepEqual(got, want) {
		t.Errorf("decisions are\n%+v, want\n%+v", got, want)
	}
	wantStats(t, s, series.Stats{Decisions: 3})
}
