package detect

// Windows of the posture on the seat: event time in pieces of windowMS, of which
// a posture is looked at once in each slotMS.
const (
	windowMS = 10_000
	slotMS   = 500
)

// window gathers the poses of the present piece. It is part of the open minute,
// since six pieces make one.
type window struct {
	Number        uint32 // pieces since 1970
	N, Slot       uint8
	Flexion, Lean [windowMS / slotMS]int16 // tenths of a degree
}

// close ends the window that is over at an event time: its median may be a shift.
func (w *window) close(at int64, pr *proof) {
	if w.N == 0 || at/windowMS == int64(w.Number) {
		return
	}
	n, end := w.N, (int64(w.Number)+1)*windowMS
	flexion, lean := middle(w.Flexion[:n]), middle(w.Lean[:n])
	*w = window{}
	pr.w.rules.Still.shift(flexion, lean, end, pr)
}

// add takes the pose of a sample, the first of its slot.
func (w *window) add(s *sample) {
	if !s.seated() {
		return
	}
	number, slot := uint32(s.At/windowMS), uint8(s.At%windowMS/slotMS) //nolint:gosec // until the year 3331; below 20
	if w.N > 0 && slot == w.Slot || int(w.N) == len(w.Flexion) {
		return
	}
	w.Number, w.Slot = number, slot
	w.Flexion[w.N], w.Lean[w.N] = s.Flexion, s.Lean
	w.N++
}
