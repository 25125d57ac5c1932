package sim

import (
	"math/rand/v2"

	"sitwell/schemas"
)

// activity is what a wearer does during a phase.
type activity uint8

const (
	off   activity = iota // the device is switched off; it boots when the phase ends
	empty                 // the battery has run out and charges: off, without a goodbye
	away                  // not worn, the device is in a drawer: no readings
	sit
	stand
	walk
)

// worn reports whether there are readings.
func (a activity) worn() bool { return a > away }

// boots reports whether the device starts anew afterwards.
func (a activity) boots() bool { return a <= empty }

// phase is a stretch of one activity in one posture.
type phase struct {
	what    activity
	until   int64   // event time in ms at which it ends
	flexion float64 // degrees forward
	roll    float64 // degrees to the right
	hips    float64 // share of the flexion that the lower back takes part in, 0 to 1
	brief   bool    // a shift of posture, after which the wearer sits as before
	// event happens as the phase begins; nil is none.
	event *schemas.Event
}

// Habit is how a wearer sits and moves.
type Habit string

// The habits of the office.
const (
	Steady     Habit = "steady"      // upright, with a break before half an hour
	Leaner     Habit = "leaner"      // leans towards the screen for minutes
	LongSitter Habit = "long sitter" // sits for an hour, and still
	OneSided   Habit = "one-sided"   // leans on one armrest
	Restless   Habit = "restless"    // shifts and gets up often
	Offline    Habit = "offline"     // steady, with a device that loses its connection
)

// span is a range that values are drawn from evenly.
type span struct{ lo, hi float64 }

func (s span) draw(r *rand.Rand) float64 { return s.lo + (s.hi-s.lo)*r.Float64() }

// traits are a habit in numbers: minutes for bouts, seconds for the rest,
// degrees for angles, 0 to 1 for odds. They are made up so that a day looks
// like the published ones: breaks of two to five minutes, and posture shifts on
// the seat about 21 times an hour at the median of recorded people.
type traits struct {
	bout      span    // minutes of sitting before a break
	pause     span    // seconds of walking in a break
	hold      span    // seconds in one posture
	shiftOdds float64 // that a short shift of posture follows
	upright   span    // flexion of the ordinary posture
	lean      span    // flexion of a lean
	leanFor   span    // seconds of a lean
	leanOdds  float64 // that the next posture is a lean
	roll      span    // sideways, in the ordinary posture
	sideFor   span    // seconds on the armrest
	sideOdds  float64 // that the next posture is one on the armrest
	comply    float64 // odds that a nudge is followed
}

// armrest is how far to its side leaning on an armrest goes, in degrees.
var armrest = span{12, 17}

var habits = map[Habit]traits{
	Steady: {
		bout: span{15, 27}, pause: span{130, 280}, hold: span{60, 300}, shiftOdds: 0.6, upright: span{2, 7},
		lean: span{16, 20}, leanFor: span{30, 90}, leanOdds: 0.06, roll: span{-3, 3},
		sideFor: span{40, 150}, sideOdds: 0.04, comply: 0.9,
	},
	Leaner: {
		bout: span{16, 28}, pause: span{130, 240}, hold: span{60, 300}, shiftOdds: 0.4, upright: span{4, 8},
		lean: span{20, 28}, leanFor: span{90, 420}, leanOdds: 0.4, roll: span{-4, 4},
		sideFor: span{40, 150}, sideOdds: 0.02, comply: 0.75,
	},
	LongSitter: {
		bout: span{38, 75}, pause: span{125, 300}, hold: span{150, 600}, shiftOdds: 0.4, upright: span{3, 8},
		lean: span{16, 21}, leanFor: span{30, 100}, leanOdds: 0.08, roll: span{-3, 3},
		sideFor: span{40, 150}, sideOdds: 0.02, comply: 0.5,
	},
	OneSided: {
		bout: span{18, 28}, pause: span{130, 260}, hold: span{60, 300}, shiftOdds: 0.5, upright: span{2, 7},
		lean: span{16, 20}, leanFor: span{30, 90}, leanOdds: 0.06, roll: span{2, 6},
		sideFor: span{90, 340}, sideOdds: 0.25, comply: 0.8,
	},
	Restless: {
		bout: span{7, 18}, pause: span{125, 360}, hold: span{25, 90}, shiftOdds: 0.3, upright: span{1, 8},
		lean: span{16, 22}, leanFor: span{20, 60}, leanOdds: 0.15, roll: span{-7, 7},
		sideFor: span{30, 90}, sideOdds: 0.04, comply: 0.9,
	},
	Offline: {
		bout: span{15, 27}, pause: span{130, 280}, hold: span{60, 300}, shiftOdds: 0.6, upright: span{2, 7},
		lean: span{16, 20}, leanFor: span{30, 90}, leanOdds: 0.08, roll: span{-3, 3},
		sideFor: span{40, 150}, sideOdds: 0.04, comply: 0.9,
	},
}
