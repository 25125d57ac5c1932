package notify

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"sitwell/schemas"
)

func TestReason(t *testing.T) {
	for _, c := range []struct {
		finding schemas.Finding
		want    string
	}{
		{schemas.Finding{Rule: schemas.RuleSlouch, Seconds: 120, FlexionDeg: 23.4}, "leaning or slouching forward for 2 minutes, by about 23 degrees"},
		{schemas.Finding{Rule: schemas.RuleSlouch, Seconds: 60, FlexionDeg: 15}, "leaning or slouching forward for 60 seconds, by about 15 degrees"},
		{schemas.Finding{Rule: schemas.RuleSitting, Seconds: 1800.5}, "sitting for 30 minutes without a break"},
		{schemas.Finding{Rule: schemas.RuleSitting, Seconds: 2 * 3600}, "sitting for 2 hours without a break"},
		{schemas.Finding{Rule: schemas.RuleLoad}, "the load on your back has built up"},
		{schemas.Finding{Rule: schemas.RuleLoad, Seconds: 60}, "the load on your back has been high for 60 seconds"},
		{schemas.Finding{Rule: schemas.RuleLoad, Level: 3, Seconds: 13 * 60}, "the load on your back has been high for 13 minutes"},
		{schemas.Finding{Rule: schemas.RuleImmobility, Seconds: 1200}, "sitting for 20 minutes without a change of position"},
		{schemas.Finding{Rule: schemas.RuleLean, Cause: schemas.Left, Seconds: 300}, "leaning to the left for 5 minutes"},
		{schemas.Finding{Rule: schemas.RuleLean, Cause: schemas.Right, Seconds: 60}, "leaning to the right for 60 seconds"},
		{schemas.Finding{Rule: schemas.RuleLean, Cause: "up", Seconds: 60}, "leaning to one side for 60 seconds"},
		{schemas.Finding{Rule: schemas.RuleBending, Seconds: 9 * 60}, "bending again and again for 9 minutes"},
		{schemas.Finding{Rule: schemas.RuleBending, Seconds: 59}, "bending again and again"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.WhileMoving}, "the upright pose was measured while moving"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.WhileSlouched}, "the upright pose was measured while leaning or slouching forward"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.Degenerate}, "the measured pose is none that an upright back can have"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.TooFew}, "hardly a reading came while the upright pose was measured"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.Drift}, "the strap has shifted since the upright pose was measured"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: schemas.Rewear}, "the device was taken off and put on again"},
		{schemas.Finding{Rule: schemas.RuleCalibration, Cause: "worn_out"}, "the upright pose has to be measured again"},
		{schemas.Finding{Rule: "deep_sitting", Seconds: 240}, "deep sitting for 4 minutes"},
	} {
		if got := Reason(c.finding); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", 400 * time.Millisecond: "0 seconds", time.Second: "1 second", 89 * time.Second: "89 seconds",
		89*time.Second + 999*time.Millisecond: "90 seconds", 90 * time.Second: "2 minutes", 40 * time.Minute: "40 minutes",
		89*time.Minute + 59*time.Second: "90 minutes", 90 * time.Minute: "2 hours", 47 * time.Hour: "47 hours",
		48 * time.Hour: "2 days", 14 * 24 * time.Hour: "14 days",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// asks says how far each rule can come. Levels above it have no text and never
// nudge.
func asks() map[schemas.Rule]int {
	return map[schemas.Rule]int{
		schemas.RuleSlouch: 2, schemas.RuleLoad: 3, schemas.RuleHold: 1, schemas.RuleSitting: 3,
		schemas.RuleImmobility: 2, schemas.RuleLean: 2, schemas.RuleSudden: 1, schemas.RuleBending: 2,
		schemas.RuleHydration: 1, schemas.RuleOffline: 1, schemas.RuleBattery: 1, schemas.RuleCalibration: 2,
	}
}

// causes are those a rule has, and one of a newer build.
func causes(rule schemas.Rule) []schemas.Cause {
	switch rule {
	case schemas.RuleLean:
		return []schemas.Cause{schemas.Left, schemas.Right, "newer"}
	case schemas.RuleCalibration:
		return []schemas.Cause{
			schemas.WhileMoving, schemas.WhileSlouched, schemas.Degenerate, schemas.TooFew, schemas.Drift,
			schemas.Rewear, schemas.WrongPose, "newer",
		}
	default:
		return []schemas.Cause{""}
	}
}

// each calls check with a finding of each rule, level and cause.
func each(t *testing.T, check func(t *testing.T, f schemas.Finding, words bool)) {
	t.Helper()
	for _, rule := range append(schemas.Rules(), "newer") {
		most, known := asks()[rule]
		if !known && rule != "newer" {
			t.Errorf("nobody has said whether %s asks for nudges", rule)
		}
		for level := worthNudge; level <= highestLevel; level++ {
			for _, cause := range causes(rule) {
				f := schemas.Finding{Rule: rule, Level: level, Cause: cause, Episode: "e1", Seconds: 1800, FlexionDeg: 20}
				t.Run(fmt.Sprint(rule, level, cause), func(t *testing.T) { check(t, f, level <= most) })
			}
		}
	}
}

func TestWhatHasNoTextIsNeverSent(t *testing.T) {
	each(t, func(t *testing.T, f schemas.Finding, words bool) {
		t.Helper()
		f.Time = time.Now()
		c := candidateOf(f, f.Time)
		want := ""
		if !words {
			want = fmt.Sprintf("there is no text for %q at level %d", f.Rule, f.Level)
		}
		if v := c.judge(); v.why != want || words == (c.nudge.Text == "") || c.nudge.Reason == "" {
			t.Errorf("held by %q: %q, want %q; it says %q, %q", v.stage, v.why, want, c.nudge.Text, c.nudge.Reason)
		}
	})
}

// forbidden are the wordings that DOMAIN rules out: prompts to sit less do not
// work, an over-corrected pose hurts, and nothing here diagnoses, scolds or orders.
var forbidden = regexp.MustCompile(`(?i)sit less|sit up straight|chest|shoulders back|pain|hurt|limit|injur|strain|scolio|` +
	`wrong|bad\b|must|should\b|litre|!`)

// demanded are what the texts of a rule have to be about.
func demanded(f schemas.Finding) *regexp.Regexp {
	switch {
	case f.Rule == schemas.RuleSitting:
		return regexp.MustCompile(`(?i)walk|on foot|steps|on your feet`)
	case f.Rule == schemas.RuleLoad && f.Level == takeBreak:
		return regexp.MustCompile(`(?i)(break|five minutes).*walk`)
	case f.Rule == schemas.RuleLoad:
		return regexp.MustCompile(`(?i)gently|walk`)
	case f.Rule == schemas.RuleImmobility:
		return regexp.MustCompile(`(?i)shift|move`)
	case f.Rule == schemas.RuleLean:
		return regexp.MustCompile(`(?i)\bif\b.*middle|middle.*\bif\b`)
	case f.Rule == schemas.RuleBending:
		return regexp.MustCompile(`(?i)(rest|pause).*bending`)
	case f.Rule == schemas.RuleCalibration:
		return regexp.MustCompile(`(?i)measure.*upright.*10 seconds|upright.*10 seconds.*measure`)
	}
	return regexp.MustCompile(`.`)
}

func TestTextsKeepTheWordingRules(t *testing.T) {
	each(t, func(t *testing.T, f schemas.Finding, words bool) {
		t.Helper()
		if !words {
			return
		}
		choice := texts(f)
		if len(choice) < 2 {
			t.Errorf("%d texts are none to rotate", len(choice))
		}
		for _, text := range choice {
			if !strings.HasSuffix(text, ".") || !demanded(f).MatchString(text) {
				t.Errorf("%q is no sentence, or does not say what to do", text)
			}
		}
		for _, text := range append(choice, Reason(f)) {
			if bad := forbidden.FindString(text); bad != "" || len(text) > 80 {
				t.Errorf("%q: %q, %d bytes", text, bad, len(text))
			}
		}
	})
}

func TestTextsRotateAndRepeat(t *testing.T) {
	each(t, func(t *testing.T, f schemas.Finding, _ bool) {
		t.Helper()
		seen := map[string]bool{}
		for i := range 100 {
			f.Episode = schemas.EpisodeID(schemas.ID{}, schemas.ID{}, f.Rule, time.Unix(int64(i), 0))
			n := compose(f, time.Now())
			if again := compose(f, time.Now()); again.Text != n.Text {
				t.Fatalf("one nudge says %q and %q", n.Text, again.Text)
			}
			if n.Text != "" {
				seen[n.Text] = true
			}
		}
		if len(seen) != len(texts(f)) {
			t.Errorf("%d of %d texts were used", len(seen), len(texts(f)))
		}
	})
}

func TestPatternsTellTheLevels(t *testing.T) {
	for level, want := range map[int]string{2: "short", 3: "double"} {
		if n := compose(schemas.Finding{Rule: schemas.RuleSitting, Level: level}, time.Now()); n.Pattern != want {
			t.Errorf("level %d feels %q, want %q", level, n.Pattern, want)
		}
	}
}
