package dashboard

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func (w *world) append(t *testing.T, b series.Batch) {
	t.Helper()
	if _, err := w.store.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); a.status != 200 || err != nil {
		t.Fatalf("status %d, %v: %.300s", a.status, err, a.body)
	}
	return v
}

const annaDay = "/api/v1/orgs/acme/wearers/anna/day"

// at is a time of day in Vienna on the tests' Friday.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour-1, minute, 0, 0, time.UTC) }

func minute(hour, m int, r schemas.Rollup) schemas.Rollup {
	r.Org, r.Wearer, r.Minute = acme, anna, at(hour, m).Unix()/60
	return r
}

func TestDayHasColumnsAndTotals(t *testing.T) {
	w := newWorld(t, noon, few())
	var list []schemas.Rollup
	for m := range 30 {
		list = append(list, minute(9, m, schemas.Rollup{
			Sitting: 60, Upright: 30, Slouched: 30, Flexion: 14, FlexionP95: 22.5, LeanLeft: 30, LeanRight: 10, Bent: 6, LoadPeak: 0.01 * float32(m), Shifts: m % 2,
			Bout: 60 * float32(m+1),
		}))
	}
	list = append(list, minute(9, 30, schemas.Rollup{Moving: 60}), minute(9, 31, schemas.Rollup{Moving: 60}),
		minute(9, 32, schemas.Rollup{Moving: 30, Sitting: 30, Breaks: 1}), minute(9, 33, schemas.Rollup{NotWorn: 60}),
		minute(23, 59, schemas.Rollup{Standing: 60})) // the last one is today still, in Vienna
	tomorrow := minute(23, 59, schemas.Rollup{Standing: 60})
	tomorrow.Minute++
	w.append(t, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: append(list, tomorrow)})

	d := into[dayView](t, get(t, w, annaDay))
	if d.Date != "2026-11-20" || d.Zone != "Europe/Vienna" || !d.Today || d.Wearer.TeamName != "Design" {
		t.Errorf("the day is %s in %s, today %v, of %+v", d.Date, d.Zone, d.Today, d.Wearer)
	}
	if !d.From.Equal(at(0, 0)) || !d.To.Equal(at(24, 0)) {
		t.Errorf("it lasts from %s to %s", d.From, d.To)
	}
	if n := len(d.Minutes.Minute); n != len(list) || len(d.Minutes.Flexion) != n || len(d.Minutes.Breaks) != n {
		t.Fatalf("there are %d minutes, want %d", n, len(list))
	}
	if d.Minutes.Flexion[0] == nil || *d.Minutes.Flexion[0] != 14 || d.Minutes.Flexion[30] != nil {
		t.Errorf("flexion is %v where judged and %v where not", d.Minutes.Flexion[0], d.Minutes.Flexion[30])
	}
	if m := d.Minutes; *m.FlexionP95[0] != 22.5 || m.FlexionP95[30] != nil || m.LeanLeft[0] != 30 || m.LeanRight[0] != 10 || m.Bent[0] != 6 ||
		m.LoadPeak[29] != 0.29 || m.Shifts[1] != 1 || m.Bout[29] != 1800 {
		t.Errorf("the columns of signals are %+v", m)
	}
	got := d.Totals
	if got.SittingMin != 30.5 || got.MovingMin != 2.5 || got.NotWornMin != 1 || got.StandingMin != 1 || got.Breaks != 1 ||
		got.SlouchedMin != 15 || *got.SlouchedShare != 0.5 || *got.FlexionDeg != 14 || got.LongestBoutMin != 30 {
		t.Errorf("totals are %+v", got)
	}
	if got.Shifts != 15 || *got.ShiftsAnHour != 30 || math.Abs(got.LoadPeak-0.29) > 1e-6 || got.LeanLeftMin != 15 || got.LeanRightMin != 5 ||
		*got.LeanIndex != 0.5 || got.OneSided != "" || *got.BentShare != 0.1 || !got.BentMuch {
		t.Errorf("totals are %+v", got)
	}
}

func TestEmptyDayHasTheSameShape(t *testing.T) {
	w := newWorld(t, noon, few())
	got := get(t, w, annaDay+"?date=2026-02-01")
	d := into[dayView](t, got)
	if d.Today || d.Totals.SlouchedShare != nil || d.Totals.CorrectionS != nil {
		t.Errorf("an empty day is %+v", d)
	}
	for _, want := range []string{`"minute":[]`, `"flexion_deg":[]`, `"episodes":[]`, `"nudges":[]`, `"slouched_share":null`, `"lean_index":null`, `"shifts_an_hour":null`, `"flexion_p95_deg":[]`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("there is no %s in %s", want, got.body)
		}
	}
}

// A day is the wearer's own, and as long as their clocks say.
func TestDayBeginsAndEndsInTheWearersZone(t *testing.T) {
	w := newWorld(t, noon, few())
	for _, c := range []struct{ target, from, to string }{
		{annaDay, "2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z"},
		{annaDay + "?date=2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // 25 hours
		{annaDay + "?date=2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours
		{"/api/v1/orgs/acme/wearers/ravi/day", "2026-11-19T18:30:00Z", "2026-11-20T18:30:00Z"},
		{"/api/v1/orgs/globex/wearers/homer/day", "2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z"},
	} {
		d := into[dayView](t, get(t, w, c.target))
		if got := d.From.Format(time.RFC3339) + " " + d.To.Format(time.RFC3339); got != c.from+" "+c.to {
			t.Errorf("%s lasts %s, want %s %s", c.target, got, c.from, c.to)
		}
	}
}

func decision(nudge string, action schemas.Action, at time.Time, change ...func(*schemas.Decision)) schemas.Decision {
	d := schemas.Decision{
		Schema: schemas.SchemaDecision, ID: fmt.Sprintf("%s-%s-%d", nudge, action, at.Unix()), Nudge: nudge, Episode: "e-" + nudge, Org: acme,
		Wearer: anna, Device: anna, Rule: schemas.RuleSlouch, Level: 2, Time: at, Action: action, Text: "Grow tall.", Reason: "You leaned.",
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

func TestNudgesAreJoinedOfTheirDecisions(t *testing.T) {
	w := newWorld(t, noon, few())
	corrected := func(s float64) func(*schemas.Decision) {
		return func(d *schemas.Decision) { d.Seconds, d.Outcome = s, schemas.Recovered }
	}
	w.append(t, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{
		decision("yesterdays", schemas.ActionSent, at(-1, 59)),
		decision("yesterdays", schemas.ActionCorrected, at(0, 5), corrected(360)),
		decision("answered", schemas.ActionSent, at(9, 0)),
		decision("answered", schemas.ActionReplied, at(9, 1), func(d *schemas.Decision) { d.Reply = "done" }),
		decision("answered", schemas.ActionCorrected, at(9, 2), corrected(120)),
		decision("held", schemas.ActionHeld, at(9, 10), func(d *schemas.Decision) { d.HeldBy, d.Why = "spacing", "too soon" }),
		decision("lost", schemas.ActionAmbiguous, at(10, 0)),
		decision("", schemas.ActionCounted, at(10, 30)),
		decision("late", schemas.ActionSent, at(23, 59)),
		decision("late", schemas.ActionCorrected, at(24, 1), corrected(60)),
		decision("tomorrows", schemas.ActionSent, at(24, 2)),
		decision("", schemas.ActionCounted, at(24, 3)),
	}})
	d := into[dayView](t, get(t, w, annaDay))
	var got []string
	for _, n := range d.Nudges {
		line := fmt.Sprintf("%s %s %s%s%s", n.ID, n.Status, n.Reply, n.HeldBy, n.Outcome)
		if n.CorrectionS != nil {
			line += fmt.Sprint(" ", *n.CorrectionS)
		}
		got = append(got, line)
	}
	want := "answered sent donerecovered 120|held held spacing|lost ambiguous |late sent recovered 60"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	totals := d.Totals
	if totals.NudgesSent != 3 || totals.NudgesHeld != 1 || *totals.CorrectionS != 90 || totals.Unprompted != 1 {
		t.Errorf("totals are %+v", totals)
	}
	list := into[struct{ Nudges []nudgeView }](t, get(t, w, "/api/v1/orgs/acme/wearers/anna/nudges"+span)).Nudges
	if len(list) != 1 || list[0].ID != "lost" { // span is 9 to 13 o'clock in Vienna, and then two more
		var ids []string
		for _, n := range list {
			ids = append(ids, n.ID)
		}
		if strings.Join(ids, " ") != "answered held lost" {
			t.Errorf("from nine to one there are %v", ids)
		}
	}
}

// What came before is found again however it is asked for, and by nobody else.
func TestEpisodesAndRollupsOfARange(t *testing.T) {
	w := newWorld(t, noon, few())
	b := series.Batch{Stream: schemas.StreamFindings, Seq: 1}
	for _, step := range []schemas.Step{schemas.Opened, schemas.Closed} {
		f := schemas.Finding{
			Schema: schemas.SchemaFinding, ID: "f-" + string(step), Episode: "e1", Org: acme, Wearer: anna, Device: anna, Rule: schemas.RuleSlouch,
			Step: step, Level: 1, Start: at(9, 30), Time: at(9, 31), Seconds: 30, FlexionDeg: 21.5,
		}
		if step == schemas.Closed {
			f.End, f.Outcome, f.Seconds = at(9, 32), schemas.Moved, 120
		}
		b.Findings = append(b.Findings, f)
	}
	w.append(t, b)
	w.append(t, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{minute(9, 30, schemas.Rollup{Sitting: 60})}})
	episodes := func(wearer string) []series.Episode {
		return into[struct{ Episodes []series.Episode }](t, get(t, w, "/api/v1/orgs/acme/wearers/"+wearer+"/episodes"+span)).Episodes
	}
	list := episodes("anna")
	if len(list) != 1 || list[0].Outcome != schemas.Moved || !list[0].End.Equal(at(9, 32)) {
		t.Errorf("anna's episodes are %+v", list)
	}
	if others := episodes("ravi"); len(others) != 0 {
		t.Errorf("ravi has anna's episodes: %+v", others)
	}
	rollups := into[struct{ Rollups []schemas.Rollup }](t, get(t, w, "/api/v1/orgs/acme/wearers/anna/rollups"+span)).Rollups
	if len(rollups) != 1 || rollups[0].Sitting != 60 {
		t.Errorf("the rollups are %+v", rollups)
	}
	if d := into[dayView](t, get(t, w, annaDay)); d.Totals.SlouchEpisodes != 1 || len(d.Episodes) != 1 {
		t.Errorf("the day has %d episodes", len(d.Episodes))
	}
}

func TestListsOfWhoThereIs(t *testing.T) {
	w := newWorld(t, noon, few())
	for target, want := range map[string]string{
		"/api/v1/orgs":      `{"orgs":[{"id":"acme","name":"Acme \u0026 Söhne","zone":"Europe/Vienna"},{"id":"globex","name":"Globex","zone":"America/New_York"}]}`,
		"/api/v1/orgs/acme": `{"id":"acme","name":"Acme \u0026 Söhne","zone":"Europe/Vienna","teams":[{"id":"design","name":"Design"},{"id":"engineering","name":"Engineering"},{"id":"facilities","name":"Facilities"},{"id":"sales","name":"Sales"}]}`,
		"/api/v1/orgs/acme/wearers": `{"wearers":[{"id":"anna","name":"Anna","team":"design","team_name":"Design","zone":"Europe/Vienna"},` +
			`{"id":"ravi","name":"Ravi","team":"sales","team_name":"Sales","zone":"Asia/Kolkata"}]}`,
	} {
		if got := get(t, w, target); got.status != 200 || strings.TrimSpace(got.body) != want {
			t.Errorf("%s gave %d\n%s, want\n%s", target, got.status, got.body, want)
		}
	}
}
