package detect

import (
	"math"

	"sitwell/schemas"
)

// motion tells whether the wearer moves: the root mean square, over the last
// MotionWindow, of the standard deviation of the acceleration's magnitude. A
// device sends that deviation, or acc_g often enough to derive it.
//
// The window is kept in slots of an eighth of it, less a tenth for clocks that
// are not exact: eight full ones and one that fills. A sample that fills a slot
// has it for itself, so that at two readings a second the window is the last
// eight samples; quicker samples share a slot until it is full.
type motion struct {
	RMS    [slots]uint16 // of each slot, in quarters of a thousandth of g
	Length [slots]uint8  // of each slot, in units of 20 ms
	Last   uint8         // index of the newest slot

	// The slot that is being derived from acc_g: its length in ms, and of its
	// magnitudes less 1 g, in thousandths of g, the number, sum and sum of squares.
	Since     short
	N         uint16
	Sum, SumQ float32
}

const (
	parts = 8 // of the window
	slots = parts + 1
	// unit is how finely the length of a slot is kept, in ms: it is the weight of
	// its motion. Readings that come quicker than this count as this long.
	unit = 20
	// rmsScale keeps a device's thousandths of g exactly, up to 16 g.
	rmsScale = 4
	// leastRate is the rate of acc_g in Hz from which motion can be seen: 10,
	// less a tenth for clocks that are not exact.
	leastRate = 9
	// stillMG is the motion in thousandths of g under which nobody takes steps.
	stillMG = 10
)

// move reports what is known of motion at a reading, ms after the one before.
func (s *signals) move(r *schemas.Reading, ms int64, pr *proof) traits {
	p := pr.w.plan
	m := &s.Motion
	known := true
	switch {
	case r.Fields.Has(schemas.HasMotion):
		m.N = 0
		m.push(float64(r.Motion)*float64(r.Motion), ms, p.window)
	case r.Fields.Has(schemas.HasAcc):
		m.derive(r.Acc, ms, p.window)
		known = m.Length[m.Last] > 0
	default:
		*m = motion{}
		known = false
	}
	is := when(known, motionKnown) | when(known && m.meanSquare(p.window) > p.movingSquare, moving)
	if s.walked(r, ms, p.window) {
		return motionKnown | moving
	}
	return is | when(r.Fields.Has(schemas.HasSteps), motionKnown)
}

// walked reports whether there were steps within the window. Steps of a sensor
// that hardly moves or is not worn contradict it and are not believed.
func (s *signals) walked(r *schemas.Reading, ms, window int64) bool {
	believed := r.Fields.Has(schemas.IsWorn) && (!r.Fields.Has(schemas.HasMotion) || r.Motion >= stillMG)
	if r.Fields.Has(schemas.HasSteps) && r.Steps > 0 && believed {
		s.Stepped = short(window) //nolint:gosec // Validate bounds the window to a minute
		return true
	}
	s.Stepped -= short(min(ms, int64(s.Stepped))) //nolint:gosec // not above Stepped
	return s.Stepped > 0
}

// push adds a mean square, in squares of a thousandth of g, that held for ms.
func (m *motion) push(square float64, ms, window int64) {
	slot := window / parts
	last := int64(m.Length[m.Last]) * unit
	switch {
	case last == 0 && ms == 0:
		ms = slot // the first sample of all: its length is not known
	case ms == 0:
		return
	}
	ms = min(ms, window)
	if full := slot * 9 / 10; last > 0 && (last >= full || ms >= full) {
		m.Last = (m.Last + 1) % slots
		last = 0
	}
	if last > 0 {
		before := float64(m.RMS[m.Last]) / rmsScale
		square = (before*before*float64(last) + square*float64(ms)) / float64(last+ms)
	}
	m.RMS[m.Last] = uint16(min(math.Sqrt(square)*rmsScale+0.5, math.MaxUint16))
	m.Length[m.Last] = uint8(min(max((last+ms+unit/2)/unit, 1), math.MaxUint8))
}

// meanSquare is the mean over the window, 0 if nothing is known. Of the oldest
// slot only what lies in the window counts.
func (m *motion) meanSquare(window int64) float64 {
	left := int(window / unit)
	all, sum := left, 0
	for i, j := 0, int(m.Last); i < slots && left > 0; i++ {
		length := int(m.Length[j])
		if length == 0 {
			break
		}
		part := min(length, left)
		sum += int(m.RMS[j]) * int(m.RMS[j]) * part
		left -= part
		if j--; j < 0 {
			j = slots - 1
		}
	}
	if left == all {
		return 0
	}
	return float64(sum) / float64((all-left)*rmsScale*rmsScale)
}

// derive adds one sample of acc_g. A slot that is full gives a mean square if
// its samples came often enough; if they did not, all is unknown again.
func (m *motion) derive(acc [3]int16, ms, window int64) {
	slot := window / parts
	x, y, z := float64(acc[0]), float64(acc[1]), float64(acc[2])
	mg := float32(math.Sqrt(x*x+y*y+z*z) - 1000)
	if m.N == 0 || ms > slot {
		*m = motion{}
	} else {
		m.Since.add(ms)
	}
	m.N++
	m.Sum += mg
	m.SumQ += mg * mg
	length := int64(m.Since)
	if length < slot {
		return
	}
	if int64(m.N-1)*1000 < leastRate*length {
		*m = motion{}
	} else {
		mean := float64(m.Sum) / float64(m.N)
		m.push(max(0, float64(m.SumQ)/float64(m.N)-mean*mean), length, window)
	}
	m.Since, m.N, m.Sum, m.SumQ = 0, 1, mg, mg*mg
}
