package sim

import (
	"time"

	"sitwell/schemas"
)

// reaction is a scripted answer to the next nudge of a rule: after how long it is
// followed. The zero value leaves it to habit.
type reaction struct {
	rule  schemas.Rule
	after time.Duration
}

// Answer is how a wearer answers a nudge on the device, at its time.
type Answer struct {
	At     time.Time
	Action schemas.ReplyAction
}

// React lets a nudge that arrived at now change what the wearer does. It reports
// whether there will be an answer, and which.
func (w *Wearer) React(now time.Time, rule schemas.Rule) (Answer, bool) {
	after, follows := w.delay(rule)
	if w.fixed.rule == rule {
		after, follows, w.fixed = w.fixed.after, true, reaction{}
	}
	answer := Answer{At: now.Add(after), Action: schemas.ReplyDone}
	if !follows {
		answer.Action = schemas.ReplySnooze
		return answer, w.rng.Float64() < snoozeOdds
	}
	at := max(answer.At.UnixMilli(), w.clock)
	if plan := w.follow(at, rule); len(plan) > 0 {
		w.now.until = min(w.now.until, at)
		w.plan = append([]phase{w.until(at)}, plan...)
	}
	return answer, true
}

// follow is what the wearer does from at on when following a nudge; nothing for
// a rule that asks for nothing on the spot.
func (w *Wearer) follow(at int64, rule schemas.Rule) []phase {
	end := at + seconds(w.rng, span{200, 480})
	switch rule {
	case schemas.RuleSlouch, schemas.RuleLean:
		w.boutEnd = max(w.boutEnd, end)
		return []phase{w.upright(end)}
	case schemas.RuleImmobility:
		w.boutEnd = max(w.boutEnd, end)
		return []phase{w.shift(at), w.upright(end)}
	case schemas.RuleSitting:
		w.boutEnd = 0
		return []phase{w.onFeet(walk, at, span{140, 260})}
	case schemas.RuleLoad, schemas.RuleHydration:
		return []phase{w.onFeet(walk, at, span{40, 100})}
	case schemas.RuleBending:
		return []phase{w.onFeet(stand, at, span{120, 240})}
	case schemas.RuleCalibration:
		if w.kit.raw {
			return w.calibration(at)
		}
	case schemas.RuleHold, schemas.RuleSudden, schemas.RuleOffline, schemas.RuleBattery:
	}
	return nil
}

// snoozeOdds are those of a snooze where a nudge is not followed.
const snoozeOdds = 0.3

// delay draws how long it takes to follow a nudge, and whether it is followed.
func (w *Wearer) delay(rule schemas.Rule) (time.Duration, bool) {
	long := span{10, 60} // what makes one get up
	switch rule {
	case schemas.RuleSlouch, schemas.RuleLean, schemas.RuleImmobility:
		long = span{3, 9}
	default:
	}
	after := time.Duration(seconds(w.rng, long)) * time.Millisecond
	return after, w.rng.Float64() < w.traits.comply
}

// until is going on with the present posture until t.
func (w *Wearer) until(t int64) phase {
	p := w.now
	p.until, p.event = t, nil
	return p
}
