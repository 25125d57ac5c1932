package sim

import (
	"math"
	"math/rand/v2"
)

// The shape of the signal. Motion is what the recorded people show: 7 to 15 mg
// seated and still, 200 to 305 mg walking; the rest is made up to look like them.
const (
	settleS  = 1.2  // seconds to take up a posture (time constant)
	driftS   = 80.0 // seconds in which slow drift forgets itself
	driftSD  = 1.1  // degrees
	wanderSD = 1.6  // degrees, of the lean to a side
	noiseSD  = 0.4  // degrees, of the device
	gaitSD   = 2.5  // degrees, while walking

	stillG, stillSD = 0.010, 0.0015
	walkG, walkSD   = 0.245, 0.025
	shiftG          = 0.060 // while a posture is taken up
	shiftMS         = 1500
)

// signal is the trunk's true posture as a sensor without fault would see it: it
// follows the phase with a lag, drifts, trembles and is noisy. Its statistics do
// not depend on the spacing.
type signal struct {
	spacing           int64   // ms, that the next three belong to
	follow            float64 // share of the way to the posture in one step
	keep, kick        float64 // of the drift
	flexion, roll     float64
	hips              float64
	driftFlex, driftR float64
}

// trunk is what is there to be measured: degrees, and g.
type trunk struct{ flexion, roll, lumbar, motion float64 }

// step moves the signal on by one spacing.
func (s *signal) step(r *rand.Rand, p *phase, spacing, since int64) trunk {
	if spacing != s.spacing {
		s.spacing = spacing
		dt := float64(spacing) / 1000
		s.follow = 1 - math.Exp(-dt/settleS)
		s.keep = math.Exp(-dt / driftS)
		s.kick = math.Sqrt(1 - s.keep*s.keep)
	}
	s.flexion += (p.flexion - s.flexion) * s.follow
	s.roll += (p.roll - s.roll) * s.follow
	s.hips += (p.hips - s.hips) * s.follow
	s.driftFlex = s.driftFlex*s.keep + driftSD*s.kick*r.NormFloat64()
	s.driftR = s.driftR*s.keep + wanderSD*s.kick*r.NormFloat64()
	noise, motion := noiseSD, stillG+stillSD*r.NormFloat64()
	switch {
	case p.what == walk:
		noise, motion = gaitSD, walkG+walkSD*r.NormFloat64()
	case since < shiftMS:
		motion += shiftG
	}
	flexion := s.flexion + s.driftFlex
	return trunk{
		flexion: flexion + noise*r.NormFloat64(), roll: s.roll + s.driftR + noise*r.NormFloat64(),
		lumbar: flexion * s.hips, motion: max(0.006, motion),
	}
}
