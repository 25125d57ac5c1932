package notify

import (
	"fmt"
	"time"

	"sitwell/schemas"
)

// stage is one reason why a nudge may be held back. hold returns the reason in
// words, or "" to let the nudge pass; again, where there is one, says from when on
// a nudge that was held would pass. Both look at the candidate alone.
type stage struct {
	name  string
	hold  func(c *candidate) (why string)
	again func(c *candidate) time.Time
}

// stages are asked in this order, then over; the first that holds is recorded.
func stages() []stage {
	return []stage{
		{name: "fresh", hold: fresh},
		{name: "worded", hold: worded},
		{name: "answered", hold: answered},
		{name: "snoozed", hold: snoozed},
		{name: "spaced", hold: spaced, again: spacingOver},
	}
}

// verdict is what the stages make of a candidate: the zero value lets it pass.
type verdict struct {
	stage, why string
	again      time.Time // when to try it again; zero: it is held for good
}

// judge asks the stages. A nudge is worth another try if it would still be fresh
// then, with time to reach the wearer.
func (c *candidate) judge() verdict {
	for _, s := range stages() {
		why := s.hold(c)
		if why == "" {
			continue
		}
		v := verdict{stage: s.name, why: why}
		if s.again != nil {
			if at := s.again(c); !at.Add(arrival).After(c.finding.Time.Add(Stale)) {
				v.again = at
			}
		}
		return v
	}
	return verdict{}
}

// candidate is a nudge on its way through the stages.
type candidate struct {
	finding  schemas.Finding
	nudge    schemas.Nudge
	standing standing // of the wearer
	now      time.Time
}

// worthNudge is the level of a finding from which it is worth a nudge.
const worthNudge = 2

// Stale is how old a finding may be by its event time: a nudge about what was
// minutes ago annoys. Haptics are at least spacing apart. A nudge that waits for
// the end of the spacing must have arrival left before it expires, because a
// device may wake only now and then. All are design defaults of DESIGN.md.
const (
	Stale   = 2 * time.Minute
	spacing = 2 * time.Minute
	arrival = 5 * time.Second
)

// fresh holds what happened too long ago, as from a buffer that a device kept
// while it was offline.
func fresh(c *candidate) string {
	if age := c.now.Sub(c.finding.Time); age > Stale {
		return fmt.Sprintf("it came %s late", inWords(age))
	}
	return ""
}

// worded holds what this build has no words for: a rule that never asks for
// anything, or one of a newer build. A nudge that says nothing in particular
// annoys.
func worded(c *candidate) string {
	if c.nudge.Text == "" {
		return fmt.Sprintf("there is no text for %q at level %d", c.finding.Rule, c.finding.Level)
	}
	return ""
}

// answered holds the further steps of an episode that the wearer answered with
// done.
func answered(c *candidate) string {
	if c.standing.Done[c.finding.Rule] == c.finding.Episode {
		return "the wearer answered done"
	}
	return ""
}

// snoozed holds everything until the wearer's snooze is over.
func snoozed(c *candidate) string {
	if c.now.Before(c.standing.SnoozedUntil) {
		return "snoozed for another " + inWords(c.standing.SnoozedUntil.Sub(c.now))
	}
	return ""
}

// spaced holds a nudge that would come too soon after another. A last nudge in
// the future, from before a step of the clock, holds for no longer.
func spaced(c *candidate) string {
	if since := c.now.Sub(c.standing.LastNudge).Abs(); since < spacing {
		return fmt.Sprintf("the last nudge was %s ago", inWords(since))
	}
	return ""
}

// spacingOver is when spaced holds no more.
func spacingOver(c *candidate) time.Time { return c.standing.LastNudge.Add(spacing) }

// decision is the record of what became of the candidate.
func (c *candidate) decision(action schemas.Action) schemas.Decision {
	d := about(c.finding, c.nudge.ID, c.finding.Level, action)
	d.Decided, d.Text, d.Reason = c.now.UTC(), c.nudge.Text, c.nudge.Reason
	return d
}

// heldBy is the record that a stage held the candidate back.
func (c *candidate) heldBy(stage, why string) schemas.Decision {
	d := c.decision(schemas.ActionHeld)
	d.HeldBy, d.Why = stage, why
	return d
}

// about is a decision about a finding's nudge, at the finding's time.
func about(f schemas.Finding, nudge string, level int, action schemas.Action) schemas.Decision {
	return schemas.Decision{
		Schema: schemas.SchemaDecision, ID: nudge + "-" + string(action), Nudge: nudge, Episode: f.Episode,
		Org: f.Org, Wearer: f.Wearer, Device: f.Device, Rule: f.Rule, Level: level, Time: f.Time, Action: action,
	}
}

func nudgeID(episode string, level int) string { return fmt.Sprintf("%s-%d", episode, level) }
