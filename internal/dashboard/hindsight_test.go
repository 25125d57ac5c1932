package dashboard

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/auth"
	"sitwell/internal/hindsight"
	"sitwell/internal/series"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

// leaning stores eleven minutes of leaning with what the engine finds in them.
func leaning(t *testing.T, w *world) []schemas.Finding {
	t.Helper()
	b := sitting(at(9, 0), 1, 1400)
	var out detect.Output
	detect.NewWearer(acme, anna, detect.Always(detect.Defaults())).Take(&b, &out)
	w.append(t, series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: []schemas.Batch{b}})
	w.append(t, series.Batch{Stream: schemas.StreamFindings, Seq: 1, Findings: out.Findings})
	return out.Findings
}

// A finding is found by its own id, its episode's and its nudge's, with its proof.
func TestFindingsExplainThemselves(t *testing.T) {
	w := newWorld(t, noon, few())
	findings := leaning(t, w)
	i := slices.IndexFunc(findings, func(f schemas.Finding) bool { return f.Rule == schemas.RuleSlouch && f.Step == schemas.Escalated })
	if i < 0 {
		t.Fatal("leaning for eleven minutes is worth no nudge")
	}
	f := findings[i]
	api := described(t, w)
	for _, id := range []string{f.ID, f.Episode, f.Episode + "-2"} {
		for _, path := range []string{annaPath + "/findings/", "/api/v1/findings/"} {
			a := get(t, w, path+id)
			got := into[hindsight.Explanation](t, a)
			if got.Finding.ID != f.ID || got.Replay.Verdict != hindsight.Same || got.Zone != "Europe/Vienna" {
				t.Errorf("%s%s gave %s, %s, %s", path, id, got.Finding.ID, got.Replay.Verdict, got.Zone)
			}
			if len(got.Curve) < 200 || got.Curve[0].FlexionDeg != 22.4 || len(got.Words) == 0 {
				t.Errorf("%d points and %d words", len(got.Curve), len(got.Words))
			}
			api.holds(t, path, schema{Ref: "#/components/schemas/Explanation"}, into[any](t, a))
		}
	}
	for _, target := range []string{
		annaPath + "/findings/0123456789abcdef", annaPath + "/findings/" + f.Episode + "-3", annaPath + "/findings/" + f.Episode + "-x",
		"/api/v1/orgs/acme/wearers/ravi/findings/" + f.ID, "/api/v1/orgs/globex/wearers/homer/findings/" + f.ID, "/api/v1/findings/nothing",
	} {
		if got := get(t, w, target); got.status != 404 || got.code(t) != "not_found" {
			t.Errorf("%s gave %d %.200s", target, got.status, got.body)
		}
	}
}

// Whoever may not see the wearer cannot tell that there is such a finding.
func TestFindingsOfOthersAreUnknown(t *testing.T) {
	stranger := newWorld(t, noon, few(), func(o *Options) { o.Authority = authority{auth.Asker{Name: "stranger"}, nil} })
	f := leaning(t, stranger)[0]
	here, nowhere := get(t, stranger, "/api/v1/findings/"+f.ID), get(t, stranger, "/api/v1/findings/0123456789abcdef-opened1")
	if here.status != 404 || here.body != nowhere.body {
		t.Errorf("a stranger gets %d %s and %d %s", here.status, here.body, nowhere.status, nowhere.body)
	}
}

// A backtest says how far it is and then what came of it.
func TestBacktestTriesParameters(t *testing.T) {
	w := newWorld(t, noon, few())
	leaning(t, w)
	ask := func(rules string) answer {
		return get(t, w, annaPath+"/backtest"+span+"&rules="+url.QueryEscape(rules))
	}
	last := func(a answer) hindsight.Backtest {
		all := lines[resultLine](t, a)
		return all[len(all)-1].Result
	}
	asIs, later := last(ask("")), last(ask(`{"slouch_nudge":"12m"}`))
	if asIs.Now.Episodes[schemas.RuleSlouch] != 1 || asIs.Then.Episodes[schemas.RuleSlouch] != 1 || later.Rules["slouch_nudge"] != "12m" {
		t.Errorf("as it was: %+v; later: %+v", asIs, later)
	}
	slouches := func(b hindsight.Backtest) (n int) {
		for _, row := range b.Rows {
			if row.Rule == schemas.RuleSlouch && row.Now != nil {
				n++
			}
		}
		return n
	}
	if slouches(asIs) != 1 || slouches(later) != 0 {
		t.Errorf("slouching gives %d nudges after 2 minutes and %d after 12", slouches(asIs), slouches(later))
	}
	for rules, says := range map[string]string{
		`{"slouch_deg":"11"}`:                    "slouch_deg: 11 is outside the safe bounds 12 to 30",
		`{"slouch_nudge":"soon"}`:                "slouch_nudge",
		`{"colour":"red"}`:                       "colour",
		`{"slouch_deg":"12","upright_deg":"14"}`: "upright_deg is over slouch_deg",
		`{"slouch_deg":18}`:                      "JSON object",
		`[]`:                                     "JSON object",
		`{`:                                      "JSON object",
		"{" + strings.Repeat(`"a":"b",`, 3) + `"c":1}`: "JSON object",
	} {
		if got := ask(rules); got.status != 400 || got.code(t) != "bad_rules" || !strings.Contains(got.body, says) {
			t.Errorf("%s gave %d %s, which does not say %q", rules, got.status, got.body, says)
		}
	}
}

// On the way a backtest says how far it is.
func TestBacktestTellsProgress(t *testing.T) {
	w := newWorld(t, noon, few())
	leaning(t, w)
	clock := noon
	w.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	type line struct {
		Progress *struct{ Part float64 }
		Result   *hindsight.Backtest
	}
	all := lines[line](t, get(t, w, annaPath+"/backtest"+span))
	last := 0.0
	for i, l := range all {
		switch end := i == len(all)-1; {
		case end != (l.Result != nil), end == (l.Progress != nil):
			t.Errorf("line %d of %d is %+v", i, len(all), l)
		case !end && (l.Progress.Part < last || l.Progress.Part > 1):
			t.Errorf("after %g comes %g", last, l.Progress.Part)
		case !end:
			last = l.Progress.Part
		}
	}
	if len(all) < 10 {
		t.Errorf("%d lines", len(all))
	}
}

func TestBacktestsAreBounded(t *testing.T) {
	w := newWorld(t, noon, few())
	for range maxReplays {
		w.replays <- struct{}{}
	}
	if got := get(t, w, annaPath+"/backtest"+span); got.status != 503 || got.code(t) != "busy" {
		t.Errorf("one more gave %d %s", got.status, got.body)
	}
	<-w.replays
	if got := get(t, w, annaPath+"/backtest"+span); got.status != 200 || len(w.replays) != maxReplays-1 {
		t.Errorf("with room again: %d, and %d are held", got.status, len(w.replays))
	}
}

// Explanations wait for each other, but not any number of them.
func TestExplanationsAreBounded(t *testing.T) {
	w := newWorld(t, noon, few())
	path := annaPath + "/findings/" + leaning(t, w)[0].ID
	for range maxExplains {
		w.explains <- struct{}{}
	}
	if got := get(t, w, path); got.status != 503 || got.code(t) != "busy" {
		t.Errorf("one more gave %d %s", got.status, got.body)
	}
	<-w.explains
	if got := get(t, w, path); got.status != 200 || len(w.explains) != maxExplains-1 || len(w.replays) != 0 {
		t.Errorf("with room again: %d; %d are held", got.status, len(w.explains))
	}
}

// The parameters in force say who has set them.
func TestRulesSayWhereTheyComeFrom(t *testing.T) {
	w := newWorld(t, noon, few())
	for scope, value := range map[tuning.Scope]string{{Org: acme}: "17", {Org: acme, Wearer: anna}: "19"} {
		if _, err := w.tuning.Set(t.Context(), scope, map[string]string{"slouch_deg": value}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.tuning.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	from := w.tuning.History(tuning.Scope{Org: acme, Wearer: anna})[0].From
	w.now = func() time.Time { return from.Add(time.Hour) }
	type view struct {
		Version string     `json:"version"`
		Rules   []ruleView `json:"rules"`
	}
	for path, want := range map[string]string{annaPath: "19 wearer", "/api/v1/orgs/acme/wearers/ravi": "17 organisation"} {
		got := into[view](t, get(t, w, path+"/rules"))
		if first := got.Rules[0]; first.Key != "slouch_deg" || first.Value+" "+first.From != want || first.Least != "12" || first.Most != "30" {
			b, _ := json.Marshal(first)
			t.Errorf("%s: %s, want %s", path, b, want)
		}
		if got.Version == detect.DefaultVersion || got.Rules[1].From != "default" {
			t.Errorf("%s: version %s, %+v", path, got.Version, got.Rules[1])
		}
	}
}
