package detect

import "sitwell/schemas"

// lean is rule R6: leaning to one side for long, beyond LeanDeg for LeanFor or
// beyond LeanFarDeg for LeanFarFor. Back within the angle, on the other side, or
// moving for SlouchClear forgets a count.
type lean struct {
	Start stamp // of the lean beyond LeanDeg
	// How long the wearer leaned beyond the two angles, and how long the stretch
	// is that is about to forget it.
	Near, Far           span
	NearClear, FarClear short
	ClearFrom           stamp // when NearClear began
	Side                int8  // 1 is right, -1 left, 0 none
	Level               uint8
}

func (l *lean) step(iv *interval, pr *proof) {
	p, before := pr.w.plan, &iv.before
	switch iv.posture {
	case frozen, dark:
		return
	case lost:
		l.end(schemas.Unknown, iv.postureSince, pr)
		return
	case seen:
	}
	if iv.ms == 0 {
		return
	}
	angle := before.sideways(p)
	if before.moves() {
		angle = 0
	}
	if l.Side == 0 {
		if distance(angle, 0) <= p.lean {
			return
		}
		l.Side, l.Start = 1, stampOf(iv.from)
		if angle < 0 {
			l.Side = -1
		}
	}
	beyond := int16(l.Side) * angle
	l.far(iv, beyond > p.leanFar, p)
	if beyond > p.lean {
		l.NearClear = 0
		l.Near.add(iv.ms)
		l.rate(iv, pr)
		return
	}
	if l.NearClear == 0 {
		l.ClearFrom = stampOf(iv.from)
	}
	l.NearClear.add(iv.ms)
	if int64(l.NearClear) < p.slouchClear {
		return
	}
	outcome := schemas.Recovered
	if before.moves() {
		outcome = schemas.Moved
	}
	l.end(outcome, iv.time(l.ClearFrom), pr)
}

// leanUpTo is the flexion in tenths of a degree beyond which a lean to a side means
// nothing: the trunk lies more than it stands. [D]
const leanUpTo = 600

// sideways is the lean that counts: leaning back is not judged.
func (s *sample) sideways(p *plan) int16 {
	if s.Flexion > leanUpTo || s.Flexion < p.leanBack {
		return 0
	}
	return s.Lean
}

func (l *lean) far(iv *interval, beyond bool, p *plan) {
	if beyond {
		l.FarClear = 0
		l.Far.add(iv.ms)
		return
	}
	l.FarClear.add(iv.ms)
	if int64(l.FarClear) >= p.slouchClear {
		l.Far = 0
	}
}

func (l *lean) rate(iv *interval, pr *proof) {
	p := pr.w.plan
	if l.Level == 0 && (int64(l.Near) >= p.leanFor || int64(l.Far) >= p.leanFarFor) {
		l.Level = 2
		pr.findBoth(l.finding(iv))
	}
}

func (l *lean) end(outcome schemas.Outcome, at int64, pr *proof) {
	if l.Level > 0 {
		f := l.finding(pr.iv)
		f.outcome, f.end = outcome, at
		pr.find(schemas.Closed, f)
	}
	*l = lean{}
}

func (l *lean) finding(iv *interval) found {
	cause := schemas.Right
	if l.Side < 0 {
		cause = schemas.Left
	}
	return found{
		rule: schemas.RuleLean, level: 2, severity: schemas.Moderate, cause: cause, start: iv.time(l.Start), ms: int64(l.Near),
		values: []value{
			{"lean_s", seconds(int64(l.Near))}, {"lean_far_s", seconds(int64(l.Far))}, {"lean_deg", float64(iv.before.Lean) / 10},
		},
	}
}
