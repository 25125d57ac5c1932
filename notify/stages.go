package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/schemas"
)

// stage is one reason why a nudge may be held back. hold returns the reason in
// words, or "" to let it pass.
type stage struct {
	name string
	hold func(ctx context.Context, c *candidate) (why string, err error)
}

// candidate is a nudge on its way through the stages.
type candidate struct {
	finding schemas.Finding
	nudge   schemas.Nudge
	now     time.Time
}

var (
	// errDecided says that an earlier run decided about this nudge already.
	errDecided = errors.New("decided before")
	// errAmbiguous says that nobody knows whether the nudge was delivered.
	errAmbiguous = errors.New("not confirmed")
)

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
func fresh(_ context.Context, c *candidate) (string, error) {
	if age := c.now.Sub(c.finding.Time); age > Stale {
		return fmt.Sprintf("it was %s ago", inWords(age)), nil
	}
	return "", nil
}

// answered holds the further steps of an episode that the wearer answered with
// done.
func (n *Notifier) answered(ctx context.Context, c *candidate) (string, error) {
	s, _, err := n.wearers.get(ctx, c.finding.Org, c.finding.Wearer)
	if err == nil && s.Done == c.finding.Episode {
		return "the wearer answered done", nil
	}
	return "", err
}

// snoozed holds everything until the wearer's snooze is over.
func (n *Notifier) snoozed(ctx context.Context, c *candidate) (string, error) {
	s, _, err := n.wearers.get(ctx, c.finding.Org, c.finding.Wearer)
	if err == nil && c.now.Before(s.SnoozedUntil) {
		return "snoozed for another " + inWords(s.SnoozedUntil.Sub(c.now)), nil
	}
	return "", err
}

// spaced holds a nudge that would come too soon after another.
func (n *Notifier) spaced(ctx context.Context, c *candidate) (string, error) {
	s, _, err := n.wearers.get(ctx, c.finding.Org, c.finding.Wearer)
	if since := c.now.Sub(s.LastNudge); err == nil && since < spacing {
		return fmt.Sprintf("the last nudge was %s ago", inWords(since)), nil
	}
	return "", err
}

// enter writes the nudge into the ledger; from here on it is sent at most once.
func (n *Notifier) enter(ctx context.Context, c *candidate) (string, error) {
	entry, first, err := n.ledger.create(ctx, c.nudge.ID, c.finding)
	switch {
	case err != nil:
		return "", err
	case first:
		return "", nil
	case entry.Sent.IsZero():
		return "", fmt.Errorf("%w: an earlier run stopped while it was sending", errAmbiguous)
	}
	return "", errDecided
}

// send publishes the nudge to the wearable.
func (n *Notifier) send(ctx context.Context, c *candidate) (string, error) {
	if err := n.sender.Send(ctx, c.finding.Org, c.finding.Device, c.nudge); err != nil {
		return "", fmt.Errorf("%w: %w", errAmbiguous, err)
	}
	n.metrics.latency.Observe(time.Since(c.finding.Time).Seconds())
	return "", n.wearers.nudged(ctx, c.finding.Org, c.finding.Wearer, c.now)
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
