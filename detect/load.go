package detect

import (
	"math"

	"sitwell/schemas"
)

// The load budget's constants, in ms and degrees. Ligaments and discs that are
// held under load creep with a time constant of 9.4 min and take back half of
// their stiffness within 2 min of rest (McGill & Brown 1992, measured at the
// lumbar spine, used here for the thoracic spine by analogy) [S]. The two
// constants of recovery are fitted to that one point, and the degrees are those
// of rule R1. [D]
const (
	loadRises     = 9.4 * 60_000
	loadFallsFast = 0.7 * 60_000
	loadFallsSlow = 20 * 60_000
	loadFromDeg   = 10 // no load up to here
	loadFullDeg   = 25 // full load from here
)

// load is rule R2, the load budget: D = F + S, where a fast and a slow part of 0
// to 0.5 each follow half of the posture's load w. It rises alike in both and
// falls in F within a minute and in S within half an hour. It is a model that
// remembers how much the back had to hold lately, no measurement of tissue and
// no medical limit.
type load struct {
	F, S  float32
	Start stamp // of the episode
	Level uint8
}

func (l *load) budget() float64 { return float64(l.F) + float64(l.S) }

func (l *load) step(iv *interval, pr *proof) {
	w := 0.0
	ms := iv.ms
	switch iv.posture {
	case frozen:
		return
	case lost: // what was frozen until now was rest
		ms = iv.to - iv.postureSince
	case dark:
	case seen:
		w = iv.before.load()
	}
	if w > 0 || l.F > 0 || l.S > 0 {
		l.F = relax(l.F, w/2, ms, loadFallsFast)
		l.S = relax(l.S, w/2, ms, loadFallsSlow)
	}
	if l.Level > 0 || w > 0 {
		l.rate(iv, w, pr)
	}
}

// load is how heavily a posture loads the back, 0 to 1.
func (s *sample) load() float64 {
	if !s.judged() {
		return 0
	}
	return min(max((float64(s.Flexion)-10*loadFromDeg)/(10*(loadFullDeg-loadFromDeg)), 0), 1)
}

// least is under what a part of the budget counts as none, so that a rested back
// costs no exponential.
const least = 1e-7

// relax is x after ms on its way to target.
func relax(x float32, target float64, ms int64, falls float64) float32 {
	tau := falls
	if target > float64(x) {
		tau = loadRises
	}
	y := float32(target + (float64(x)-target)*math.Exp(-float64(ms)/tau))
	if y < least {
		return 0
	}
	return y
}

// rate opens, escalates and closes the episode. A posture of which the load
// itself is not above a threshold never reaches it, however long it is held.
// While a slouch is open nothing here is worth a nudge: that is the slouch's.
func (l *load) rate(iv *interval, w float64, pr *proof) {
	p, d := pr.w.plan, l.budget()
	alone := pr.w.rules.Slouch.Level == 0
	reaches := func(limit float64) bool { return d >= limit && w > limit }
	switch {
	case l.Level == 0 && reaches(p.LoadNudge):
		l.Level, l.Start = 1, stampOf(iv.to)
		pr.find(schemas.Opened, l.finding(iv))
		if alone {
			l.Level = 2
			pr.find(schemas.Escalated, l.finding(iv))
		}
	case l.Level == 1 && alone && reaches(p.LoadNudge), l.Level == 2 && alone && reaches(p.LoadBreak):
		l.Level++
		pr.find(schemas.Escalated, l.finding(iv))
	case l.Level > 0 && d < p.LoadClear:
		f := l.finding(iv)
		f.relieve(iv)
		pr.find(schemas.Closed, f)
		l.Level = 0
	}
}

// relieve says how what a posture did to the back ended, and when. Where nothing
// was seen for long, it was not later than when that began.
func (f *found) relieve(iv *interval) {
	f.outcome, f.end = schemas.Recovered, iv.to
	switch {
	case iv.posture == lost:
		f.outcome, f.end = schemas.Unknown, iv.postureSince
		f.ms = max(0, f.end-f.start)
	case iv.posture != seen:
		f.outcome = schemas.Unknown
	case iv.before.moves():
		f.outcome = schemas.Moved
	}
}

func (l *load) finding(iv *interval) found {
	start := iv.time(l.Start)
	return found{
		rule: schemas.RuleLoad, level: int(l.Level), severity: schemas.Severity(l.Level), start: start, ms: iv.to - start,
		values: []value{{"load", thousandth(l.budget())}, {"flexion_deg", float64(iv.before.Flexion) / 10}},
	}
}
