// Package notify turns findings into nudges. Each finding that is worth a nudge
// passes a list of stages, any of which may hold it back with a reason; then it
// is entered in a ledger, sent and recorded. Answers of wearers and the end of
// an episode follow the nudge into the same record.
//
// At most one nudge is sent for each episode and level: the ledger's entry is
// made by create-if-absent before the send. A crash between the two leaves a
// send that nobody knows the outcome of; it is recorded as ambiguous and not
// tried again. DESIGN.md goes through each such gap.
//
// New makes a Notifier and Run works until its context ends. Two goroutines,
// for findings and for answers, share the ledger and the wearers' standings,
// both of which change by compare-and-set. The tests run on the embedded
// server; the stages are pure and tested by tables.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// ErrNotSent says that nothing left: the nudge may be tried again.
var ErrNotSent = errors.New("not sent")

// Sender brings a nudge to a wearable. Send answers within 20 s. When it returns nil
// the broker has taken the nudge. An error that wraps ErrNotSent says that it was not delivered and
// never will be; after any other one it may have been.
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

	// Of the goroutine of findings alone:
	waits *waits
	under underway
}

// New makes a Notifier.
func New(ctx context.Context, o Options) (*Notifier, error) {
	n := &Notifier{log: o.Log, sender: o.Sender, logger: o.Logger, metrics: newMetrics(o.Registerer), waits: &waits{}}
	for bucket, kv := range map[string]*jetstream.KeyValue{
		bus.BucketLedger: &n.ledger.kv, bus.BucketSnooze: &n.wearers.kv, bus.BucketCheckpoints: &n.places,
	} {
		var err error
		if *kv, err = o.Log.KV(ctx, bucket); err != nil {
			return nil, fmt.Errorf("start notifier: %w", err)
		}
	}
	return n, nil
}

// Run works until ctx ends; then it finishes what is under way. A log that does not
// answer, or comes back as another, does not end it.
func (n *Notifier) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.keep(ctx, schemas.StreamFindings, n.finding, n.waits) })
	g.Go(func() error { return n.keep(ctx, schemas.StreamReplies, n.answer, &waits{}) })
	return g.Wait() //nolint:wrapcheck // each says what it was doing
}

// finding handles one message of FINDINGS.
func (n *Notifier) finding(ctx context.Context, msg bus.Msg, out *bus.Outbox) error {
	f, err := schemas.DecodeFinding(msg.Data)
	if err == nil {
		err = checkFinding(f)
	}
	if err != nil {
		n.skip(schemas.StreamFindings, msg, err)
		return nil
	}
	switch f.Step {
	case schemas.Opened, schemas.Risen, schemas.Raised: // not worth a nudge; over looks for risen
		return nil
	case schemas.Escalated:
		if f.Level < worthNudge {
			return nil
		}
		return n.decide(ctx, msg, f, out)
	case schemas.Closed:
		return n.closed(ctx, f, out)
	default:
		n.skip(schemas.StreamFindings, msg, fmt.Errorf("step %q is unknown", f.Step))
		return nil
	}
}

// closed follows up the nudges of an episode that has ended: how long the
// correction took, or that the wearer got up from sitting without being asked. A
// break ends other episodes, too: it is one break all the same.
func (n *Notifier) closed(ctx context.Context, f schemas.Finding, out *bus.Outbox) error {
	asked := false
	for level := worthNudge; level <= min(f.Level, highestLevel); level++ {
		id := nudgeID(f.Episode, level)
		entry, ok, err := n.ledger.get(ctx, id)
		if err != nil {
			return err
		}
		asked = asked || ok // an ambiguous nudge may have been felt, too
		if !ok || entry.Sent.IsZero() || f.Outcome == schemas.Unknown {
			continue // of an end without readings nobody knows whether the nudge helped
		}
		d := about(f, id, level, schemas.ActionCorrected)
		d.Seconds, d.Outcome = max(0, f.End.Sub(entry.Sent).Seconds()), f.Outcome
		if err := n.record(ctx, out, d); err != nil {
			return err
		}
	}
	if asked || f.Rule != schemas.RuleSitting || f.Outcome != schemas.Break {
		return nil
	}
	d := about(f, nudgeID(f.Episode, 0), 0, schemas.ActionCounted)
	d.Seconds, d.Outcome = f.Seconds, f.Outcome
	return n.record(ctx, out, d)
}

// answer handles one message of REPLIES.
func (n *Notifier) answer(ctx context.Context, msg bus.Msg, out *bus.Outbox) error {
	a, err := schemas.DecodeAnswer(msg.Data)
	if err == nil {
		err = checkAnswer(a)
	}
	if err != nil {
		n.skip(schemas.StreamReplies, msg, err)
		return nil
	}
	var about entry
	if a.Reply.NudgeID != "" {
		var known bool
		if about, known, err = n.ledger.get(ctx, a.Reply.NudgeID); err != nil {
			return err
		}
		if !known || about.Org != a.Org || about.Wearer != a.Wearer {
			n.metrics.strayReplies.Inc()
			n.logger.Warn("answer to an unknown, expired or foreign nudge ignored", "seq", msg.Seq)
			return nil
		}
	}
	if err := n.wearers.note(ctx, a, about); err != nil {
		return err
	}
	d := schemas.Decision{
		Schema: schemas.SchemaDecision, ID: replyID(msg), Nudge: a.Reply.NudgeID, Episode: about.Episode,
		Org: a.Org, Wearer: a.Wearer, Device: a.Device, Rule: about.Rule, Level: about.Level,
		Time: a.Received, Action: schemas.ActionReplied, Reply: string(a.Reply.Action),
	}
	if a.Reply.Action == schemas.ReplySnooze {
		d.Seconds = snoozeFor(a).Seconds()
	}
	return n.record(ctx, out, d)
}

// replyID names the record of a message of REPLIES. The time when the log took
// it tells it from the one of the same number in a log that was replaced.
func replyID(msg bus.Msg) string { return fmt.Sprintf("reply-%d-%d", msg.Seq, msg.Time.UnixMilli()) }

// record hands a decision to NUDGES; the readers drop a repetition by its id.
func (n *Notifier) record(ctx context.Context, out *bus.Outbox, d schemas.Decision) error {
	data, err := d.Encode()
	if err != nil {
		return err
	}
	if err := out.Publish(ctx, schemas.NudgesSubject(d.Org, d.Wearer), data, d.ID); err != nil {
		return fmt.Errorf("record decision %s: %w", d.ID, err)
	}
	n.metrics.decisions.WithLabelValues(string(d.Action), d.HeldBy).Inc()
	return nil
}

func (n *Notifier) skip(stream string, msg bus.Msg, err error) {
	n.metrics.damaged.Inc()
	n.logger.Error("message of the log skipped", "stream", stream, "seq", msg.Seq, "err", err)
}
