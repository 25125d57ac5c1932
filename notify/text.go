package notify

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"sitwell/schemas"
)

// compose writes the nudge for a finding. Its id chooses the text, so that texts
// rotate and a repetition says the same. Without words for it the text is empty.
func compose(f schemas.Finding, now time.Time) schemas.Nudge {
	n := schemas.Nudge{
		Schema: schemas.SchemaNudge, ID: nudgeID(f.Episode, f.Level), Time: now.UTC(), Expires: f.Time.Add(Stale),
		Rule: f.Rule, Level: f.Level, Reason: Reason(f), Pattern: "short",
	}
	if f.Level > worthNudge {
		n.Pattern = "double"
	}
	if choice := texts(f); len(choice) > 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(n.ID))                   // a hash never fails
		n.Text = choice[h.Sum32()%uint32(len(choice))] //nolint:gosec // a handful of texts
	}
	return n
}

// Reason says in words why a finding is worth a nudge. With one sensor a slouch
// and a forward lean look alike, so it names both.
func Reason(f schemas.Finding) string {
	held := time.Duration(f.Seconds * float64(time.Second))
	switch f.Rule {
	case schemas.RuleSlouch:
		return fmt.Sprintf("leaning or slouching forward for %s, by about %.0f degrees", inWords(held), f.FlexionDeg)
	case schemas.RuleLoad:
		if held < time.Minute { // it mostly becomes worth a nudge as it opens
			return "the load on your back has built up"
		}
		return "the load on your back has been high for " + inWords(held)
	case schemas.RuleSitting:
		return fmt.Sprintf("sitting for %s without a break", inWords(held))
	case schemas.RuleImmobility:
		return fmt.Sprintf("sitting for %s without a change of position", inWords(held))
	case schemas.RuleLean:
		return fmt.Sprintf("leaning %s for %s", side(f.Cause), inWords(held))
	case schemas.RuleBending:
		if held < time.Minute {
			return "bending again and again"
		}
		return "bending again and again for " + inWords(held)
	case schemas.RuleCalibration:
		return calibrationReason(f.Cause)
	default:
		return fmt.Sprintf("%s for %s", strings.ReplaceAll(string(f.Rule), "_", " "), inWords(held))
	}
}

func side(c schemas.Cause) string {
	if c == schemas.Left || c == schemas.Right {
		return "to the " + string(c)
	}
	return "to one side"
}

// calibrationReason says why the upright pose has to be measured again.
func calibrationReason(c schemas.Cause) string {
	switch c {
	case schemas.WhileMoving:
		return "the upright pose was measured while moving"
	case schemas.WhileSlouched:
		return "the upright pose was measured while leaning or slouching forward"
	case schemas.WrongPose:
		return "the pose was measured sitting in place of standing, or the other way round"
	case schemas.Degenerate:
		return "the measured pose is none that an upright back can have"
	case schemas.TooFew:
		return "hardly a reading came while the upright pose was measured"
	case schemas.Drift:
		return "the strap has shifted since the upright pose was measured"
	case schemas.Rewear:
		return "the device was taken off and put on again"
	default:
		return "the upright pose has to be measured again"
	}
}

// inWords is a duration as a person would say it.
func inWords(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return plural(int(d.Round(time.Second).Seconds()), "second")
	case d < 90*time.Minute:
		return plural(int(d.Round(time.Minute).Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Round(time.Hour).Hours()), "hour")
	}
	return plural(int(d.Hours()/24), "day")
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
