package sim

import (
	"time"

	"sitwell/schemas"
)

// reaction is a scripted answer to the next nudge: after how long it is
// followed. The zero value leaves it to habit.
type reaction struct{ after time.Duration }

// Answer is how a wearer answers a nudge on the device, at its time.
type Answer struct {
	At     time.Time
	Action schemas.ReplyAction
}

// React lets a nudge that arrived at now change what the wearer does. It reports
// whether there will be an answer, and which.
func (w *Wearer) React(now time.Time, rule schemas.Rule) (Answer, bool) {
	after, follows := w.fixed.after, true
	if after == 0 {
		after, follows = w.delay(rule)
	}
	w.fixed = reaction{}
	answer := Answer{At: now.Add(after), Action: schemas.ReplyDone}
	if !follows {
		answer.Action = schemas.ReplySnooze
		return answer, w.rng.Float64() < snoozeOdds
	}
	at := max(answer.At.UnixMilli(), w.clock)
	w.now.until = min(w.now.until, at)
	switch rule {
	case schemas.RuleSlouch:
		end := at + seconds(w.rng, span{200, 480})
		w.boutEnd = max(w.boutEnd, end)
		w.plan = []phase{w.until(at), w.upright(end)}
	case schemas.RuleSitting:
		w.boutEnd = 0
		w.plan = []phase{w.until(at), w.onFeet(walk, at, span{140, 260})}
	}
	return answer, true
}

// snoozeOdds are those of a snooze where a nudge is not followed.
const snoozeOdds = 0.3

// delay draws how long it takes to follow a nudge, and whether it is followed.
func (w *Wearer) delay(rule schemas.Rule) (time.Duration, bool) {
	long := span{3, 9}
	if rule == schemas.RuleSitting {
		long = span{10, 60}
	}
	after := time.Duration(seconds(w.rng, long)) * time.Millisecond
	return after, w.rng.Float64() < w.traits.comply
}

// until is going on with the present posture until t.
func (w *Wearer) until(t int64) phase {
	p := w.now
	p.until = t
	return p
}
