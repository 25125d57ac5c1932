package detect

import (
	"math"
	"slices"

	"sitwell/schemas"
)

// Bounds of a measured calibration. [D]
const (
	mostPoses  = 1000 // samples kept: 10 s at 100 Hz; more are not needed and not kept
	leastPoses = 2    // fewer measure nothing
	// spreadPart is how many of the samples, one in so many, may lie off their median.
	spreadPart = 10
)

// calibration is an upright pose that is being measured.
type calibration struct {
	Pose    schemas.Pose `cbor:"1,keyasint"`
	From    int64        `cbor:"2,keyasint"` // event time it began, ms
	Samples [][3]int16   `cbor:"3,keyasint"`
	Moved   bool         `cbor:"4,keyasint,omitempty"`
}

// ask is an episode that asks the wearer to measure the upright pose: one that
// was measured is refused, or the present one is no longer to be trusted. Another
// cause ends it and asks anew.
type ask struct {
	Start stamp // 0 if none is open
	Cause uint8 // index of causes
	// Crept is by how many degrees the seated and the standing zero lie forward of
	// the first of the wear, so that small steps do not add up to a slouch.
	Crept [2]uint8
}

// causes are those of a calibration, by their number in the state.
func causes() []schemas.Cause {
	return []schemas.Cause{
		"", schemas.WhileMoving, schemas.WhileSlouched, schemas.Degenerate, schemas.TooFew, schemas.Drift, schemas.Rewear,
		schemas.WrongPose,
	}
}

func (a *ask) open(cause schemas.Cause, pr *proof, values ...value) {
	number, now := uint8(slices.Index(causes(), cause)), stampOf(pr.iv.to) //nolint:gosec // a handful
	if a.Start != 0 && (a.Cause == number || a.Start == now) {
		return
	}
	a.close(schemas.Unknown, pr)
	a.Start, a.Cause = now, number
	pr.findBoth(a.finding(pr, values...))
}

func (a *ask) close(outcome schemas.Outcome, pr *proof) {
	if a.Start == 0 {
		return
	}
	f := a.finding(pr)
	f.outcome, f.end = outcome, pr.iv.to
	pr.find(schemas.Closed, f)
	a.Start, a.Cause = 0, 0
}

func (a *ask) finding(pr *proof, values ...value) found {
	start := pr.iv.time(a.Start)
	return found{
		rule: schemas.RuleCalibration, level: 2, severity: schemas.Moderate, cause: causes()[a.Cause], start: start, ms: pr.iv.to - start,
		values: values,
	}
}

// hear takes an event of the present run of the device.
func (w *Wearer) hear(e *schemas.Event, pr *proof) {
	switch e.Type {
	case schemas.EventWorn:
		w.rules.Signals.Is.set(off, !e.Worn)
		w.rules.Signals.Is.set(putOn, e.Worn)
		if !e.Worn { // nor does what follows the last reading belong to a wearer
			w.rules.Last.Is &^= worn
		}
	case schemas.EventCalibrate:
		w.measuring = nil
		if e.Upright != nil {
			// Which pose the wearer is in now says nothing: the device may have
			// measured it before.
			w.calibrate(e.Pose, *e.Upright, cause(w.movesAt(pr.iv.to), schemas.WhileMoving), pr)
			return
		}
		w.measuring = &calibration{Pose: e.Pose, From: pr.iv.to}
	case schemas.EventSuddenMovement:
		pr.startle(e)
	case schemas.EventBattery:
		w.rules.Battery.step(e.Battery, pr)
	case schemas.EventButton:
	}
}

// wornAnew reports whether the device was put on again since its last reading,
// after so long that the zeros are those of another fit, and no zero measured since.
func (w *Wearer) wornAnew(at int64) bool {
	s, last := &w.rules.Signals, &w.rules.Last
	return s.Is.has(begun) && !last.Is.has(worn) && s.Is.has(putOn) && !s.Is.has(zeroed) &&
		int64(s.OffFor)+at-last.At >= w.plan.rewearAfter
}

// movesAt reports whether the wearer moves at an event time, by the last reading
// of the run if that is close enough to tell.
func (w *Wearer) movesAt(at int64) bool {
	s := &w.rules
	return s.Signals.Is.has(begun) && at-s.Last.At <= w.plan.hold && s.Last.moves()
}

// cause is why if there is cause, else nothing.
func cause(is bool, why schemas.Cause) schemas.Cause {
	if is {
		return why
	}
	return ""
}

// calibrate takes an upright pose, or refuses it and says why; flaw is what is
// known to be wrong with how it was measured, or nothing.
func (w *Wearer) calibrate(pose schemas.Pose, upright [3]int16, flaw schemas.Cause, pr *proof) {
	i := 0
	switch pose {
	case schemas.Seated:
	case schemas.Standing:
		i = 1
	default:
		return // of a newer build
	}
	s, a := &w.rules.Signals, &w.rules.Ask
	if w.wornAnew(pr.iv.to) {
		w.forget()
		s.Is.set(zeroed, true)
	}
	crept, cause, values := s.refuse(i, upright, flaw, int(a.Crept[i]), w.plan)
	if cause != "" {
		a.open(cause, pr, values...)
		return
	}
	if s.Is.has(stale) {
		w.forget()
	}
	s.Upright[i], s.Walk, a.Crept[i] = upright, walk{}, crept
	a.close(schemas.Calibrated, pr)
}

// forget forgets the zeros of a wear that is over, or of a strap that has shifted.
func (w *Wearer) forget() {
	w.rules.Signals.Upright, w.rules.Signals.Walk, w.rules.Ask.Crept = [2][3]int16{}, walk{}, [2]uint8{}
	w.rules.Signals.Is.set(stale, false)
}

// otherPose reports whether the last reading says that the wearer sits, where the
// pose is the standing one, or the other way round.
func (w *Wearer) otherPose(pose schemas.Pose, at int64) bool {
	s := &w.rules
	return s.Signals.Is.has(begun) && at-s.Last.At <= w.plan.hold && s.Last.tellsSitting() && s.Last.sits() != (pose == schemas.Seated)
}

// refuse says why a direction cannot be the zero of a pose, "" if it can; then it
// also says how far forward of the first one of the wear it is. One that leans
// forward of a zero that holds was measured slouched, or else the strap has
// shifted, which walking shows; it must not become the new zero.
func (s *signals) refuse(pose int, upright [3]int16, flaw schemas.Cause, crept int, p *plan) (uint8, schemas.Cause, []value) {
	switch {
	case !isUpright(upright):
		return 0, schemas.Degenerate, nil
	case flaw != "":
		return 0, flaw, nil
	case s.Is.has(stale):
		return 0, "", nil
	}
	both := s.Upright
	both[pose] = upright
	step, known := ahead(upright, s.Upright[pose])
	if known {
		crept = max(crept+int(math.Round(step)), 0)
	}
	apart, _ := ahead(both[0], both[1])
	if known && (step >= p.SlouchDeg || float64(crept) >= p.SlouchDeg) || apart > p.PoseApart || apart < -p.PoseBehind {
		return 0, schemas.WhileSlouched, []value{{"forward_deg", step}, {"forward_of_the_first_deg", float64(crept)}, {"seated_from_standing_deg", apart}}
	}
	return uint8(min(crept, math.MaxUint8)), "", nil
}

// ahead is by how many degrees, to a tenth, one pose leans forward of another; false where
// there is nothing to compare with.
func ahead(pose, zero [3]int16) (float64, bool) {
	theta, _, ok := inclination([3]float32{float32(pose[0]) / 1000, float32(pose[1]) / 1000, float32(pose[2]) / 1000}, zero)
	return tenth(theta), ok
}

// has reports whether a pose has a baseline.
func (s *signals) has(pose schemas.Pose) bool {
	switch pose {
	case schemas.Seated:
		return s.Upright[0] != [3]int16{}
	case schemas.Standing:
		return s.Upright[1] != [3]int16{}
	}
	return false
}

// measure adds a reading to the calibration under way; the first reading that
// is past its time, or at it, ends it.
func (w *Wearer) measure(r *schemas.Reading, pr *proof) {
	c, at, limit := w.measuring, pr.iv.to, w.plan.calibrateFor
	if r.Fields.Has(schemas.HasAcc|schemas.IsWorn) && at-c.From <= limit && len(c.Samples) < mostPoses {
		c.Samples = append(c.Samples, r.Acc)
	}
	c.Moved = c.Moved || pr.iv.before.At >= c.From && pr.iv.before.moves()
	if at-c.From < limit {
		return
	}
	w.measuring = nil
	if len(c.Samples) < leastPoses {
		w.rules.Ask.open(schemas.TooFew, pr, value{"readings", float64(len(c.Samples))})
		return
	}
	m := median(c.Samples)
	flaw := cause(w.otherPose(c.Pose, at), schemas.WrongPose)
	if c.Moved || spread(c.Samples, m, w.plan.PoseSpread) {
		flaw = schemas.WhileMoving
	}
	w.calibrate(c.Pose, m, flaw, pr)
}

// spread reports whether more than a tenth of the samples lie more than limit
// degrees off a direction: nobody held still.
func spread(samples [][3]int16, m [3]int16, limit float64) bool {
	far := 0
	for _, v := range samples {
		if angle(v, m) > limit {
			far++
		}
	}
	return far*spreadPart > len(samples)
}

// angle is that between two directions in degrees.
func angle(a, b [3]int16) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 180
	}
	return math.Acos(min(max(dot/math.Sqrt(aa*bb), -1), 1)) * 180 / math.Pi
}

// median is the middle of each axis by itself.
func median(samples [][3]int16) (m [3]int16) {
	axis := make([]int16, len(samples))
	for i := range m {
		for j := range samples {
			axis[j] = samples[j][i]
		}
		m[i] = middle(axis)
	}
	return m
}

// middle sorts values and gives the middle one, or the mean of the two.
func middle(values []int16) int16 {
	slices.Sort(values)
	lower, upper := values[(len(values)-1)/2], values[len(values)/2]
	return int16((int(lower) + int(upper)) / 2) //nolint:gosec // between two int16
}
