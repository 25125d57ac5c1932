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
		{schemas.Finding{Rule: "holding", Seconds: 240}, "holding for 4 minutes"},
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

// forbidden are the wordings that DOMAIN rules out: prompts to sit less do not
// work, an over-corrected pose hurts, and nothing here diagnoses or orders.
var forbidden = regexp.MustCompile(`(?i)sit less|sit up straight|chest|shoulders back|pain|limit|must|should\b|litre|!`)

func TestTextsKeepTheWordingRules(t *testing.T) {
	walks := regexp.MustCompile(`(?i)walk|on foot|steps|on your feet`)
	for rule, levels := range map[schemas.Rule][]int{schemas.RuleSlouch: {2}, schemas.RuleSitting: {2, 3}, "holding": {2}} {
		for _, level := range levels {
			for i := range 60 {
				n := compose(schemas.Finding{Rule: rule, Level: level, Episode: fmt.Sprintf("e%d", i), Seconds: 1800, FlexionDeg: 20}, time.Now())
				for _, text := range []string{n.Text, n.Reason} {
					if bad := forbidden.FindString(text); bad != "" || len(text) > 80 {
						t.Errorf("%s, level %d: %q: %q, %d bytes", rule, level, text, bad, len(text))
					}
				}
				if !strings.HasSuffix(n.Text, ".") || rule == schemas.RuleSitting && !walks.MatchString(n.Text) {
					t.Errorf("%s, level %d: %q is no sentence, or no prompt to walk", rule, level, n.Text)
				}
			}
		}
	}
}

func TestTextsRotateAndRepeat(t *testing.T) {
	seen := map[string]bool{}
	for i := range 60 {
		f := schemas.Finding{Rule: schemas.RuleSlouch, Level: 2, Episode: schemas.EpisodeID(schemas.ID{}, schemas.ID{}, schemas.RuleSlouch, time.Unix(int64(i), 0))}
		n := compose(f, time.Now())
		if again := compose(f, time.Now()); again.Text != n.Text {
			t.Fatalf("one nudge says %q and %q", n.Text, again.Text)
		}
		seen[n.Text] = true
	}
	if len(seen) != len(texts(schemas.RuleSlouch, 2)) {
		t.Errorf("%d of the texts were used", len(seen))
	}
}

func TestPatternsTellTheLevels(t *testing.T) {
	for level, want := range map[int]string{2: "short", 3: "double"} {
		if n := compose(schemas.Finding{Rule: schemas.RuleSitting, Level: level}, time.Now()); n.Pattern != want {
			t.Errorf("level %d feels %q, want %q", level, n.Pattern, want)
		}
	}
}
