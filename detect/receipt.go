package detect

import (
	"maps"
	"runtime"
	"slices"
	"strconv"

	"sitwell/schemas"
)

// Engine is the version of the engine. Receipts of another one are not expected
// to give the same when they are judged again.
const Engine = 2

// receipt is what it takes to prove a finding again.
func (pr *proof) receipt(f *found) *schemas.Receipt {
	w := pr.w
	number, version := RuleVersion(f.rule)
	r := &schemas.Receipt{
		Engine: Engine, Arch: runtime.GOARCH, RuleNumber: number, Version: version, Parameters: w.plan.version,
		Limits: map[string]string{}, Values: make(map[string]float64, len(f.values)),
		From: w.anchor.place, To: w.at(pr.seq, pr.iv.to), State: slices.Clone(w.anchor.state),
	}
	for _, t := range Tunables() {
		if t.Rule == f.rule {
			r.Limits[t.Key] = t.text(w.plan.Params)
		}
	}
	maps.Copy(r.Limits, fixedLimits(f.rule, w.plan.Params))
	for _, v := range f.values {
		r.Values[v.name] = v.v
	}
	if s := &pr.iv.before; s.Is.has(derived | fitted) {
		if pose, _ := w.rules.Signals.zero(s.Is); pose >= 0 {
			r.Zero = &schemas.Zero{Pose: [...]schemas.Pose{schemas.Seated, schemas.Standing}[pose], Upright: w.rules.Signals.Upright[pose]}
		}
	}
	return r
}

// RuleVersion is a rule's number in the documentation and its version, which
// rises whenever the rule judges otherwise than before.
func RuleVersion(rule schemas.Rule) (number string, version int) {
	switch rule {
	case schemas.RuleSlouch:
		return "R1", 2 // 2: two sensors, severity
	case schemas.RuleLoad:
		return "R2", 1
	case schemas.RuleHold:
		return "R3", 1
	case schemas.RuleSitting:
		return "R4", 1
	case schemas.RuleImmobility:
		return "R5", 1
	case schemas.RuleLean:
		return "R6", 1
	case schemas.RuleSudden:
		return "R7", 1
	case schemas.RuleBending:
		return "R8", 1
	case schemas.RuleHydration:
		return "R9", 1
	case schemas.RuleOffline, schemas.RuleBattery:
		return "R11", 1
	case schemas.RuleCalibration:
		return "calibration", 1
	}
	return strconv.Quote(string(rule)), 0
}

// anchor is the state of the rules before a reading. It is noted at the first
// reading of a minute in which nothing is under way, so that the receipts of what
// begins later can start there.
type anchor struct {
	place schemas.Place
	state []byte
}

// cast notes the state before an item of the present run; newest is the greatest
// event time judged before it.
func (a *anchor) cast(w *Wearer, seq uint64, at, newest int64) {
	a.place = w.at(seq, at)
	c := codec{b: a.state[:0], write: true}
	w.rules.code(&c)
	u64(&c, &newest)
	u64(&c, &w.askFrom)
	a.state = c.b
}

// calm reports whether no rule is in the middle of something. What waits for
// somebody to do something may wait for days, and what ends it needs no reading
// from before: a low battery, a calibration to be made, a drink.
func (w *Wearer) calm() bool {
	r := &w.rules
	return r.Slouch.Dwell == 0 && !r.Bout.On && r.Load.Level == 0 && r.Hold.H == 0 && r.Still.Len == 0 && r.Lean.Side == 0 &&
		!r.Bending.Open && w.measuring == nil
}

// at names a reading of the present run.
func (w *Wearer) at(seq uint64, at int64) schemas.Place {
	return schemas.Place{Device: w.device, Boot: w.boot, Seq: seq, Time: eventTime(at)}
}
