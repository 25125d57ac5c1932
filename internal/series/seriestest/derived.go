package seriestest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

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

// finding is a step of an episode of ann's that starts 10 s after monday and,
// if closed, ends at 200 s.
func finding(episode string, step schemas.Step, level int) schemas.Finding {
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, ID: fmt.Sprintf("%s-%s-%d", episode, step, level), Episode: episode,
		Org: acme, Wearer: ann, Device: chest, Rule: schemas.RuleSlouch, Step: step, Level: level,
		Start: after(10), Time: after(10 + float64(level)*30), Seconds: float64(level) * 30,
	}
	switch step {
	case schemas.Opened:
		f.FlexionDeg = 21.5
	case schemas.Escalated, schemas.Risen:
		f.FlexionDeg = 30
	case schemas.Closed:
		f.Time, f.End, f.Outcome, f.Seconds = after(205), after(200), schemas.Recovered, 190
	}
	return f
}

// episodes: the order and number of findings does not matter.
func episodes(t *testing.T, open Open) {
	s := opened(t, open)
	steps := []schemas.Finding{
		finding("e", schemas.Opened, 1), finding("e", schemas.Escalated, 2), finding("e", schemas.Escalated, 3), finding("e", schemas.Closed, 3),
	}
	want := series.Episode{
		Rule: schemas.RuleSlouch, Start: after(10), End: after(200), Level: 3, Outcome: schemas.Recovered, Seconds: 190, FlexionDeg: 21.5,
	}
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an order, not a secret
	var seq uint64
	for i := range 24 {
		id := fmt.Sprintf("e%d", i)
		for _, j := range append(rnd.Perm(len(steps)), rnd.Perm(len(steps))...) {
			f := steps[j]
			f.Episode, f.ID = id, id+f.ID
			seq++
			mustAppend(t, s, series.Batch{Stream: schemas.StreamFindings, Seq: seq, Findings: []schemas.Finding{f}})
		}
	}
	got := must[[]series.Episode](t)(s.Episodes(ctx, between(annOf, 0, 3600)))
	if len(got) != 24 {
		t.Fatalf("%d episodes, want 24", len(got))
	}
	for _, e := range got {
		want.ID = e.ID
		if !reflect.DeepEqual(e, want) {
			t.Errorf("episode is %+v, want %+v", e, want)
		}
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamFindings, Seq: seq + 1, Findings: []schemas.Finding{
		finding("open", schemas.Escalated, 2), finding("open", schemas.Opened, 1),
	}})
	got = must[[]series.Episode](t)(s.Episodes(ctx, between(annOf, 7200, 7300)))
	open2 := series.Episode{ID: "open", Rule: schemas.RuleSlouch, Start: after(10), Level: 2, Seconds: 60, FlexionDeg: 21.5}
	if !reflect.DeepEqual(got, []series.Episode{open2}) {
		t.Errorf("open episodes are %+v, want %+v", got, open2)
	}
	wantStats(t, s, series.Stats{Episodes: 25})
}

// episodeEdges: an episode counts if part of it lies in the range.
func episodeEdges(t *testing.T, open Open) {
	s := opened(t, open)
	moment := finding("moment", schemas.Closed, 1)
	moment.Start, moment.End = after(50), after(50)
	mustAppend(t, s, series.Batch{Stream: schemas.StreamFindings, Seq: 1, Findings: []schemas.Finding{finding("long", schemas.Closed, 1), moment}})
	for _, c := range []struct {
		from, to float64
		want     []string
	}{
		{0, 10, nil},
		{0, 10.001, []string{"long"}},
		{50, 60, []string{"long", "moment"}},
		{50.001, 60, []string{"long"}},
		{199.999, 300, []string{"long"}},
		{200, 300, nil},
		{60, 60, nil},
	} {
		var got []string
		for _, e := range must[[]series.Episode](t)(s.Episodes(context.Background(), between(annOf, c.from, c.to))) {
			got = append(got, e.ID)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("episodes of [%v, %v) are %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// openEpisodes: one that has no end counts until series.OpenFor after its last
// finding, in whatever order they came, and is over once it is closed.
func openEpisodes(t *testing.T, open Open) {
	s := opened(t, open)
	const day = 24 * 3600.0
	early := finding("early", schemas.Opened, 1) // a clock that went back: from the start then
	early.Time = early.Start.Add(-time.Hour)
	mustAppend(t, s, series.Batch{Stream: schemas.StreamFindings, Seq: 1, Findings: []schemas.Finding{
		finding("e", schemas.Escalated, 2), finding("e", schemas.Opened, 1), early, // e's last is at 70 s
	}})
	ask := func(from, to float64) (ids []string) {
		for _, e := range must[[]series.Episode](t)(s.Episodes(context.Background(), between(annOf, from, to))) {
			if !e.End.IsZero() {
				t.Errorf("open episode %s ends at %v", e.ID, e.End)
			}
			ids = append(ids, e.ID)
		}
		return ids
	}
	for _, c := range []struct {
		from, to float64
		want     []string
	}{
		{0, 10, nil},
		{0, 10.001, []string{"e", "early"}},
		{day, 2 * day, []string{"e", "early"}},
		{day + 9.999, 2 * day, []string{"e", "early"}},
		{day + 10, 2 * day, []string{"e"}},
		{day + 69.999, 2 * day, []string{"e"}},
		{day + 70, 2 * day, nil},
		{200 * day, 201 * day, nil},
		{0, 201 * day, []string{"e", "early"}},
	} {
		if got := ask(c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("episodes of [%v, %v) are %v, want %v", c.from, c.to, got, c.want)
		}
	}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamFindings, Seq: 2, Findings: []schemas.Finding{
		finding("e", schemas.Closed, 2), finding("early", schemas.Closed, 1),
	}})
	if got := ask(3600, day); got != nil {
		t.Errorf("episodes that were over at 200 s are there an hour later: %v", got)
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
