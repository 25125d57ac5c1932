package detect

import "sitwell/schemas"

// signals makes samples of readings. What it learned belongs to one run of one
// device and is dropped with it.
type signals struct {
	Gravity [3]float32  `cbor:"1,keyasint,omitempty"` // low-passed acceleration in g
	Upright [2][3]int16 `cbor:"2,keyasint,omitempty"` // seated and standing baseline, thousandths of g; zero if missing
	Stepped uint16      `cbor:"3,keyasint,omitempty"` // ms for which the last steps still count as moving
	Begun   bool        `cbor:"4,keyasint,omitempty"` // there was a reading
	Settled bool        `cbor:"5,keyasint,omitempty"` // the reading before gave Gravity
	Off     bool        `cbor:"6,keyasint,omitempty"` // an event took the device off
	SaidOff bool        `cbor:"7,keyasint,omitempty"` // the reading before said that it is not worn
	Motion  motion      `cbor:"8,keyasint,omitempty"`
}

// read makes a sample of a reading, at is its event time and ms what passed
// since the reading before.
func (s *signals) read(r *schemas.Reading, at, ms int64, p *Params) sample {
	if !s.Begun {
		ms, s.Begun = 0, true
	}
	out := sample{At: at}
	out.Is |= s.wear(r.Fields)
	switch {
	case r.Fields.Has(schemas.HasSittingS):
		out.Is |= sittingKnown | countsSitting | when(r.SittingS > 0, sitting)
		out.SittingS = r.SittingS
	case r.Fields.Has(schemas.HasSitting):
		out.Is |= sittingKnown | when(r.Fields.Has(schemas.IsSitting), sitting)
	}
	out.Is |= s.move(r, at, ms, p)
	s.incline(r, ms, &out, p)
	return out
}

// wear combines the two ways to say that a device is taken off. Readings carry
// it, and are worn unless they say otherwise. A device that says it by events
// alone stays off until an event puts it on again; one that says it in readings
// too is believed when they go back to worn.
func (s *signals) wear(f schemas.Fields) traits {
	on := f.Has(schemas.IsWorn)
	if on && s.SaidOff {
		s.Off = false
	}
	s.SaidOff = !on
	return when(on && !s.Off, worn)
}

// incline takes the angles that are given, or derives them from gravity.
func (s *signals) incline(r *schemas.Reading, ms int64, out *sample, p *Params) {
	if r.Fields.Has(schemas.HasTrunk) {
		s.Settled = false
		out.Flexion, out.Lean = float64(r.TrunkPitch)/10, float32(r.TrunkRoll)/10
		out.Is |= shown | fitted
		return
	}
	if !r.Fields.Has(schemas.HasAcc) {
		s.Settled = false
		return
	}
	s.settle(r.Acc, ms, p)
	upright, fits := s.baseline(out.Is)
	if theta, phi, ok := inclination(s.Gravity, upright); ok {
		out.Flexion, out.Lean = theta, float32(phi)
		out.Is |= shown | when(fits, fitted)
	}
}

// baseline chooses the calibration to measure against and says whether it fits:
// the standing one for a wearer off the seat, else the seated one, also where
// sitting is unknown, because sitting against a standing zero looks like a
// slouch and standing against a seated one does not. What does not fit is for
// showing only: the other pose, or else the sensor's own axes.
func (s *signals) baseline(is traits) (upright [3]int16, fits bool) {
	fit, other := s.Upright[0], s.Upright[1]
	if is.has(sittingKnown) && !is.has(sitting) {
		fit, other = other, fit
	}
	var missing [3]int16
	switch {
	case fit != missing:
		return fit, true
	case other != missing:
		return other, false
	}
	return [3]int16{0, 1000, 0}, false
}

// when is bit if on, else nothing.
func when(on bool, bit traits) traits {
	if on {
		return bit
	}
	return 0
}
