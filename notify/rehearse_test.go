package notify

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// nine is when the rehearsals begin.
func nine() time.Time { return time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC) }

// at is a finding of some seconds past nine.
func at(seconds float64, episode string, rule schemas.Rule, step schemas.Step, level int) schemas.Finding {
	return schemas.Finding{
		Org: schemas.MustID("acme"), Wearer: schemas.MustID("anna"), Device: schemas.MustID("band-1"),
		Schema: schemas.SchemaFinding, ID: schemas.FindingID(episode, step, level, schemas.Mild), Episode: episode,
		Rule: rule, Step: step, Level: level, Time: nine().Add(time.Duration(seconds * float64(time.Second))), Seconds: 120,
	}
}

// outcome is what a decision says, at seconds past nine.
type outcome struct {
	id     string
	at     float64
	heldBy string
	why    string
}

func outcomes(decisions []schemas.Decision) (out []outcome) {
	for _, d := range decisions {
		out = append(out, outcome{d.ID, d.Decided.Sub(nine()).Seconds(), d.HeldBy, d.Why})
	}
	return out
}

func TestRehearse(t *testing.T) {
	const (
		slouch, load, sitting = schemas.RuleSlouch, schemas.RuleLoad, schemas.RuleSitting
		opened, escalated     = schemas.Opened, schemas.Escalated
		closed, risen         = schemas.Closed, schemas.Risen

		over = "it was over before the nudge could come"
		rose = "the wearer had got up before the nudge could come"
		now  = "the last nudge was 0 seconds ago"
	)
	tests := []struct {
		name     string
		findings []schemas.Finding
		want     []outcome
	}{
		{name: "nothing"},
		{
			name: "an episode",
			findings: []schemas.Finding{
				at(0, "e1", slouch, opened, 1), at(90, "e1", slouch, escalated, 2), at(95, "e1", slouch, schemas.Raised, 2),
				at(130, "e1", slouch, closed, 2),
			},
			want: []outcome{{id: "e1-2-sent", at: 90}},
		},
		{
			name: "each level has a nudge of its own, and one",
			findings: []schemas.Finding{
				at(0, "e1", load, escalated, 2), at(0, "e1", load, escalated, 2), at(900, "e1", load, escalated, 3),
				at(1200, "e1", load, escalated, 3),
			},
			want: []outcome{{id: "e1-2-sent"}, {id: "e1-3-sent", at: 900}},
		},
		{
			name: "what never asks",
			findings: []schemas.Finding{
				at(0, "e1", schemas.RuleHold, opened, 1), at(1, "e2", schemas.RuleSudden, opened, 1),
				at(1, "e2", schemas.RuleSudden, closed, 1), at(2, "e3", slouch, escalated, 1), at(3, "e4", schemas.RuleHydration, opened, 1),
			},
		},
		{
			name: "what has no words",
			findings: []schemas.Finding{
				at(0, "e1", "newer", escalated, 2), at(1, "e2", schemas.RuleHold, escalated, 2), at(2, "e3", slouch, escalated, 2),
			},
			want: []outcome{
				{"e1-2-held", 0, "worded", `there is no text for "newer" at level 2`},
				{"e2-2-held", 1, "worded", `there is no text for "hold" at level 2`},
				{id: "e3-2-sent", at: 2},
			},
		},
		{
			name: "what is over with the same reading",
			findings: []schemas.Finding{
				at(0, "e1", schemas.RuleBending, escalated, 2), at(0, "e0", schemas.RuleLoad, closed, 2), at(0, "e1", schemas.RuleBending, closed, 2),
				at(1, "e2", slouch, escalated, 2),
			},
			want: []outcome{{"e1-2-held", 0, "over", over}, {id: "e2-2-sent", at: 1}},
		},
		{
			name: "the end of a nudge that waits",
			findings: []schemas.Finding{
				at(0, "e1", slouch, escalated, 2), at(60, "e2", sitting, escalated, 2), at(61, "e3", schemas.RuleLean, escalated, 2),
				at(110, "e2", sitting, risen, 2), at(120, "e3", schemas.RuleLean, closed, 2), at(121, "e1", slouch, closed, 2),
			},
			want: []outcome{{id: "e1-2-sent"}, {"e2-2-held", 120, "over", rose}, {"e3-2-held", 120, "over", over}},
		},
		{
			name: "one that is over leaves the way to the next",
			findings: []schemas.Finding{
				at(0, "e1", slouch, escalated, 2), at(60, "e2", sitting, escalated, 3), at(61, "e3", schemas.RuleLean, escalated, 2),
				at(110, "e2", sitting, closed, 3),
			},
			want: []outcome{{id: "e1-2-sent"}, {"e2-3-held", 120, "over", over}, {id: "e3-2-sent", at: 120}},
		},
		{
			name: "the most urgent of those that wait is first",
			findings: []schemas.Finding{
				at(0, "e1", slouch, escalated, 2), at(30, "e2", load, escalated, 2), at(40, "e3", sitting, escalated, 3), at(500, "e1", slouch, closed, 2),
			},
			want: []outcome{
				{id: "e1-2-sent"}, {id: "e3-3-sent", at: 120}, {"e2-2-held", 120, "spaced", now},
			},
		},
		{
			name: "a load that waited while a slouch began",
			findings: []schemas.Finding{
				at(0, "e1", sitting, escalated, 2), at(30, "e2", load, escalated, 2), at(60, "e3", slouch, opened, 1),
				at(150, "e3", slouch, escalated, 2),
			},
			want: []outcome{
				{id: "e1-2-sent"},
				{"e2-2-held", 120, "over", "leaning or slouching had begun, which has a nudge of its own"},
				{id: "e3-2-sent", at: 150},
			},
		},
		{
			name: "a load that waited while a slouch came and went",
			findings: []schemas.Finding{
				at(0, "e1", sitting, escalated, 2), at(30, "e2", load, escalated, 2), at(60, "e3", slouch, opened, 1),
				at(90, "e3", slouch, closed, 1),
			},
			want: []outcome{{id: "e1-2-sent"}, {id: "e2-2-sent", at: 120}},
		},
		{
			name: "others that waited while a slouch began",
			findings: []schemas.Finding{
				at(0, "e1", load, escalated, 2), at(30, "e2", sitting, escalated, 2), at(60, "e3", slouch, opened, 1),
			},
			want: []outcome{{id: "e1-2-sent"}, {id: "e2-2-sent", at: 120}},
		},
		{
			name:     "the last of a record are decided, too",
			findings: []schemas.Finding{at(0, "e1", slouch, escalated, 2), at(60, "e2", sitting, escalated, 2)},
			want:     []outcome{{id: "e1-2-sent"}, {id: "e2-2-sent", at: 120}},
		},
		{
			name: "at the same reading only the first goes",
			findings: []schemas.Finding{
				at(0, "e1", slouch, escalated, 2), at(0, "e2", sitting, escalated, 2), at(120, "e3", load, escalated, 2),
			},
			want: []outcome{{id: "e1-2-sent"}, {"e2-2-held", 0, "spaced", now}, {id: "e3-2-sent", at: 120}},
		},
		{
			name: "what comes late in the log is judged by what was there",
			findings: []schemas.Finding{
				at(600, "e1", slouch, escalated, 2), at(0, "e2", sitting, escalated, 2), at(600-60, "e3", load, escalated, 2),
				at(660, "e4", load, escalated, 2), at(720, "e4", load, closed, 2),
			},
			want: []outcome{
				{id: "e1-2-sent", at: 600},
				{"e2-2-held", 600, "fresh", "it came 10 minutes late"},
				{"e3-2-held", 600, "spaced", now},
				{"e4-2-held", 720, "over", over},
			},
		},
		{
			name: "damaged ones",
			findings: []schemas.Finding{
				at(0, "a..b", slouch, escalated, 2), at(0, "e1", slouch, escalated, highestLevel+1), at(0, "e2", slouch, "paused", 2), {},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcomes(Rehearse(tt.findings)); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
}

func TestARehearsedDecisionIsAsALiveOne(t *testing.T) {
	f := at(7, "e1", schemas.RuleLean, schemas.Escalated, 2)
	f.Cause = schemas.Left
	want := candidateOf(f, f.Time).decision(schemas.ActionSent)
	if got := Rehearse([]schemas.Finding{f}); !reflect.DeepEqual(got, []schemas.Decision{want}) || want.Text == "" || want.Reason == "" {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// histories draws what a wearer's findings may look like: episodes of all rules,
// close together, that escalate, are raised and end, some with the same reading.
func histories() *rapid.Generator[[]schemas.Finding] {
	return rapid.Custom(func(t *rapid.T) []schemas.Finding {
		var all []schemas.Finding
		rules := append(schemas.Rules(), "newer")
		for i := range rapid.IntRange(0, 12).Draw(t, "episodes") {
			second := float64(rapid.IntRange(0, 900).Draw(t, "start"))
			rule, episode := rapid.SampledFrom(rules).Draw(t, "rule"), string(rune('a'+i))
			level := 1
			all = append(all, at(second, episode, rule, schemas.Opened, level))
			for rapid.Bool().Draw(t, "goes on") {
				second += float64(rapid.SampledFrom([]int{0, 1, 20, 59, 60, 100, 119, 120, 121, 300}).Draw(t, "seconds"))
				step := rapid.SampledFrom([]schemas.Step{schemas.Escalated, schemas.Escalated, schemas.Raised, schemas.Risen}).Draw(t, "step")
				if step == schemas.Escalated {
					level = min(level+1, 4) // at the highest again: the same finding twice
				}
				f := at(second, episode, rule, step, level)
				f.Severity = schemas.Severity(rapid.IntRange(0, 3).Draw(t, "severity"))
				all = append(all, f)
			}
			if rapid.Bool().Draw(t, "ends") {
				all = append(all, at(second+float64(rapid.IntRange(0, 130).Draw(t, "end")), episode, rule, schemas.Closed, level))
			}
		}
		slices.SortStableFunc(all, func(a, b schemas.Finding) int { return a.Time.Compare(b.Time) })
		return all
	})
}

func TestRehearsalsKeepTheGuarantees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		findings := histories().Draw(t, "findings")
		before := slices.Clone(findings)
		decisions := Rehearse(findings)
		if !reflect.DeepEqual(findings, before) {
			t.Fatal("the findings were changed")
		}
		decided := map[string]schemas.Decision{}
		last := time.Time{}
		for _, d := range decisions {
			if _, again := decided[d.Nudge]; again {
				t.Fatalf("%s is decided twice", d.Nudge)
			}
			decided[d.Nudge] = d
			if age := d.Decided.Sub(d.Time); age < 0 || age > Stale {
				t.Fatalf("%s was decided at the age of %s", d.Nudge, age)
			}
			if d.Action != schemas.ActionSent {
				continue
			}
			if d.Text == "" || !last.IsZero() && d.Decided.Sub(last) < spacing {
				t.Fatalf("%+v went out %s after the one before", d, d.Decided.Sub(last))
			}
			last = d.Decided
		}
		for _, f := range findings {
			d, ok := decided[nudgeID(f.Episode, f.Level)]
			if asks := f.Step == schemas.Escalated && f.Level >= worthNudge; asks && !ok {
				t.Fatalf("nothing is said about %+v", f)
			}
			if f.Step == schemas.Closed && ok && d.Action == schemas.ActionSent && f.Time.Before(d.Decided) {
				t.Fatalf("%s was over at %s and sent at %s", d.Nudge, f.Time, d.Decided)
			}
		}
	})
}

// What is earlier or later by the calendar is the same rehearsal.
func TestRehearsalsShiftWithTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		findings := histories().Draw(t, "findings")
		by := time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "shift"))
		want := Rehearse(findings)
		for i := range want {
			want[i].Time, want[i].Decided = want[i].Time.Add(by), want[i].Decided.Add(by)
		}
		shifted := slices.Clone(findings)
		for i := range shifted {
			shifted[i].Time = shifted[i].Time.Add(by)
		}
		if got := Rehearse(shifted); !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v, want\n%+v", got, want)
		}
	})
}

// What comes later changes nothing that was decided before it came.
func TestRehearsalsDoNotKnowTheFuture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		findings := histories().Draw(t, "findings")
		cut := rapid.IntRange(0, len(findings)).Draw(t, "cut")
		if cut == len(findings) {
			return
		}
		earlier := func(d []schemas.Decision) []schemas.Decision {
			return slices.DeleteFunc(d, func(d schemas.Decision) bool { return !d.Decided.Before(findings[cut].Time) })
		}
		all, part := earlier(Rehearse(findings)), earlier(Rehearse(findings[:cut]))
		if len(all) != len(part) || len(all) > 0 && !reflect.DeepEqual(all, part) {
			t.Fatalf("got\n%+v, without what came later\n%+v", all, part)
		}
	})
}
