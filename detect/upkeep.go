package detect

import "sitwell/schemas"

// restEnds is how long a gap is after which the worn time begins anew, as
// overnight, in ms. [D]
const restEnds = 4 * 3_600_000

// hydration is rule R9, for those who asked for it: a drink is due after so much
// worn time, and a break is when to have it.
type hydration struct {
	Worn  span
	Start stamp // of the episode, 0 if none is open
}

func (h *hydration) step(iv *interval, pr *proof) {
	p := pr.w.plan
	if !p.Hydration {
		h.end(iv, schemas.Unknown, pr)
		h.Worn = 0
		return
	}
	if iv.ms > restEnds {
		h.end(iv, schemas.Unknown, pr)
		h.Worn = 0
	}
	if !iv.held || !iv.before.Is.has(worn) {
		return
	}
	h.Worn.add(iv.ms)
	if h.Start == 0 && int64(h.Worn) >= p.hydrationEvery {
		h.Start = stampOf(iv.to)
		pr.find(schemas.Opened, h.finding(iv))
	}
}

// rest is told of a break.
func (h *hydration) rest(iv *interval, pr *proof) {
	h.end(iv, schemas.Break, pr)
	h.Worn = 0
}

func (h *hydration) end(iv *interval, outcome schemas.Outcome, pr *proof) {
	if h.Start == 0 {
		return
	}
	f := h.finding(iv)
	f.outcome, f.end = outcome, iv.to
	pr.find(schemas.Closed, f)
	h.Start = 0
}

func (h *hydration) finding(iv *interval) found {
	start := iv.time(h.Start)
	return found{
		rule: schemas.RuleHydration, level: 1, severity: schemas.Mild, start: start, ms: iv.to - start,
		values: []value{{"worn_s", seconds(int64(h.Worn))}},
	}
}

// silence is rule R11: no reading for long while worn. Nobody knows whether the
// device was offline or off, and it is told when readings come again: an engine
// that knows no clock sees no silence, only its end.
func (pr *proof) silence() {
	iv, p := pr.iv, pr.w.plan
	if iv.ms < p.offlineAfter || !iv.before.Is.has(worn) || iv.bridged(p.bridgeMax) {
		return
	}
	f := found{
		rule: schemas.RuleOffline, level: 1, severity: schemas.Mild, start: iv.from, ms: iv.ms,
		values: []value{{"silent_s", seconds(iv.ms)}},
	}
	pr.find(schemas.Opened, f)
	f.outcome, f.end = schemas.Back, iv.to
	pr.find(schemas.Closed, f)
}

// chargedBy is by how many percent the charge must be over BatteryLow again. [D]
const chargedBy = 10

// battery is the other half of rule R11.
type battery struct {
	Start stamp // of the episode, 0 if none is open
}

func (b *battery) step(percent uint8, pr *proof) {
	low := pr.w.plan.BatteryLow
	switch {
	case b.Start == 0 && float64(percent) <= low:
		b.Start = stampOf(pr.iv.to)
		pr.find(schemas.Opened, b.finding(pr, value{"battery_pct", float64(percent)}))
	case b.Start != 0 && float64(percent) >= min(low+chargedBy, 100):
		b.end(schemas.Charged, pr, value{"battery_pct", float64(percent)})
	}
}

// leave ends the episode of a device that the wearer no longer wears.
func (b *battery) leave(pr *proof) {
	if b.Start != 0 {
		b.end(schemas.Unknown, pr)
	}
}

func (b *battery) end(outcome schemas.Outcome, pr *proof, values ...value) {
	f := b.finding(pr, values...)
	f.outcome, f.end = outcome, pr.iv.to
	pr.find(schemas.Closed, f)
	b.Start = 0
}

func (b *battery) finding(pr *proof, values ...value) found {
	start := pr.iv.time(b.Start)
	return found{rule: schemas.RuleBattery, level: 1, severity: schemas.Mild, start: start, ms: pr.iv.to - start, values: values}
}
