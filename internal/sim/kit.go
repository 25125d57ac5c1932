package sim

import (
	"math"

	"sitwell/schemas"
)

// kit is what a wearer wears, and carries. Most devices are a single sensor that
// gives angles and is charged overnight, and most wearers carry nothing; the
// others are here so that every part of the engine has somebody to judge.
type kit struct {
	lumbar bool    // a second sensor on the lower back
	raw    bool    // accelerations in place of angles, which need calibrations
	rewear bool    // takes the device off for a while in the morning
	slips  bool    // the strap slips now and then
	drain  float64 // percent of the battery an hour
	// parcels is sorting parcels after lunch, bending down to each.
	parcels bool
}

// ordinary is the kit of most.
var ordinary = kit{drain: 5}

// kits are the special ones, by the wearer's number in sixty; the others are ordinary.
var kits = map[int]kit{
	6:  {lumbar: true, drain: 5},
	14: {raw: true, rewear: true, drain: 5},
	17: {raw: true, slips: true, drain: 5},
	26: {lumbar: true, drain: 5},
	33: {drain: 13},
	46: {lumbar: true, drain: 5},
	53: {parcels: true, drain: 5},
}

const (
	kitsRepeat = 60
	fullCharge = 100
	emptyAt    = 3.0 // percent at which a device switches itself off
)

func kitOf(n int) kit {
	if k, special := kits[n%kitsRepeat]; special {
		return k
	}
	return ordinary
}

// strap is how a raw sensor sits on its wearer, in degrees forward and to the right.
type strap struct {
	pitch, roll float64
	walks       int   // breaks since the calibration
	due         int64 // when the wearer means to calibrate, ms of event time; 0 is not
}

// puttingOn is how far from straight a strap is put on.
var puttingOn = span{-8, 8}

// handle is what the wearer does about the device at t, if there is something to do.
func (w *Wearer) handle(t int64, was phase) (phase, bool) {
	switch {
	case w.charge(t) <= emptyAt:
		until := t + w.minutes(span{25, 40})
		w.charged, w.boutEnd = until, 0
		return phase{what: empty, until: until}, true
	case w.strap.due != 0 && t >= w.strap.due:
		w.plan = w.calibration(t)
		return w.next(t, was), true
	case w.kit.rewear && !w.stay && t >= w.today.takeOff && t < w.today.lunch-30*minuteMS:
		w.today.takeOff = math.MaxInt64
		return phase{what: away, until: t + w.minutes(span{6, 14})}, true
	case w.kit.parcels && !w.stay && t >= w.today.parcels:
		w.today.parcels = math.MaxInt64
		w.plan = w.sorting(t)
		return w.next(t, was), true
	case w.kit.slips && was.what == sit && t >= w.boutEnd:
		w.slip(t)
	}
	return phase{}, false
}

// slip lets the strap shift as its wearer gets up for a break, which the wearer
// notices after some minutes; not in the first break after a calibration.
func (w *Wearer) slip(t int64) {
	if w.strap.walks++; w.strap.walks > 2 && w.strap.due == 0 && w.rng.Float64() < 0.2 {
		w.strap.pitch += span{18, 25}.draw(w.rng)
		w.strap.due = t + w.minutes(span{8, 20})
	}
}

// puts is putting the device on, straight or not; a raw one has to be calibrated
// soon.
func (w *Wearer) puts(t int64) {
	if !w.kit.raw {
		return
	}
	w.strap = strap{pitch: puttingOn.draw(w.rng), roll: puttingOn.draw(w.rng) / 2, due: t + w.minutes(span{1.5, 4})}
}

// calibration is the guided one: standing upright for over 10 s, then sitting
// upright for as long. Now and then it is begun on the way, which is refused.
func (w *Wearer) calibration(t int64) []phase {
	w.strap.due, w.strap.walks = 0, 0
	event := func(pose schemas.Pose) *schemas.Event {
		return &schemas.Event{Type: schemas.EventCalibrate, Pose: pose}
	}
	var plan []phase
	add := func(p phase, s int64, e *schemas.Event) {
		t += s * 1000
		p.until, p.event = t, e
		plan = append(plan, p)
	}
	upright := phase{what: stand, flexion: 2, hips: 0.5}
	if w.rng.Float64() < 0.3 {
		walking := upright
		walking.what = walk
		add(walking, 8, nil)
		add(walking, 14, event(schemas.Standing))
	}
	add(upright, 8, nil)
	add(upright, 14, event(schemas.Standing))
	upright.what, upright.flexion = sit, 3
	add(upright, 8, nil)
	add(upright, 14, event(schemas.Seated))
	w.boutEnd = max(w.boutEnd, t)
	return plan
}

// sorting is sorting parcels for some 20 minutes: standing, and two or three
// bends a minute.
func (w *Wearer) sorting(t int64) []phase {
	var plan []phase
	for end := t + w.minutes(span{17, 25}); t < end; {
		up, down := w.onFeet(stand, t, span{9, 18}), phase{what: stand, flexion: span{40, 65}.draw(w.rng), hips: 0.9}
		t = up.until + seconds(w.rng, span{8, 11})
		down.until = t
		plan = append(plan, up, down)
	}
	w.boutEnd = 0
	return plan
}

// charge is the battery's, in percent: full in the morning and after charging.
func (w *Wearer) charge(t int64) float64 {
	hours := float64(t-max(w.today.arrive, w.charged)) / 3.6e6
	return fullCharge - w.kit.drain*max(0, hours)
}

// measure makes a reading of what there is to be measured, as the kit does.
func (w *Wearer) measure(t trunk, r *schemas.Reading) {
	r.Fields = schemas.HasMotion | schemas.HasSitting | schemas.IsWorn
	r.Motion = uint16(math.Round(t.motion * 1000))
	if w.now.what == sit {
		r.Fields |= schemas.IsSitting
	}
	if r.Seq%batteryEvery == 0 {
		r.Fields |= schemas.HasBattery
		r.Battery = uint8(max(0, w.charge(w.clock)))
	}
	if w.kit.raw {
		r.Fields |= schemas.HasAcc
		r.Acc = w.strap.acceleration(t)
		return
	}
	r.Fields |= schemas.HasTrunk
	r.TrunkPitch, r.TrunkRoll = schemas.Tenths(t.flexion), schemas.Tenths(t.roll)
	if w.kit.lumbar {
		r.Fields |= schemas.HasLumbar
		r.LumbarPitch = schemas.Tenths(t.lumbar)
	}
}

// acceleration is gravity in the axes of a sensor on this strap: x to the right,
// y up, z to the back, in thousandths of g.
func (s *strap) acceleration(t trunk) [3]int16 {
	const rad = math.Pi / 180
	x, y, z := -math.Tan(t.roll*rad), 1.0, math.Tan(t.flexion*rad)
	length := math.Sqrt(x*x + y*y + z*z)
	sin, cos := math.Sincos(s.pitch * rad)
	y, z = y*cos-z*sin, y*sin+z*cos
	sin, cos = math.Sincos(s.roll * rad)
	x, y = x*cos-y*sin, x*sin+y*cos
	return [3]int16{schemas.Thousandths(x / length), schemas.Thousandths(y / length), schemas.Thousandths(z / length)}
}
