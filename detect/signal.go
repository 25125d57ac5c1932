package detect

import (
	"math"

	"sitwell/schemas"
)

// signals makes samples of readings. What it learned belongs to one run of one
// device and is dropped with it.
type signals struct {
	Gravity [3]float32  // low-passed acceleration in g
	Upright [2][3]int16 // seated and standing zero, thousandths of g; zero if missing
	Motion  motion
	Walk    walk
	Stepped short // for how long the last steps still count as moving
	Quiet   short // for how long nobody has been seen moving
	OffFor  short // for how long the device has not been worn
	Is      marks
}

// marks are truths about a run of a device.
type marks uint8

const (
	begun   marks = 1 << iota // there was a reading
	settled                   // the reading before gave Gravity
	off                       // an event took the device off
	saidOff                   // the reading before said that it is not worn
	stale                     // the strap has shifted: the zeros are not to be trusted
	putOn                     // an event put the device on, and no reading has come yet
	zeroed                    // a zero was measured since the device was put on, and no reading has come yet
)

func (m marks) has(want marks) bool { return m&want == want }

func (m *marks) set(bit marks, on bool) {
	if *m &^= bit; on {
		*m |= bit
	}
}

// read makes a sample of a reading, at is its event time and ms what passed
// since the reading before.
func (s *signals) read(r *schemas.Reading, at, ms int64, pr *proof) sample {
	if !s.Is.has(begun) {
		ms = 0
		s.Is.set(begun, true)
	}
	if contradicts(r) {
		pr.out.Contradictions++
	}
	out := sample{At: at}
	out.Is |= s.wear(r.Fields)
	out.Is |= seatOf(r)
	out.Is |= s.move(r, ms, pr)
	s.incline(r, ms, &out, pr.w.plan)
	if r.Fields.Has(schemas.HasLumbar) && out.Is.has(fitted) {
		out.Is |= curved
		out.Curve = out.Flexion - r.LumbarPitch
	}
	return out
}

// contradicts reports a reading whose fields cannot all be true. What it says of
// the matter is not believed: steps of a sensor that lies still or is not worn,
// and sitting where two fields disagree.
func contradicts(r *schemas.Reading) bool {
	f := r.Fields
	steps := f.Has(schemas.HasSteps) && r.Steps > 0
	return steps && (!f.Has(schemas.IsWorn) || f.Has(schemas.HasMotion) && r.Motion < stillMG) || disagrees(r)
}

func disagrees(r *schemas.Reading) bool {
	f := r.Fields
	return f.Has(schemas.HasSitting|schemas.HasSittingS) && f.Has(schemas.IsSitting) != (r.SittingS > 0)
}

// seatOf is what a reading says of sitting.
func seatOf(r *schemas.Reading) traits {
	f := r.Fields
	switch {
	case disagrees(r):
		return 0
	case f.Has(schemas.HasSittingS):
		return sittingKnown | countsSitting | when(r.SittingS > 0, sitting)
	case f.Has(schemas.HasSitting):
		return sittingKnown | when(f.Has(schemas.IsSitting), sitting)
	}
	return 0
}

// wear combines the two ways to say that a device is taken off. Readings carry
// it, and are worn unless they say otherwise. A device that says it by events
// alone stays off until an event puts it on again; one that says it in readings
// too is believed when they go back to worn.
func (s *signals) wear(f schemas.Fields) traits {
	on := f.Has(schemas.IsWorn)
	if on && s.Is.has(saidOff) {
		s.Is.set(off, false)
	}
	s.Is.set(saidOff, !on)
	return when(on && !s.Is.has(off), worn)
}

// incline takes the angles that are given, or derives them from gravity.
func (s *signals) incline(r *schemas.Reading, ms int64, out *sample, p *plan) {
	if r.Fields.Has(schemas.HasTrunk) {
		s.Is.set(settled, false)
		out.Flexion, out.Lean = r.TrunkPitch, r.TrunkRoll
		out.Is |= shown | fitted
		return
	}
	if !r.Fields.Has(schemas.HasAcc) {
		s.Is.set(settled, false)
		return
	}
	s.settle(r.Acc, ms, p)
	pose, fits := s.zero(out.Is)
	upright := [3]int16{0, 1000, 0}
	if pose >= 0 {
		upright = s.Upright[pose]
	}
	if theta, phi, ok := inclination(s.Gravity, upright); ok {
		out.Flexion, out.Lean = tenths(theta), tenths(phi)
		out.Is |= shown | derived | when(fits, fitted)
	}
}

// tenths rounds an angle of at most 180 degrees.
func tenths(deg float64) int16 { return int16(math.Round(deg * 10)) }

// zero chooses the calibration to measure against, as an index of Upright, and
// says whether it fits: the standing one for a wearer off the seat, else the
// seated one, also where sitting is unknown, because sitting against a standing
// zero looks like a slouch and standing against a seated one does not. What does
// not fit is for showing only: the other pose, a stale one, or, as -1, the
// sensor's own axes.
func (s *signals) zero(is traits) (pose int, fits bool) {
	fit := 0
	if is.has(sittingKnown) && !is.has(sitting) {
		fit = 1
	}
	var missing [3]int16
	switch {
	case s.Upright[fit] != missing:
		return fit, !s.Is.has(stale)
	case s.Upright[1-fit] != missing:
		return 1 - fit, false
	}
	return -1, false
}

// when is bit if on, else nothing.
func when(on bool, bit traits) traits {
	if on {
		return bit
	}
	return 0
}
