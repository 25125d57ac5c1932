package sim

import (
	"math/rand/v2"
	"time"
)

const (
	minuteMS  = 60_000
	microOdds = 0.15 // that getting up is a matter of under two minutes
	chatOdds  = 0.25 // that a break ends with standing for a while
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
		return w.posture(t)
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
	return w.posture(t)
}

// posture is the next posture of a sitting bout.
func (w *Wearer) posture(t int64) phase {
	flexion, hold := w.traits.upright, w.traits.hold
	if w.rng.Float64() < w.traits.leanOdds {
		flexion, hold = w.traits.lean, w.traits.leanFor
	}
	return phase{
		what: sit, until: min(t+seconds(w.rng, hold), w.boutEnd),
		flexion: flexion.draw(w.rng), roll: w.traits.roll.draw(w.rng),
	}
}

func (w *Wearer) onFeet(what activity, t int64, long span) phase {
	return phase{what: what, until: t + seconds(w.rng, long), flexion: span{1, 5}.draw(w.rng), roll: span{-2, 2}.draw(w.rng)}
}

// upright is sitting well until an event time.
func (w *Wearer) upright(until int64) phase {
	return phase{what: sit, until: until, flexion: span{2, 5}.draw(w.rng), roll: w.traits.roll.draw(w.rng)}
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
