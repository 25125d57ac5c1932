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

// finding is a step of an episode of ann's that starts 10 s after monday and,
// if closed, ends at 200 s.
func finding(episode string, step schemas.Step, level int) schemas.Finding {
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, Episode: episode,
		Org: acme, Wearer: ann, Device: chest, Rule: schemas.RuleSlouch, Step: step, Level: level,
		Start: after(10), Time: after(10 + float64(level)*30), Seconds: float64(level) * 30,
		Severity: schemas.Severity(level), Boot: 1, Seq: 7,
	}
	switch step {
	case schemas.Opened:
		f.FlexionDeg, f.Cause = 21.5, schemas.Left
	case schemas.Escalated, schemas.Risen:
		f.FlexionDeg, f.Cause = 30, schemas.Right
	case schemas.Raised:
		f.Severity = schemas.Severe
	case schemas.Closed:
		f.Time, f.End, f.Outcome, f.Seconds = after(205), after(200), schemas.Recovered, 190
	}
	f.ID = schemas.FindingID(episode, step, level, f.Severity)
	return f
}

// episodes: the order and number of findings does not matter.
func episodes(t *testing.T, open Open) {
	s := opened(t, open)
	steps := []schemas.Finding{
		finding("e", schemas.Opened, 1), finding("e", schemas.Escalated, 2), finding("e", schemas.Risen, 2),
		finding("e", schemas.Raised, 2), finding("e", schemas.Closed, 2),
	}
	want := series.Episode{
		Rule: schemas.RuleSlouch, Start: after(10), End: after(200), Level: 2, Outcome: schemas.Recovered, Seconds: 190, FlexionDeg: 21.5,
		Severity: schemas.Severe, Cause: schemas.Left,
	}
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an order, not a secret
	var seq uint64
	for i := range 24 {
		id := fmt.Sprintf("e%d", i)
		for _, j := range append(rnd.Perm(len(steps)), rnd.Perm(len(steps))...) {
			f := steps[j]
			f.Episode, f.ID = id, schemas.FindingID(id, f.Step, f.Level, f.Severity)
			f.Start = f.Start.Add(time.Duration(i) * time.Millisecond) // a rule has one episode at a time
			seq++
			mustAppend(t, s, found(seq, f))
		}
	}
	got := must[[]series.Episode](t)(s.Episodes(ctx, between(annOf, 0, 3600)))
	if len(got) != 24 {
		t.Fatalf("%d episodes, want 24", len(got))
	}
	for i, e := range got {
		want.ID, want.Start = fmt.Sprintf("e%d", i), after(10).Add(time.Duration(i)*time.Millisecond)
		if !reflect.DeepEqual(e, want) {
			t.Errorf("episode is %+v, want %+v", e, want)
		}
	}
	mustAppend(t, s, found(seq+1, finding("open", schemas.Escalated, 2), finding("open", schemas.Opened, 1)))
	got = must[[]series.Episode](t)(s.Episodes(ctx, between(annOf, 7200, 7300)))
	open2 := series.Episode{ID: "open", Rule: schemas.RuleSlouch, Start: after(10), Level: 2, Seconds: 60, FlexionDeg: 21.5, Severity: schemas.Moderate, Cause: schemas.Left}
	if !reflect.DeepEqual(got, []series.Episode{open2}) {
		t.Errorf("open episodes are %+v, want %+v", got, open2)
	}
	wantStats(t, s, series.Stats{Episodes: 25, Findings: 24*5 + 2})
}

// episodeEdges: an episode counts if part of it lies in the range.
func episodeEdges(t *testing.T, open Open) {
	s := opened(t, open)
	moment := finding("moment", schemas.Closed, 1)
	moment.Start, moment.End = after(50), after(50)
	mustAppend(t, s, found(1, finding("long", schemas.Closed, 1), moment))
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
	mustAppend(t, s, found(1, finding("e", schemas.Escalated, 2), finding("e", schemas.Opened, 1), early)) // e's last is at 70 s
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
	mustAppend(t, s, found(2, finding("e", schemas.Closed, 2), finding("early", schemas.Closed, 1)))
	if got := ask(3600, day); got != nil {
		t.Errorf("episodes that were over at 200 s are there an hour later: %v", got)
	}
}
