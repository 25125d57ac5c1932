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
	Sums [slots]float32 `cbor:"1,keyasint"` // mean square times ms, in mg^2 ms
	MS   [slots]uint16  `cbor:"2,keyasint"` // length of each slot
	Last uint8          `cbor:"3,keyasint"` // index of the newest slot

	// The slot that is being derived from acc_g: magnitudes less 1 g, in mg.
	From int64   `cbor:"4,keyasint,omitempty"` // event time of its first sample, ms
	Sum  float32 `cbor:"5,keyasint,omitempty"`
	SumQ float32 `cbor:"6,keyasint,omitempty"` // of their squares
	N    uint16  `cbor:"7,keyasint,omitempty"`
}

const (
	parts = 8 // of the window
	slots = parts + 1
	// leastRate is the rate of acc_g in Hz from which motion can be seen: 10,
	// less a tenth for clocks that are not exact.
	leastRate = 9
)

// move reports what is known of motion at a reading, ms after the one before.
func (s *signals) move(r *schemas.Reading, at, ms int64, p *Params) traits {
	window := p.MotionWindow.Milliseconds()
	m := &s.Motion
	known := true
	switch {
	case r.Fields.Has(schemas.HasMotion):
		m.N = 0
		m.push(float64(r.Motion)*float64(r.Motion), ms, window)
	case r.Fields.Has(schemas.HasAcc):
		m.derive(r.Acc, at, ms, window)
		known = m.MS[m.Last] > 0
	default:
		*m = motion{}
		known = false
	}
	limit := p.MovingG * 1000
	is := when(known, motionKnown) | when(known && m.meanSquare(window) > limit*limit, moving)
	if s.walked(r, ms, window) {
		return motionKnown | moving
	}
	return is | when(r.Fields.Has(schemas.HasSteps), motionKnown)
}

// walked reports whether there were steps within the window.
func (s *signals) walked(r *schemas.Reading, ms, window int64) bool {
	if r.Fields.Has(schemas.HasSteps) && r.Steps > 0 {
		s.Stepped = uint16(window) //nolint:gosec // Validate bounds the window to a minute
		return true
	}
	s.Stepped -= uint16(min(ms, int64(s.Stepped))) //nolint:gosec // not above Stepped
	return s.Stepped > 0
}

// push adds a mean square in mg^2 that held for ms.
func (m *motion) push(square float64, ms, window int64) {
	slot := window / parts
	last := int64(m.MS[m.Last])
	switch {
	case last == 0 && ms == 0:
		ms = slot // the first sample of all: its length is not known
	case ms == 0:
		return
	}
	ms = min(ms, window)
	if full := slot * 9 / 10; last > 0 && (last >= full || ms >= full) {
		m.Last = (m.Last + 1) % slots
		m.Sums[m.Last], m.MS[m.Last] = 0, 0
	}
	m.Sums[m.Last] += float32(square * float64(ms))
	m.MS[m.Last] += uint16(ms) //nolint:gosec // window is at most a minute
}

// meanSquare is the mean over the window in mg^2, 0 if nothing is known. Of the
// oldest slot only what lies in the window counts.
func (m *motion) meanSquare(window int64) float64 {
	left, sum := window, 0.0
	for i := range uint8(slots) {
		j := (m.Last + slots - i) % slots
		ms := int64(m.MS[j])
		if ms == 0 || left == 0 {
			break
		}
		part := min(ms, left)
		sum += float64(m.Sums[j]) * float64(part) / float64(ms)
		left -= part
	}
	if left == window {
		return 0
	}
	return sum / float64(window-left)
}

// derive adds one sample of acc_g. A slot that is full gives a mean square if
// its samples came often enough; if they did not, all is unknown again.
func (m *motion) derive(acc [3]int16, at, ms, window int64) {
	slot := window / parts
	x, y, z := float64(acc[0]), float64(acc[1]), float64(acc[2])
	mg := float32(math.Sqrt(x*x+y*y+z*z) - 1000)
	if m.N == 0 || ms > slot {
		*m = motion{From: at}
	}
	m.N++
	m.Sum += mg
	m.SumQ += mg * mg
	length := at - m.From
	if length < slot {
		return
	}
	if int64(m.N-1)*1000 < leastRate*length {
		*m = motion{}
	} else {
		mean := float64(m.Sum) / float64(m.N)
		m.push(max(0, float64(m.SumQ)/float64(m.N)-mean*mean), length, window)
	}
	m.From, m.N, m.Sum, m.SumQ = at, 1, mg, mg*mg
}
