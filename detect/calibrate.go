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
// was measured is refused, or the present one is no longer to be trusted. The
// first cause stays until a pose is taken.
type ask struct {
	Start stamp // 0 if none is open
	Cause uint8 // index of causes
}

// causes are those of a calibration, by their number in the state.
func causes() []schemas.Cause {
	return []schemas.Cause{
		"", schemas.WhileMoving, schemas.WhileSlouched, schemas.Degenerate, schemas.TooFew, schemas.Drift, schemas.Rewear,
	}
}

func (a *ask) open(cause schemas.Cause, pr *proof) {
	if a.Start != 0 {
		return
	}
	a.Start, a.Cause = stampOf(pr.iv.to), uint8(slices.Index(causes(), cause)) //nolint:gosec // a handful
	pr.findBoth(a.finding(pr))
}

func (a *ask) close(outcome schemas.Outcome, pr *proof) {
	if a.Start == 0 {
		return
	}
	f := a.finding(pr)
	f.outcome, f.end = outcome, pr.iv.to
	pr.find(schemas.Closed, f)
	*a = ask{}
}

func (a *ask) finding(pr *proof) found {
	start := pr.iv.time(a.Start)
	return found{
		rule: schemas.RuleCalibration, level: 2, severity: schemas.Moderate, cause: causes()[a.Cause], start: start, ms: pr.iv.to - start,
		values: []value{},
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
			w.calibrate(e.Pose, *e.Upright, w.movesAt(pr.iv.to), pr)
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

// calibrate takes an upright pose, or refuses it and says why.
func (w *Wearer) calibrate(pose schemas.Pose, upright [3]int16, moved bool, pr *proof) {
	i := 0
	switch pose {
	case schemas.Seated:
	case schemas.Standing:
		i = 1
	default:
		return // of a newer build
	}
	s := &w.rules.Signals
	if w.wornAnew(pr.iv.to) {
		s.Upright, s.Walk = [2][3]int16{}, walk{}
		s.Is.set(stale, false)
		s.Is.set(zeroed, true)
	}
	if cause := s.refuse(i, upright, moved, w.plan); cause != "" {
		w.rules.Ask.open(cause, pr)
		return
	}
	if s.Is.has(stale) {
		s.Upright = [2][3]int16{}
		s.Is.set(stale, false)
	}
	s.Upright[i], s.Walk = upright, walk{}
	w.rules.Ask.close(schemas.Calibrated, pr)
}

// refuse says why a direction cannot be the zero of a pose, "" if it can. One
// that leans forward of a zero that holds was measured slouched, or else the
// strap has shifted, which walking shows; it must not become the new zero.
func (s *signals) refuse(pose int, upright [3]int16, moved bool, p *plan) schemas.Cause {
	switch {
	case !isUpright(upright):
		return schemas.Degenerate
	case moved:
		return schemas.WhileMoving
	case s.Is.has(stale):
		return ""
	}
	forward := func(of, against [3]int16) float64 {
		theta, _, ok := inclination([3]float32{float32(of[0]) / 1000, float32(of[1]) / 1000, float32(of[2]) / 1000}, against)
		if !ok {
			return math.Inf(-1) // there is nothing to compare with
		}
		return theta
	}
	both := s.Upright
	both[pose] = upright
	if forward(upright, s.Upright[pose]) >= p.SlouchDeg || forward(both[0], both[1]) > p.PoseApart {
		return schemas.WhileSlouched
	}
	return ""
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
		w.rules.Ask.open(schemas.TooFew, pr)
		return
	}
	m := median(c.Samples)
	w.calibrate(c.Pose, m, c.Moved || spread(c.Samples, m, w.plan.PoseSpread), pr)
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
