package detect

import "sitwell/schemas"

// slouch is rule R1, and R1b where a second sensor tells a slouch from a bend at
// the hips: leaning or slouching forward for long. Dwell is the time at
// SlouchDeg and above; between UprightDeg and that it stands still; under
// UprightDeg, or moving, for SlouchClear clears it.
type slouch struct {
	Start stamp // of the dwell
	Dwell span
	Bent  float32 // sum of flexion in degrees times seconds over the dwell
	// The stretch of recovery under way: when it began, how long it is, and how
	// much of it was moving.
	ClearFrom    stamp
	Clear, Moved short
	Blind        blind // of posture, for all rules about it
	Level        uint8 // 0 is no episode
	Raised       uint8 // by how much the load, or the hold, has made it more severe
}

func (s *slouch) step(iv *interval, pr *proof) {
	p, before := pr.w.plan, &iv.before
	switch {
	case iv.posture == lost || iv.posture == dark:
		s.end(schemas.Unknown, iv.postureSince, pr)
	case iv.posture == frozen:
	case before.moves():
		s.recover(iv, true, pr)
	case before.slouches(p):
		s.bend(iv, pr)
	case before.upright(p):
		s.recover(iv, false, pr)
	default:
		s.Clear, s.Moved = 0, 0
	}
}

// slouches reports whether the upper back is bent forward: against the lower
// one where both are measured, for then a bend at the hips is none.
func (s *sample) slouches(p *plan) bool {
	if s.Is.has(curved) {
		return s.Curve >= p.curve
	}
	return s.Flexion >= p.slouch
}

func (s *sample) upright(p *plan) bool {
	if s.Is.has(curved) {
		return s.Curve < p.curveClear
	}
	return s.Flexion < p.upright
}

// bend adds an interval of slouching.
func (s *slouch) bend(iv *interval, pr *proof) {
	if s.Dwell == 0 {
		s.Start = stampOf(iv.from)
	}
	s.Clear, s.Moved = 0, 0
	s.Dwell.add(iv.ms)
	s.Bent += float32(iv.before.Flexion) * float32(iv.ms) / 1e4
	if s.Level == 0 && int64(s.Dwell) >= pr.w.plan.slouchOpen {
		s.Level = 1
		pr.find(schemas.Opened, s.finding(iv))
	}
	if s.Level == 1 && int64(s.Dwell) >= pr.w.plan.slouchNudge {
		s.Level = 2
		pr.find(schemas.Escalated, s.finding(iv))
	}
}

// recover adds an interval of upright posture, of leaning back, or of moving.
func (s *slouch) recover(iv *interval, moved bool, pr *proof) {
	if s.Dwell == 0 {
		return
	}
	if s.Clear == 0 {
		s.ClearFrom = stampOf(iv.from)
	}
	s.Clear.add(iv.ms)
	if moved {
		s.Moved.add(iv.ms)
	}
	if int64(s.Clear) < pr.w.plan.slouchClear {
		return
	}
	outcome := schemas.Recovered
	if s.Moved > s.Clear-s.Moved {
		outcome = schemas.Moved
	}
	s.end(outcome, iv.time(s.ClearFrom), pr)
}

// raise makes an open episode more severe: moderate when the holding time of ISO
// 11226 or the first part of the budget of load is used up, severe when the budget
// is worth a break. That adds no nudge.
func (s *slouch) raise(iv *interval, pr *proof) {
	if s.Level == 0 {
		return
	}
	p, r := pr.w.plan, &pr.w.rules
	d, by := r.Load.budget(), uint8(0)
	switch {
	case d >= p.LoadBreak:
		by = 2
	case d >= p.LoadNudge || r.Hold.full():
		by = 1
	}
	if by <= s.Raised {
		return
	}
	s.Raised = by
	f := s.finding(iv)
	f.values = append(f.values, value{"load", thousandth(d)}, value{"hold", thousandth(float64(r.Hold.H))})
	pr.find(schemas.Raised, f)
}

// end forgets the dwell and closes the episode, if it had become one.
func (s *slouch) end(outcome schemas.Outcome, at int64, pr *proof) {
	if s.Level > 0 {
		f := s.finding(pr.iv)
		f.outcome, f.end = outcome, at
		pr.find(schemas.Closed, f)
	}
	*s = slouch{Blind: s.Blind}
}

func (s *slouch) finding(iv *interval) found {
	mean := tenth(float64(s.Bent) * 1000 / float64(s.Dwell))
	f := found{
		rule: schemas.RuleSlouch, level: int(s.Level), severity: schemas.Mild + schemas.Severity(s.Raised), start: iv.time(s.Start), ms: int64(s.Dwell), flexion: mean,
		values: []value{{"dwell_s", seconds(int64(s.Dwell))}, {"mean_flexion_deg", mean}},
	}
	if iv.before.Is.has(curved) {
		f.values = append(f.values, value{"curve_deg", float64(iv.before.Curve) / 10})
	}
	return f
}
