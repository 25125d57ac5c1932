package notify

import (
	"fmt"
	"hash/fnv"
	"time"

	"sitwell/schemas"
)

// texts are what to do, for a rule and level; nil for one that has none. Prompts
// to walk work where prompts to sit less do not (HeartSteps), and none asks for
// an over-corrected, chest-out pose.
func texts(rule schemas.Rule, level int) []string {
	switch {
	case rule == schemas.RuleSlouch:
		return []string{
			"Rock your pelvis forward and grow tall, gently.",
			"Let your shoulders drop and lift the back of your head a little.",
			"Lean back for a moment and take a slow breath.",
		}
	case rule == schemas.RuleSitting && level == worthNudge:
		return []string{
			"Time for a short walk: two minutes are enough.",
			"Fetch some water on foot, your back will like it.",
			"Stand up, take a few steps and roll your shoulders.",
		}
	case rule == schemas.RuleSitting:
		return []string{
			"Take a real break now: five minutes on your feet.",
			"A walk of five minutes would do your back good now.",
		}
	}
	return nil
}

// compose writes the nudge for a finding. Its id chooses the text, so that texts
// rotate and a repetition says the same.
func compose(f schemas.Finding, now time.Time) schemas.Nudge {
	n := schemas.Nudge{
		Schema: schemas.SchemaNudge, ID: nudgeID(f.Episode, f.Level), Time: now.UTC(), Expires: f.Time.Add(Stale),
		Rule: f.Rule, Level: f.Level, Reason: Reason(f), Pattern: "short",
	}
	if f.Level > worthNudge {
		n.Pattern = "double"
	}
	n.Text = "Time for a short break."
	if choice := texts(f.Rule, f.Level); len(choice) > 0 {
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
	case schemas.RuleSitting:
		return fmt.Sprintf("sitting for %s without a break", inWords(held))
	default:
		return fmt.Sprintf("%s for %s", f.Rule, inWords(held))
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
