package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// decide lets the finding of a message through the stages and records what
// became of it, or lets it wait and is called again when that is over.
func (n *Notifier) decide(ctx context.Context, msg bus.Msg, f schemas.Finding, out *bus.Outbox) error {
	// The ledger comes first: what was decided before stays decided, however
	// old or close to another nudge the finding is by now.
	e, entered, err := n.ledger.get(ctx, nudgeID(f.Episode, f.Level))
	if err != nil {
		return err
	}
	if entered {
		if e.Sent.IsZero() {
			n.logger.Warn("an earlier run stopped while it was sending a nudge; it is not sent again", "nudge", nudgeID(f.Episode, f.Level))
		}
		return n.resume(ctx, candidateOf(f, e.Entered), e, out)
	}
	c := candidateOf(f, time.Now())
	if fresh(c) == "" { // else it is held whatever the wearer said; history has many of those
		if c.standing, err = n.wearers.get(ctx, f.Org, f.Wearer); err != nil {
			return err
		}
	}
	if v := c.judge(); v.stage != "" {
		if !v.again.IsZero() && n.waits.add(waiting{due: v.again, finding: f, msg: msg}) {
			return nil // nothing is decided yet
		}
		return n.record(ctx, out, c.heldBy(v.stage, v.why))
	}
	why, err := n.over(ctx, msg, c)
	if err != nil {
		return err
	}
	if why != "" {
		return n.record(ctx, out, c.heldBy(overStage, why))
	}
	return n.commit(ctx, c, out)
}

func candidateOf(f schemas.Finding, now time.Time) *candidate {
	return &candidate{finding: f, nudge: compose(f, now), now: now}
}

// commit enters the nudge into the ledger, sends it and settles it. From the
// entry on it is sent at most once.
func (n *Notifier) commit(ctx context.Context, c *candidate, out *bus.Outbox) error {
	e := entryOf(c.finding, c.now)
	before, first, err := n.ledger.create(ctx, c.nudge.ID, e)
	if err != nil {
		return err
	}
	if !first { // another notifier was faster
		return n.resume(ctx, c, before, out)
	}
	err = n.sender.Send(ctx, c.finding.Org, c.finding.Device, c.nudge)
	if errors.Is(err, ErrNotSent) {
		if withdrawn := n.ledger.withdraw(ctx, c.nudge.ID); withdrawn != nil {
			return errors.Join(err, withdrawn)
		}
		return fmt.Errorf("nudge %s: %w", c.nudge.ID, err)
	}
	if err != nil {
		n.logger.Warn("nudge may or may not have been sent; it is not sent again", "nudge", c.nudge.ID, "err", err)
		return n.resume(ctx, c, e, out)
	}
	e.Sent = time.Now().UTC()
	n.metrics.latency.Observe(e.Sent.Sub(c.finding.Time).Seconds())
	if err := n.ledger.settle(ctx, c.nudge.ID, e); err != nil {
		return err
	}
	return n.resume(ctx, c, e, out)
}

// resume notes and records what the ledger says about a nudge. It may be done
// again after a crash: everything in it is the same then.
func (n *Notifier) resume(ctx context.Context, c *candidate, e entry, out *bus.Outbox) error {
	action, last := schemas.ActionSent, e.Sent
	if e.Sent.IsZero() {
		action, last = schemas.ActionAmbiguous, e.Entered
	}
	if err := n.wearers.nudged(ctx, c.finding.Org, c.finding.Wearer, last); err != nil {
		return err
	}
	return n.record(ctx, out, c.decision(action))
}
