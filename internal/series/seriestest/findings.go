package seriestest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// explained is a finding with all that one can have.
func explained(episode string, step schemas.Step, level int) schemas.Finding {
	f := finding(episode, step, level)
	f.Receipt = &schemas.Receipt{
		Engine: 2, RuleNumber: "R1", Version: 1, Parameters: "team-7",
		Limits: map[string]string{"slouch_deg": "15", "slouch_open": "30s"},
		Values: map[string]float64{"flexion_deg": 17.123456789012345, "dwell_s": 0.1},
		From:   schemas.Place{Device: chest, Boot: 1<<32 - 1, Seq: schemas.MaxSeq, Time: after(-7200)},
		To:     schemas.Place{Device: spare, Boot: 1, Seq: 9, Time: after(40.001)},
		Zero:   &schemas.Zero{Pose: schemas.Standing, Upright: [3]int16{-1, 990, 32767}},
		State:  []byte{0, 255, 7, '"', 0},
	}
	return f
}

// findings: they come back whole, by time and then ID; of the same ID the last counts.
func findings(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	opened, escalated, closed := explained("e", schemas.Opened, 1), explained("e", schemas.Escalated, 2), explained("e", schemas.Closed, 2)
	raised := explained("e", schemas.Raised, 2)
	raised.Time = escalated.Time // by ID then
	bare := schemas.Finding{Schema: schemas.SchemaFinding, ID: "bare", Episode: "e2", Org: acme, Wearer: bob, Rule: schemas.RuleBattery, Step: schemas.Opened, Level: 1, Start: after(0), Time: after(0)}
	earlier := opened
	earlier.Receipt, earlier.FlexionDeg, earlier.Time = nil, 99, after(300)
	mustAppend(t, s, found(1, closed, earlier, bare))
	mustAppend(t, s, found(2, raised, opened))
	mustAppend(t, s, found(2, explained("e", schemas.Risen, 3))) // a replay
	mustAppend(t, s, found(3, escalated, closed))
	ask := func(s series.Store, episode string) []schemas.Finding {
		return must[[]schemas.Finding](t)(s.Findings(context.Background(), acme, episode))
	}
	want := []schemas.Finding{opened, escalated, raised, closed}
	if got := ask(s, "e"); !reflect.DeepEqual(got, want) {
		t.Errorf("findings are\n%+v, want\n%+v", got, want)
	}
	if got := ask(s, "e2"); !reflect.DeepEqual(got, []schemas.Finding{bare}) {
		t.Errorf("findings are\n%+v, want\n%+v", got, bare)
	}
	for _, unknown := range []string{"", "e3", "E", "%", "e' OR 1=1"} {
		if got := ask(s, unknown); len(got) != 0 {
			t.Errorf("findings of episode %q are %+v, want none", unknown, got)
		}
	}
	wantStats(t, s, series.Stats{Episodes: 2, Findings: 5})
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if got := ask(openedIn(t, open, dir), "e"); !reflect.DeepEqual(got, want) {
		t.Errorf("reopened, findings are\n%+v, want\n%+v", got, want)
	}
}

// severities: the highest counts, a finding that tells none changes nothing, and the
// cause is that of the earliest step that tells one.
func severities(t *testing.T, open Open) {
	s := opened(t, open)
	tell := func(step schemas.Step, level int, severity schemas.Severity, cause schemas.Cause) schemas.Finding {
		f := finding("e", step, level)
		f.Severity, f.Cause, f.Time = severity, cause, after(20).Add(time.Duration(level)*time.Second)
		f.ID = schemas.FindingID("e", step, level, severity)
		return f
	}
	for i, c := range []struct {
		f        schemas.Finding
		severity schemas.Severity
		cause    schemas.Cause
	}{
		{tell(schemas.Closed, 2, 0, ""), 0, ""},
		{tell(schemas.Raised, 2, schemas.Moderate, schemas.Drift), schemas.Moderate, schemas.Drift},
		{tell(schemas.Raised, 2, schemas.Severe, schemas.Rewear), schemas.Severe, schemas.Drift},
		{tell(schemas.Escalated, 2, schemas.Moderate, schemas.Right), schemas.Severe, schemas.Right},
		{tell(schemas.Opened, 1, schemas.Mild, ""), schemas.Severe, schemas.Right},
		{tell(schemas.Opened, 1, schemas.Mild, schemas.Left), schemas.Severe, schemas.Left},
		{tell(schemas.Escalated, 3, schemas.Moderate, schemas.Right), schemas.Severe, schemas.Left},
	} {
		mustAppend(t, s, found(uint64(i)+1, c.f))
		got := must[[]series.Episode](t)(s.Episodes(context.Background(), between(annOf, 0, 60)))
		if len(got) != 1 || got[0].Severity != c.severity || got[0].Cause != c.cause {
			t.Errorf("after %s the episode is %+v, want severity %v and cause %q", c.f.ID, got, c.severity, c.cause)
		}
	}
}
