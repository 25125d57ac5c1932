package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// sending bounds the time from a nudge's entry in the ledger until it is settled: a
// Sender answers before. An entry that is not settled and older than this was left
// by a notifier that stopped.
const sending = 25 * time.Second

// underway is the nudge that was last entered by this run.
type underway struct {
	id, claim string
	handed    bool // to the sender, which has not refused it
}

// mine reports whether this run made an entry.
func (u *underway) mine(id string, e entry) bool {
	return u.id == id && u.claim == e.Claim && e.Claim != ""
}

// decide lets the finding of a message through the stages and records what
// became of it, or lets it wait and is called again when that is over.
func (n *Notifier) decide(ctx context.Context, msg bus.Msg, f schemas.Finding, out *bus.Outbox) error {
	// The ledger comes first: what was decided before stays decided, however
	// old or close to another nudge the finding is by now.
	id := nudgeID(f.Episode, f.Level)
	e, entered, err := n.ledger.get(ctx, id)
	switch {
	case err != nil:
		return err
	case entered && n.under.mine(id, e) && !n.under.handed: // the log failed behind the entry, and nothing left
		if err := n.ledger.withdraw(ctx, id, e); err != nil {
			return err
		}
	case entered:
		return n.entered(ctx, msg, f, e, out)
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
	return n.commit(ctx, msg, c, out)
}

func candidateOf(f schemas.Finding, now time.Time) *candidate {
	return &candidate{finding: f, nudge: compose(f, now), now: now}
}

// commit enters the nudge into the ledger, sends it and settles it. From the
// entry on it is sent at most once.
func (n *Notifier) commit(ctx context.Context, msg bus.Msg, c *candidate, out *bus.Outbox) error {
	e := entryOf(c.finding, c.now)
	n.under = underway{id: c.nudge.ID, claim: e.Claim}
	e, first, err := n.ledger.create(ctx, c.nudge.ID, e)
	if err != nil {
		return err
	}
	if !first { // another notifier was faster
		return n.entered(ctx, msg, c.finding, e, out)
	}
	n.under.handed = true
	err = n.sender.Send(ctx, c.finding.Org, c.finding.Device, c.nudge)
	if errors.Is(err, ErrNotSent) {
		n.under.handed = false
		if withdrawn := n.ledger.withdraw(ctx, c.nudge.ID, e); withdrawn != nil {
			return errors.Join(err, withdrawn)
		}
		return fmt.Errorf("nudge %s: %w", c.nudge.ID, err)
	}
	if err != nil {
		n.logger.Warn("nudge may or may not have been sent; it is not sent again", "nudge", c.nudge.ID, "err", err)
		return n.doubt(ctx, c, e, out)
	}
	e.Sent = time.Now().UTC()
	n.metrics.latency.Observe(e.Sent.Sub(c.finding.Time).Seconds())
	if err := n.settle(ctx, c.nudge.ID, e); err != nil {
		return err
	}
	return n.resume(ctx, c, e, out)
}

// settle tries until the log takes it or ctx ends: what is known now would be
// ambiguous for ever otherwise.
func (n *Notifier) settle(ctx context.Context, id string, e entry) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := n.ledger.settle(ctx, id, e)
		if err == nil {
			return nil
		}
		n.logger.Warn("a nudge was sent and is not settled yet, trying again", "nudge", id, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// entered goes on with a nudge that is in the ledger. One that is not settled may be
// on its way this very moment, from another notifier: it waits, and nothing behind it
// does, until that has had its time. Then nobody will ever know.
func (n *Notifier) entered(ctx context.Context, msg bus.Msg, f schemas.Finding, e entry, out *bus.Outbox) error {
	c := candidateOf(f, e.Entered)
	if e.settled() {
		return n.resume(ctx, c, e, out)
	}
	if !n.under.mine(c.nudge.ID, e) {
		now, due := time.Now(), e.Entered.Add(sending)
		// An entry far in the future, by another machine's clock, is not waited for.
		if now.Before(due) && due.Sub(now) <= 2*sending && n.waits.add(waiting{due: due, finding: f, msg: msg}) {
			return nil
		}
		n.logger.Warn("a notifier stopped while it was sending a nudge; it is not sent again", "nudge", c.nudge.ID)
	}
	return n.doubt(ctx, c, e, out)
}

// doubt settles that nobody knows whether a nudge was sent, and counts it once.
func (n *Notifier) doubt(ctx context.Context, c *candidate, e entry, out *bus.Outbox) error {
	doubted := entryOf(c.finding, e.Entered) // whole, even where the stored one is damaged
	doubted.Claim, doubted.revision = e.Claim, e.revision
	if err := n.ledger.doubt(ctx, c.nudge.ID, doubted); err != nil {
		return err
	}
	n.metrics.ambiguous.Inc()
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
