package detect

import "sitwell/schemas"

// walkUpright is how far off upright, in tenths of a degree, nobody walks. [D]
const walkUpright = 450

// walk finds out that the strap has shifted. Everybody walks about upright, each
// in their own way: when the trunk's mean angle over DriftFor of walking lies
// more than DriftDeg off that of the first walk since the calibration, DriftWalks
// times in a row, it is the sensor that has moved, and the zeros no longer hold.
type walk struct {
	// Sums over the present piece of walking, in tenths of a degree times ms.
	Flexion, Lean int32
	For           short
	// The means of the first piece, in tenths of a degree.
	FirstFlexion, FirstLean int16
	Pose                    uint8 // the zero that all pieces are measured against: 1 seated, 2 standing, 0 none yet
	Pieces                  uint8 // 0 before there is a first piece; else one more than lie off it in a row
}

// walks reports whether the wearer walks as far as a trunk sensor can tell: moving,
// off the seat, and about upright.
func (s *sample) walks() bool {
	return s.moves() && !s.sits() && s.Is.has(shown|derived) &&
		distance(s.Flexion, 0) <= walkUpright && distance(s.Lean, 0) <= walkUpright
}

func (w *walk) step(iv *interval, pr *proof) {
	s, b := &pr.w.rules.Signals, &iv.before
	zero, _ := s.zero(b.Is)
	switch {
	case !iv.held || !b.walks() || s.Is.has(stale) || zero < 0:
		w.Flexion, w.Lean, w.For = 0, 0, 0 // a piece is in one
		return
	case w.Pose != 0 && int(w.Pose) != zero+1:
		return // the angle between two zeros is no drift
	}
	w.Pose = uint8(zero + 1)                     //nolint:gosec // one or two
	w.Flexion += int32(b.Flexion) * int32(iv.ms) //nolint:gosec // 180 degrees for a minute fit
	w.Lean += int32(b.Lean) * int32(iv.ms)       //nolint:gosec // as above
	if w.For.add(iv.ms); int64(w.For) >= pr.w.plan.driftFor {
		w.compare(iv, pr)
	}
}

// compare holds a piece that is long enough against the first one.
func (w *walk) compare(iv *interval, pr *proof) {
	flexion, lean := int16(w.Flexion/int32(w.For)), int16(w.Lean/int32(w.For)) //nolint:gosec // means of int16
	w.Flexion, w.Lean, w.For = 0, 0, 0
	far := pr.w.plan.drift
	switch {
	case w.Pieces == 0:
		w.FirstFlexion, w.FirstLean, w.Pieces = flexion, lean, 1
	case distance(flexion, w.FirstFlexion) <= far && distance(lean, w.FirstLean) <= far:
		w.Pieces = 1
	default:
		if w.Pieces++; int(w.Pieces) > pr.w.plan.DriftWalks {
			pr.w.rules.Signals.Is.set(stale, true)
			iv.distrust()
			pr.w.rules.Ask.open(schemas.Drift, pr,
				value{"forward_deg", float64(flexion-w.FirstFlexion) / 10}, value{"to_the_right_deg", float64(lean-w.FirstLean) / 10})
		}
	}
}

// distrust takes back what the reading at the end of the interval says against a
// zero that has just been found wrong.
func (iv *interval) distrust() {
	if iv.after.Is.has(derived) {
		iv.after.Is &^= fitted | curved
	}
}

// calibrated reports whether there is a zero of any pose.
func (s *signals) calibrated() bool { return s.Upright != [2][3]int16{} }

// rewear notes for how long the device is off. One that was off for RewearAfter, or
// of which nothing came for hours, is worn anew, and its zeros are those of another
// fit.
func (s *signals) rewear(iv *interval, pr *proof) {
	fresh := s.Is.has(zeroed)
	s.Is.set(putOn|zeroed, false)
	silent := iv.ms > restEnds // overnight, as far as anybody can tell
	if iv.before.Is.has(worn) && !silent || iv.first {
		s.OffFor = 0
		return
	}
	s.OffFor.add(iv.ms)
	off := s.OffFor
	if !iv.after.Is.has(worn) || int64(s.OffFor) < pr.w.plan.rewearAfter {
		return
	}
	s.OffFor = 0
	if s.calibrated() && !fresh {
		pr.w.forget()
		iv.distrust()
		pr.w.rules.Ask.open(schemas.Rewear, pr, value{"off_at_least_s", seconds(int64(off))})
	}
}

// miss asks for a zero that a new run of the device lacks: switched off, it was
// most likely taken off.
func (w *Wearer) miss(iv *interval, pr *proof) {
	switch {
	case w.askFrom == 0:
	case w.rules.Signals.calibrated():
		w.askFrom = 0
	case iv.to >= w.askFrom && iv.after.Is.has(worn|derived):
		w.askFrom = 0
		w.rules.Ask.open(schemas.Rewear, pr)
	}
}

// quiet notes for how long nobody has been seen moving.
func (s *signals) quiet(iv *interval) {
	switch {
	case iv.after.moves() || iv.before.moves():
		s.Quiet = 0
	case iv.held:
		s.Quiet.add(iv.ms)
	}
}
