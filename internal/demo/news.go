package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/series"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// news tells of the decisions about nudges as they enter the log, each as one
// line. The returned function ends it. They wait in the client's queue, at most 64
// MiB, while the console is slow; what comes above that is not told, and still sent.
func (d *Demo) news(ctx context.Context) (func(), error) {
	sub, err := d.app.Bus().Conn().Subscribe("nudges."+d.office.Org.String()+".*",
		func(m *nats.Msg) {
			decision, err := schemas.DecodeDecision(m.Data)
			if err != nil {
				d.o.Logger.Warn("decision not shown", "err", err)
				return
			}
			d.tell(ctx, decision)
		})
	if err != nil {
		return nil, fmt.Errorf("listen for nudges: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// tell says one decision in words.
func (d *Demo) tell(_ context.Context, n schemas.Decision) {
	if n.Time.Before(d.live) {
		return // about the history
	}
	name := d.name(n.Wearer)
	f := fields{"wearer": n.Wearer.String(), "rule": string(n.Rule), "nudge": n.Nudge, "after_s": time.Since(d.start).Seconds()}
	switch n.Action {
	case schemas.ActionSent:
		f["text"], f["reason"] = n.Text, n.Reason
		d.say.Line("nudge", f, "nudge   %s: %q, after %s", name, n.Text, n.Reason)
	case schemas.ActionCorrected:
		f["seconds"], f["outcome"] = n.Seconds, string(n.Outcome)
		d.say.Line("corrected", f, "correct %s %s %.0f s after the nudge", name, done(n.Rule, n.Outcome), n.Seconds)
	case schemas.ActionCounted:
		f["seconds"] = n.Seconds
		d.say.Line("break", f, "break   %s got up unprompted after %.0f minutes of sitting: counted, no nudge", name, n.Seconds/60)
	case schemas.ActionReplied:
		d.say.Line("reply", f, "reply   %s answered %s on the wearable", name, n.Reply)
	case schemas.ActionHeld:
		f["held_by"], f["why"] = n.HeldBy, n.Why
		d.say.Line("held", f, "held    a nudge for %s: %s", name, n.Why)
	case schemas.ActionAmbiguous:
		d.say.Line("ambiguous", f, "unsure  a nudge for %s was not confirmed; it is not sent again", name)
	}
}

var outcomes = map[schemas.Outcome]string{ //nolint:gochecknoglobals // a constant that Go cannot write as one
	schemas.Recovered: "straightened", schemas.Moved: "moved", schemas.Break: "got up for a break", schemas.Stood: "stood up",
	schemas.Shifted: "shifted", schemas.Calibrated: "measured the upright pose", schemas.Charged: "charged the device",
	schemas.Back: "was back", schemas.Momentary: "was done", schemas.Unknown: "went out of sight",
}

// done says in words how an episode of a rule that was nudged about ended.
func done(rule schemas.Rule, o schemas.Outcome) string {
	switch {
	case o == schemas.Recovered && rule == schemas.RuleLoad:
		return "rested the back"
	case o == schemas.Recovered && rule == schemas.RuleBending:
		return "stopped bending"
	case outcomes[o] == "":
		return "ended it"
	}
	return outcomes[o]
}

func (d *Demo) name(id schemas.ID) string {
	for _, w := range d.office.Wearers {
		if w.ID == id {
			return w.Name
		}
	}
	return id.String()
}

// hooks tell what devices do.
func (d *Demo) hooks(ctx context.Context) sim.Hooks {
	return sim.Hooks{
		WentAway: func(w *sim.Wearer) {
			since := time.Since(w.Clock())
			f := fields{"wearer": w.ID.String(), "since_s": since.Seconds()}
			if since < time.Minute {
				d.say.Line("offline", f, "offline %s's device lost its connection and keeps a buffer", w.Name)
				return
			}
			d.say.Line("offline", f, "offline %s's device has had no connection for %.0f minutes and keeps a buffer", w.Name, since.Minutes())
		},
		CameBack: func(w *sim.Wearer, away time.Duration, readings int) {
			go d.buffer(ctx, w, time.Now(), away, readings)
		},
	}
}

// buffer tells what became of a device's buffer, as the store has it.
func (d *Demo) buffer(ctx context.Context, w *sim.Wearer, back time.Time, away time.Duration, readings int) {
	if err := d.fleet[w].Flush(ctx); err != nil {
		return // the demo ends
	}
	if err := d.app.Settle(ctx); err != nil {
		return
	}
	q := series.Query{Org: d.office.Org, Wearer: w.ID, From: back.Add(-away), To: back}
	stored, nudges := 0, 0
	err := d.app.Store().Readings(ctx, q, func(series.Reading) error { stored++; return nil })
	if err != nil {
		d.o.Logger.Warn("buffer not counted", "err", err)
		return
	}
	decisions, err := d.app.Store().Decisions(ctx, q)
	if err != nil {
		d.o.Logger.Warn("buffer not counted", "err", err)
		return
	}
	for _, n := range decisions {
		if n.Action == schemas.ActionSent {
			nudges++
		}
	}
	kept, verdict := fmt.Sprintf("%d stored", stored), "nobody nudged"
	if stored >= readings {
		kept = "all stored" // and what came live since
	}
	if nudges > 0 {
		verdict = fmt.Sprintf("%d nudges", nudges)
	}
	d.say.Line("buffer", fields{"wearer": w.ID.String(), "away_s": away.Seconds(), "readings": readings, "stored": stored, "nudges": nudges},
		"buffer  %s's device came back after %.0f minutes with %d readings: %s, %s", w.Name, away.Minutes(), readings, kept, verdict)
}
