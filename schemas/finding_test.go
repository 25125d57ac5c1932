package schemas_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

func TestFindingsComeBackBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genFinding().Draw(t, "finding")
		got := encodesTheSame(t, want, (*schemas.Finding).Encode, schemas.DecodeFinding)
		same(t, got, want)
	})
}

// A number that is none has no JSON: better no finding than another one.
func TestFindingsHoldNumbers(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for name, f := range map[string]schemas.Finding{
			"seconds": {Seconds: bad},
			"value":   {Receipt: &schemas.Receipt{Values: map[string]float64{"load": bad}}},
		} {
			if b, err := f.Encode(); err == nil {
				t.Errorf("%s %v was written: %s", name, bad, b)
			}
		}
	}
}

// older is a finding as builds without severities and receipts wrote it.
const older = `{"schema":"sitwell.finding.v1","id":"9275b58fdbd9afd8-closed","episode":"9275b58fdbd9afd8","org":"acme","wearer":"anna",` +
	`"device":"band-1","rule":"slouch","step":"closed","level":2,"start":"2026-11-20T11:40:00Z","time":"2026-11-20T12:00:05Z",` +
	`"end":"2026-11-20T12:00:00Z","outcome":"moved","seconds":1200.5,"flexion_deg":21.25,"boot":7,"seq":1042}`

func TestOlderFindingsAreReadAndStayAsTheyWere(t *testing.T) {
	f, err := schemas.DecodeFinding([]byte(older))
	if err != nil {
		t.Fatal(err)
	}
	want := schemas.Finding{
		Schema: schemas.SchemaFinding, ID: "9275b58fdbd9afd8-closed", Episode: "9275b58fdbd9afd8", Org: acme, Wearer: anna, Device: band,
		Rule: schemas.RuleSlouch, Step: schemas.Closed, Level: 2, Start: noon.Add(-20 * time.Minute), Time: noon.Add(5 * time.Second),
		End: noon, Outcome: schemas.Moved, Seconds: 1200.5, FlexionDeg: 21.25, Boot: 7, Seq: 1042,
	}
	if f != want {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
	if b, err := f.Encode(); err != nil || string(b) != older {
		t.Errorf("%v\ngot  %s\nwant %s", err, b, older)
	}
}

func TestNewerFindingsAreReadAsFarAsTheyAreKnown(t *testing.T) {
	more := `,"severity":"critical","cause":"spin","mood":{"deep":[1]},"receipt":{"engine":9,"rule":"R42","proof":"x","to":{"seq":3,"chip":1}}}`
	newer := strings.Replace(older[:len(older)-1], `"slouch"`, `"spin"`, 1) + more
	f, err := schemas.DecodeFinding([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	if f.Severity != 0 || f.Rule != "spin" || f.Cause != "spin" || f.Seq != 1042 {
		t.Errorf("got %+v", f)
	}
	if r := f.Receipt; r == nil || r.Engine != 9 || r.RuleNumber != "R42" || r.To.Seq != 3 || r.Zero != nil {
		t.Errorf("receipt %+v", r)
	}
}

func TestSeveritiesAreWords(t *testing.T) {
	for severity, want := range map[schemas.Severity]string{
		0: `{}`, schemas.Mild: `{"severity":"mild"}`, schemas.Moderate: `{"severity":"moderate"}`, schemas.Severe: `{"severity":"severe"}`,
	} {
		type holder struct {
			Severity schemas.Severity `json:"severity,omitempty"`
		}
		b, err := json.Marshal(holder{severity})
		if err != nil || string(b) != want {
			t.Errorf("%v became %s, %v", severity, b, err)
		}
		var back holder
		if err := json.Unmarshal(b, &back); err != nil || back.Severity != severity {
			t.Errorf("%s became %v, %v", b, back.Severity, err)
		}
	}
	if _, err := schemas.DecodeFinding([]byte(`{"schema":"sitwell.finding.v1","severity":2}`)); err == nil {
		t.Error("a severity in numbers was taken")
	}
	if schemas.Mild >= schemas.Moderate || schemas.Moderate >= schemas.Severe {
		t.Error("severities do not rise")
	}
}

func TestEachRuleStandsOnce(t *testing.T) {
	seen := map[schemas.Rule]bool{}
	for _, rule := range schemas.Rules() {
		if seen[rule] || rule == "" {
			t.Errorf("%q stands twice", rule)
		}
		seen[rule] = true
	}
}

func TestEpisodeIDsAreAFormat(t *testing.T) {
	start := time.UnixMilli(1795176000000)
	if got := schemas.EpisodeID(acme, anna, schemas.RuleSlouch, start); got != "9275b58fdbd9afd8" {
		t.Errorf("the episode's name changed to %s: every finding in a log would count again", got)
	}
}

func TestFindingIDsAreAFormat(t *testing.T) {
	for want, step := range map[string]schemas.Step{
		"e-opened2": schemas.Opened, "e-escalated2": schemas.Escalated, "e-risen2": schemas.Risen, "e-raised3": schemas.Raised, "e-closed": schemas.Closed,
	} {
		if got := schemas.FindingID("e", step, 2, schemas.Severe); got != want {
			t.Errorf("the name of a finding changed from %s to %s: it would count again", want, got)
		}
	}
}
