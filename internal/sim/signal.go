package sim

import (
	"math"
	"math/rand/v2"

	"sitwell/schemas"
)

// The shape of the signal. Motion is what the recorded people show: 7 to 15 mg
// seated and still, 200 to 305 mg walking; the rest is made up to look like them.
const (
	settleS = 1.2  // seconds to take up a posture (time constant)
	driftS  = 80.0 // seconds in which slow drift forgets itself
	driftSD = 1.1  // degrees
	noiseSD = 0.4  // degrees, of the device
	gaitSD  = 2.5  // degrees, while walking

	stillG, stillSD = 0.010, 0.0015
	walkG, walkSD   = 0.245, 0.025
	shiftG          = 0.060 // while a posture is taken up
	shiftMS         = 1500
)

// signal is the sensor's view of the posture: it follows the phase with a lag,
// drifts, trembles and is noisy. Its statistics do not depend on the spacing.
type signal struct {
	spacing           int64   // ms, that the next three belong to
	follow            float64 // share of the way to the posture in one step
	keep, kick        float64 // of the drift
	flexion, roll     float64
	driftFlex, driftR float64
}

// step moves the signal on by one spacing and writes the reading's values.
func (s *signal) step(r *rand.Rand, p *phase, spacing, since int64, out *schemas.Reading) {
	if spacing != s.spacing {
		s.spacing = spacing
		dt := float64(spacing) / 1000
		s.follow = 1 - math.Exp(-dt/settleS)
		s.keep = math.Exp(-dt / driftS)
		s.kick = driftSD * math.Sqrt(1-s.keep*s.keep)
	}
	s.flexion += (p.flexion - s.flexion) * s.follow
	s.roll += (p.roll - s.roll) * s.follow
	s.driftFlex = s.driftFlex*s.keep + s.kick*r.NormFloat64()
	s.driftR = s.driftR*s.keep + s.kick*r.NormFloat64()
	noise, motion := noiseSD, stillG+stillSD*r.NormFloat64()
	switch {
	case p.what == walk:
		noise, motion = gaitSD, walkG+walkSD*r.NormFloat64()
	case since < shiftMS:
		motion += shiftG
	}
	out.TrunkPitch = schemas.Tenths(s.flexion + s.driftFlex + noise*r.NormFloat64())
	out.TrunkRoll = schemas.Tenths(s.roll + s.driftR + noise*r.NormFloat64())
	out.Motion = uint16(max(6, math.Round(motion*1000)))
}
