package sim

import (
	"math/rand/v2"
	"time"

	"sitwell/schemas"
)

const (
	minuteMS  = 60_000
	microOdds = 0.15  // that getting up is a matter of under two minutes
	chatOdds  = 0.25  // that a break ends with standing for a while
	jerkOdds  = 0.003 // that a posture begins with a fast or sudden movement
)

// decide is what the wearer does from t on out of habit.
func (w *Wearer) decide(t int64, was phase) phase {
	if !w.stay {
		if t >= w.today.leave {
			w.today = w.days.next(t, w.rng)
		}
		switch d := &w.today; {
		case t < d.arrive:
			return phase{what: off, until: d.arrive}
		case t >= d.lunch && t < d.lunchEnd:
			w.boutEnd = 0
			return phase{what: away, until: d.lunchEnd}
		}
	}
	if p, busy := w.handle(t, was); busy {
		return p
	}
	next := w.move(t, was)
	if !w.stay {
		next.until = min(next.until, w.today.leave)
		if t < w.today.lunch {
			next.until = min(next.until, w.today.lunch)
		}
	}
	return next
}

// move is the next activity of somebody at work.
func (w *Wearer) move(t int64, was phase) phase {
	switch {
	case was.what == sit && t < w.boutEnd:
		return w.posture(t, was)
	case was.what == sit && w.rng.Float64() < microOdds:
		w.boutEnd = t + w.minutes(span{6, 12})
		return w.onFeet(walk, t, span{20, 90})
	case was.what == sit:
		w.boutEnd = 0
		return w.onFeet(walk, t, w.traits.pause)
	case was.what == walk && w.boutEnd == 0 && w.rng.Float64() < chatOdds:
		return w.onFeet(stand, t, span{30, 200})
	}
	if w.boutEnd <= t {
		w.boutEnd = t + w.minutes(w.traits.bout)
	}
	return w.posture(t, was)
}

// posture is the next posture of a sitting bout.
func (w *Wearer) posture(t int64, was phase) phase {
	tr := &w.traits
	if !was.brief && w.rng.Float64() < tr.shiftOdds {
		p := w.shift(t)
		p.until = min(p.until, w.boutEnd)
		return p
	}
	p := phase{what: sit, flexion: tr.upright.draw(w.rng), roll: tr.roll.draw(w.rng), hips: 0.5}
	long := span{tr.hold.lo / w.liveliness, tr.hold.hi / w.liveliness}
	switch x := w.rng.Float64(); {
	case x < tr.leanOdds:
		p.flexion, p.hips, long = tr.lean.draw(w.rng), w.slouches(), tr.leanFor
	case x < tr.leanOdds+tr.sideOdds:
		p.roll, long = w.side*armrest.draw(w.rng), tr.sideFor
	}
	p.until = min(t+seconds(w.rng, long), w.boutEnd)
	if w.rng.Float64() < jerkOdds {
		p.event = w.jerk()
	}
	return p
}

// shift is a short change of posture: back, to a side, forward, or down to a
// drawer.
func (w *Wearer) shift(t int64) phase {
	p := phase{what: sit, brief: true, flexion: 4, hips: 0.5}
	long := span{15, 45}
	switch x := w.rng.Float64(); {
	case x < 0.35:
		p.flexion = span{-14, -9}.draw(w.rng)
	case x < 0.75:
		p.roll = span{12, 16}.draw(w.rng)
		if w.rng.IntN(2) == 0 {
			p.roll = -p.roll
		}
	case x < 0.93:
		p.flexion, long = span{16, 20}.draw(w.rng), span{15, 27}
	default:
		p.flexion, p.hips, long = span{40, 62}.draw(w.rng), 0.9, span{8, 12}
	}
	p.until = t + seconds(w.rng, long)
	return p
}

// slouches is the lower back's share in a lean: most are slouches, in which it
// hardly takes part, some bend the hips.
func (w *Wearer) slouches() float64 {
	if w.rng.Float64() < 0.4 {
		return 0.9
	}
	return 0.08
}

// jerk is what a device tells of a fast movement, one in six a sudden one.
func (w *Wearer) jerk() *schemas.Event {
	e := &schemas.Event{Type: schemas.EventSuddenMovement, Axis: schemas.Twist, Lasted: 400}
	e.PeakRate = uint16(span{50, 110}.draw(w.rng))
	e.Range = uint16(span{15, 60}.draw(w.rng))
	if w.rng.IntN(6) == 0 {
		e.PeakRate, e.Lasted, e.PeakAcc = 2*e.PeakRate+100, 200, 1300
	}
	return e
}

func (w *Wearer) onFeet(what activity, t int64, long span) phase {
	return phase{
		what: what, until: t + seconds(w.rng, long), flexion: span{1, 5}.draw(w.rng), roll: span{-2, 2}.draw(w.rng), hips: 0.5,
	}
}

// upright is sitting well until an event time.
func (w *Wearer) upright(until int64) phase {
	return phase{what: sit, until: until, flexion: span{2, 5}.draw(w.rng), roll: w.traits.roll.draw(w.rng), hips: 0.5}
}

// sitting is sitting well from t until an event time, with a shift of posture
// now and then, as habit has it.
func (w *Wearer) sitting(t, until int64) []phase {
	var all []phase
	for t < until {
		p := w.upright(min(until, t+seconds(w.rng, span{60, 300})))
		if all = append(all, p); p.until < until {
			p = w.shift(p.until)
			p.flexion = min(p.flexion, 14) // nothing that counts as a slouch
			p.until = min(p.until, until)
			all = append(all, p)
		}
		t = p.until
	}
	return all
}

func (w *Wearer) minutes(s span) int64 { return int64(s.draw(w.rng) * minuteMS) }

func seconds(r *rand.Rand, s span) int64 { return int64(s.draw(r) * 1000) }

// planOutage gives a device that is given to it its next time without a
// connection: 10 minutes or so, 20 to 30 minutes after the last one.
func (w *Wearer) planOutage(now time.Time) {
	ms := now.UnixMilli()
	if w.Habit != Offline || ms < w.outage.to {
		return
	}
	from := ms + w.minutes(span{20, 30})
	w.outage = outage{from, from + w.minutes(span{8, 12})}
}
