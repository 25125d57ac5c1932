package detect

import "sitwell/schemas"

// still is rule R5, immobility: sitting without a posture shift. A shift is a
// window (window.go) whose median pose differs by more than ShiftDeg, forward or
// to a side, from that of the last shift.
type still struct {
	Flexion, Lean int16 // the pose of the last shift, tenths of a degree
	Len           span  // sitting since
	Start         stamp
	Blind         blind // of the posture on the seat
	Has           bool  // there is a pose
	Open          bool
}

func (s *still) step(iv *interval, pr *proof) {
	switch iv.pose {
	case lost:
		s.end(schemas.Unknown, iv.poseSince, pr)
		return
	case frozen, dark:
		return
	case seen:
	}
	if !iv.before.sits() {
		s.rise(iv, pr)
		return
	}
	if s.Len == 0 {
		s.Start = stampOf(iv.from)
	}
	s.Len.add(iv.ms)
	if !s.Open && int64(s.Len) >= pr.w.plan.stillFor {
		s.Open = true
		pr.findBoth(s.finding(iv))
	}
}

// rise forgets it all once the wearer has been off the seat for longer than
// counts as sitting. How long that is, the bout says, which steps before.
func (s *still) rise(iv *interval, pr *proof) {
	if s.Len == 0 && !s.Has || iv.away < pr.w.plan.awayIgnored {
		return
	}
	outcome := schemas.Stood
	if iv.before.moves() {
		outcome = schemas.Moved
	}
	s.end(outcome, iv.awayFrom, pr)
}

// shift takes the median pose of a window that has ended.
func (s *still) shift(flexion, lean int16, end int64, pr *proof) {
	if !s.Has {
		s.Flexion, s.Lean, s.Has = flexion, lean, true
		return
	}
	if far := pr.w.plan.shift; distance(flexion, s.Flexion) <= far && distance(lean, s.Lean) <= far {
		return
	}
	pr.w.minute.shift()
	s.end(schemas.Shifted, end, pr)
	s.Flexion, s.Lean, s.Has = flexion, lean, true
}

func (s *still) end(outcome schemas.Outcome, at int64, pr *proof) {
	if s.Open {
		f := s.finding(pr.iv)
		f.outcome, f.end = outcome, at
		pr.find(schemas.Closed, f)
	}
	*s = still{Blind: s.Blind}
}

func (s *still) finding(iv *interval) found {
	return found{
		rule: schemas.RuleImmobility, level: 2, severity: schemas.Moderate, start: iv.time(s.Start), ms: int64(s.Len),
		values: []value{{"still_s", seconds(int64(s.Len))}, {"flexion_deg", float64(s.Flexion) / 10}, {"lean_deg", float64(s.Lean) / 10}},
	}
}

func distance(a, b int16) int16 { return max(a-b, b-a) }
