// Package notify turns findings into nudges. Each finding that is worth a nudge
// passes a list of stages, any of which may hold it back with a reason; the
// last ones enter it in a ledger, send it and record the decision. Answers of
// wearers and the end of an episode follow the nudge into the same record.
//
// At most one nudge is sent for each episode and level: the ledger's entry is
// made by create-if-absent before the send. A crash between the two leaves a
// send that nobody knows the outcome of; it is recorded as ambiguous and not
// tried again.
//
// New makes a Notifier and Run works until its context ends. Two goroutines,
// for findings and for answers, share the ledger and nothing else. The tests
// run on the embedded server.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Sender brings a nudge to a wearable. When Send returns nil the broker has
// taken it; after an error it may still have been delivered.
type Sender interface {
	Send(ctx context.Context, org, device schemas.ID, nudge schemas.Nudge) error
}

// Options are what a Notifier needs.
type Options struct {
	Log        *bus.Bus
	Sender     Sender
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Notifier decides about nudges.
type Notifier struct {
	log     *bus.Bus
	sender  Sender
	logger  *slog.Logger
	metrics *metrics
	ledger  ledger
	wearers standings
	places  jetstream.KeyValue
	stages  []stage
}

// New makes a Notifier.
func New(ctx context.Context, o Options) (*Notifier, error) {
	n := &Notifier{log: o.Log, sender: o.Sender, logger: o.Logger, metrics: newMetrics(o.Registerer)}
	for bucket, kv := range map[string]*jetstream.KeyValue{
		bus.BucketLedger: &n.ledger.kv, bus.BucketSnooze: &n.wearers.kv, bus.BucketCheckpoints: &n.places,
	} {
		var err error
		if *kv, err = o.Log.KV(ctx, bucket); err != nil {
			return nil, fmt.Errorf("start notifier: %w", err)
		}
	}
	n.stages = []stage{
		{"fresh", fresh},
		{"answered", n.answered},
		{"snoozed", n.snoozed},
		{"spaced", n.spaced},
		{"ledger", n.enter},
		{"send", n.send},
	}
	return n, nil
}

// Run works until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.follow(ctx, schemas.StreamFindings, n.finding) })
	g.Go(func() error { return n.follow(ctx, schemas.StreamReplies, n.answer) })
	return g.Wait() //nolint:wrapcheck // each says what it was doing
}

// finding handles one message of FINDINGS.
func (n *Notifier) finding(ctx context.Context, msg bus.Msg) error {
	f, err := schemas.DecodeFinding(msg.Data)
	if err != nil {
		n.skip(msg, err)
		return nil
	}
	switch f.Step {
	case schemas.Opened: // seen, not yet worth a nudge
		return nil
	case schemas.Escalated:
		return n.decide(ctx, f)
	case schemas.Closed:
		return n.closed(ctx, f)
	default:
		n.skip(msg, fmt.Errorf("step %q is unknown", f.Step))
		return nil
	}
}

// decide lets a finding through the stages and records what became of it.
func (n *Notifier) decide(ctx context.Context, f schemas.Finding) error {
	now := time.Now()
	c := &candidate{finding: f, nudge: compose(f, now), now: now}
	for _, s := range n.stages {
		why, err := s.hold(ctx, c)
		switch {
		case errors.Is(err, errDecided):
			return nil
		case errors.Is(err, errAmbiguous):
			n.logger.Warn("nudge may or may not have been sent; it is not sent again", "nudge", c.nudge.ID, "err", err)
			return n.record(ctx, c.decision(schemas.ActionAmbiguous))
		case err != nil:
			return fmt.Errorf("%s nudge %s: %w", s.name, c.nudge.ID, err)
		case why != "":
			d := c.decision(schemas.ActionHeld)
			d.HeldBy, d.Why = s.name, why
			return n.record(ctx, d)
		}
	}
	d := c.decision(schemas.ActionSent)
	if err := n.record(ctx, d); err != nil {
		return err
	}
	return n.ledger.settle(ctx, c.nudge.ID, c.finding, c.now.UTC())
}

// closed follows up the nudges of an episode that has ended: how long the
// correction took, or that the wearer got up without being asked.
func (n *Notifier) closed(ctx context.Context, f schemas.Finding) error {
	nudged := false
	for level := worthNudge; level <= f.Level; level++ {
		id := nudgeID(f.Episode, level)
		entry, ok, err := n.ledger.get(ctx, id)
		if err != nil {
			return err
		}
		if !ok || entry.Sent.IsZero() {
			continue
		}
		nudged = true
		if f.Outcome == schemas.Unknown {
			continue // no readings: nobody knows whether it helped
		}
		d := about(f, id, level, schemas.ActionCorrected)
		d.Seconds, d.Outcome = max(0, f.End.Sub(entry.Sent).Seconds()), f.Outcome
		if err := n.record(ctx, d); err != nil {
			return err
		}
	}
	if nudged || f.Outcome != schemas.Break {
		return nil
	}
	d := about(f, nudgeID(f.Episode, 0), 0, schemas.ActionCounted)
	d.Seconds, d.Outcome = f.Seconds, f.Outcome
	return n.record(ctx, d)
}

// answer handles one message of REPLIES.
func (n *Notifier) answer(ctx context.Context, msg bus.Msg) error {
	a, err := schemas.DecodeAnswer(msg.Data)
	if err != nil {
		n.skip(msg, err)
		return nil
	}
	entry, known, err := n.ledger.get(ctx, a.Reply.NudgeID)
	if err != nil {
		return err
	}
	if a.Reply.NudgeID != "" && (!known || entry.Org != a.Org || entry.Wearer != a.Wearer) {
		n.metrics.strayReplies.Inc()
		n.logger.Warn("answer to an unknown or expired nudge", "org", a.Org, "device", a.Device)
		return nil
	}
	if err := n.wearers.note(ctx, a, entry.Episode); err != nil {
		return err
	}
	d := schemas.Decision{
		Schema: schemas.SchemaDecision, ID: fmt.Sprintf("reply-%d", msg.Seq), Nudge: a.Reply.NudgeID, Episode: entry.Episode,
		Org: a.Org, Wearer: a.Wearer, Device: a.Device, Rule: entry.Rule, Level: entry.Level,
		Time: a.Received, Action: schemas.ActionReplied, Reply: string(a.Reply.Action),
	}
	if a.Reply.Action == schemas.ReplySnooze {
		d.Seconds = (time.Duration(a.Reply.Minutes) * time.Minute).Seconds()
	}
	return n.record(ctx, d)
}

// record writes a decision to NUDGES; the readers drop a repetition by its id.
func (n *Notifier) record(ctx context.Context, d schemas.Decision) error {
	data, err := d.Encode()
	if err != nil {
		return err
	}
	n.metrics.decisions.WithLabelValues(string(d.Action), d.HeldBy).Inc()
	if err := n.log.Publish(ctx, schemas.NudgesSubject(d.Org, d.Wearer), data, d.ID); err != nil {
		return fmt.Errorf("record decision %s: %w", d.ID, err)
	}
	return nil
}

func (n *Notifier) skip(msg bus.Msg, err error) {
	n.metrics.damaged.Inc()
	n.logger.Error("message of the log skipped", "subject", msg.Subject, "seq", msg.Seq, "err", err)
}
