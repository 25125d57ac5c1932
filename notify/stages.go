package notify

import (
	"fmt"
	"time"

	"sitwell/schemas"
)

// stage is one reason why a nudge may be held back. hold returns the reason in
// words, or "" to let the nudge pass; it looks at the candidate alone.
type stage struct {
	name string
	hold func(c *candidate) (why string)
}

// stages are asked in this order, then over; the first that holds is recorded.
func stages() []stage {
	return []stage{
		{"fresh", fresh},
		{"answered", answered},
		{"snoozed", snoozed},
		{"spaced", spaced},
	}
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
// minutes ago annoys. Haptics are at least spacing apart. Both are design
// defaults of DESIGN.md.
const (
	Stale   = 2 * time.Minute
	spacing = 2 * time.Minute
)

// fresh holds what happened too long ago, as from a buffer that a device kept
// while it was offline.
func fresh(c *candidate) string {
	if age := c.now.Sub(c.finding.Time); age > Stale {
		return fmt.Sprintf("it was %s ago", inWords(age))
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

// decision is the record of what became of the candidate.
func (c *candidate) decision(action schemas.Action) schemas.Decision {
	d := about(c.finding, c.nudge.ID, c.finding.Level, action)
	d.Decided, d.Text, d.Reason = c.now.UTC(), c.nudge.Text, c.nudge.Reason
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
