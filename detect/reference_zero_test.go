package detect

import (
	"math"

	"sitwell/schemas"
)

// refZeros are the upright poses of a run, and what is known against them.
type refZeros struct {
	seated, standing *[3]int16
	stale            bool
	crept            map[schemas.Pose]int // degrees forward of the first zero, in all steps since

	measuring *schemas.Event // an upright pose that is being measured
	from      int64
	poses     [][3]int16
	moved     bool

	offSince int64 // event time, ms; of a device that is not worn
	isOff    bool

	walked        int // ms of the walk under way
	flexion, lean int // tenths of a degree times ms over it
	mean          *[2]int
	pose          schemas.Pose // the zero of all walks
	shifted       int          // walks in a row that differ
}

// against is the pose and the zero that a reading's angles are against; of no
// pose are the sensor's own axes. Only the one that fits is judged on.
func (z *refZeros) against(s *refSample) (pose schemas.Pose, up *[3]int16, fits bool) {
	fit, other := schemas.Seated, schemas.Standing
	if s.sittingKnown && !s.sitting {
		fit, other = other, fit
	}
	switch {
	case *z.of(fit) != nil:
		return fit, *z.of(fit), !z.stale
	case *z.of(other) != nil:
		return other, *z.of(other), false
	}
	return "", &[3]int16{0, 1000, 0}, false
}

func (z *refZeros) of(p schemas.Pose) **[3]int16 {
	if p == schemas.Seated {
		return &z.seated
	}
	return &z.standing
}

// zeros finds out which readings are judged against a zero that fits, and what
// calibration has to say.
func (d *refDay) zeros(samples []refSample) {
	var z refZeros
	var run refItem
	var episode schemas.Finding // open if it has a Cause
	var last *refSample
	closed := func(item int, outcome schemas.Outcome) {
		if episode.Cause != "" {
			f, at := episode, d.items[item].Time
			f.Level, f.Step, f.Outcome, f.End = 2, schemas.Closed, outcome, refTime(at)
			f.Seconds = refSeconds(at - f.Start.UnixMilli())
			d.tell(item, at, f)
		}
		episode = schemas.Finding{}
	}
	open := func(item int, cause schemas.Cause) {
		at := d.items[item].Time
		if episode.Cause != "" && (episode.Cause == cause || episode.Start.Equal(refTime(at))) {
			return
		}
		closed(item, schemas.Unknown)
		episode = schemas.Finding{Rule: schemas.RuleCalibration, Start: refTime(at), Cause: cause}
		f := episode
		f.Level, f.Step = 1, schemas.Opened
		d.tell(item, at, f)
		f.Level, f.Step = 2, schemas.Escalated
		d.tell(item, at, f)
	}
	take := func(item int, pose schemas.Pose, up [3]int16, cause schemas.Cause) {
		if _, p := d.timeline.At(refTime(d.items[item].Time)); cause == "" && z.slouched(pose, up, p) {
			cause = schemas.WhileSlouched
		}
		if cause != "" {
			open(item, cause)
			return
		}
		if z.stale {
			z.seated, z.standing, z.crept = nil, nil, nil
		}
		crept := z.creeps(pose, up)
		if z.crept == nil {
			z.crept = map[schemas.Pose]int{}
		}
		z.crept[pose] = crept
		*z.of(pose) = &up
		z.newWalks()
		z.stale = false
		closed(item, schemas.Calibrated)
	}
	n, missing := 0, int64(0) // from when the zero that a new run lacks is asked for
	for i, it := range d.items {
		if it.device != run.device || it.boot != run.boot {
			asked := episode.Cause != ""
			if i > 0 {
				closed(i, schemas.Unknown)
			}
			had := z.seated != nil || z.standing != nil || asked
			run, z, last, missing = it, refZeros{}, nil, 0
			if had {
				missing = it.Time + 60_000
			}
		}
		if e := it.Event; e != nil {
			switch {
			case e.Type == schemas.EventWorn && !e.Worn && last != nil:
				last.worn = false
				if !z.isOff {
					z.isOff, z.offSince = true, last.at
				}
			case e.Type != schemas.EventCalibrate:
			case e.Upright == nil:
				z.measuring, z.from, z.poses, z.moved = e, it.Time, nil, false
			default:
				z.measuring = nil
				cause := schemas.Cause("")
				if !uprightAtAll(*e.Upright) {
					cause = schemas.Degenerate
				} else if last != nil && it.Time-last.at <= 5000 && last.moves() {
					cause = schemas.WhileMoving
				}
				take(i, e.Pose, *e.Upright, cause)
			}
			continue
		}
		s := &samples[n]
		n++
		again := false
		if z.measuring != nil {
			r := &d.items[i].Reading
			if r.Fields.Has(schemas.HasAcc|schemas.IsWorn) && s.at-z.from <= 10_000 {
				z.poses = append(z.poses, r.Acc)
			}
			z.moved = z.moved || last != nil && last.at >= z.from && last.moves()
			if s.at-z.from >= 10_000 {
				m := z.measuring
				z.measuring = nil
				up, cause := z.measured()
				other := last != nil && s.at-last.at <= 5000 && last.worn && last.sittingKnown && last.sitting != (m.Pose == schemas.Seated)
				if cause == "" && other {
					cause = schemas.WrongPose
				}
				take(i, m.Pose, up, cause)
			}
		}
		if last != nil && s.at-last.at > 4*3_600_000 && !z.isOff {
			z.isOff, z.offSince = true, last.at // hours of silence are another wear
		}
		if z.isOff && s.worn && s.at-z.offSince >= 10_000 {
			if z.seated != nil || z.standing != nil {
				z.seated, z.standing, z.stale, z.crept = nil, nil, false, nil
				z.newWalks()
				open(i, schemas.Rewear)
				again = true
			}
		}
		if !s.worn && !z.isOff {
			z.offSince = s.at
		}
		z.isOff = !s.worn
		if last != nil && z.walk(last, s) {
			open(i, schemas.Drift)
		}
		switch {
		case z.seated != nil || z.standing != nil:
			missing = 0
		case missing > 0 && s.at >= missing && s.worn && s.shown && !it.Fields.Has(schemas.HasTrunk):
			open(i, schemas.Rewear)
			missing = 0
		}
		if !it.Fields.Has(schemas.HasTrunk) && s.shown {
			_, s.zero, s.fitted = z.against(s)
			if again {
				s.byDefinition[0] = math.NaN() // it may be shown against what is forgotten
			}
		}
		if it.Fields.Has(schemas.HasLumbar) && s.fitted {
			s.curve, s.curveKnown = s.flexion-int(it.LumbarPitch), true
		}
		d.stale = append(d.stale, z.stale)
		known := *s
		last = &known
	}
}

// measured is the median of the poses, or why it is none.
func (z *refZeros) measured() (up [3]int16, cause schemas.Cause) {
	if len(z.poses) < 2 {
		return up, schemas.TooFew
	}
	for axis := range up {
		var list []int
		for _, p := range z.poses {
			list = append(list, int(p[axis]))
		}
		up[axis] = int16(refMiddle(list))
	}
	if !uprightAtAll(up) {
		return up, schemas.Degenerate
	}
	far := 0
	for _, p := range z.poses {
		if angleBetween(p, up) > 10 {
			far++
		}
	}
	if z.moved || far*10 > len(z.poses) {
		return up, schemas.WhileMoving
	}
	return up, ""
}

// slouched reports whether a pose leans too far forward to be upright.
func (z *refZeros) slouched(pose schemas.Pose, up [3]int16, p *Params) bool {
	if old := *z.of(pose); old != nil && !z.stale {
		if theta, _ := leansBy(vectorOf(up), *old); refTenth(theta) >= p.SlouchDeg || float64(z.creeps(pose, up)) >= p.SlouchDeg {
			return true
		}
	}
	seated, standing := z.seated, z.standing
	if pose == schemas.Seated {
		seated = &up
	} else {
		standing = &up
	}
	if seated == nil || standing == nil || z.stale {
		return false
	}
	theta, _ := leansBy(vectorOf(*seated), *standing)
	theta = refTenth(theta)
	return theta > p.PoseApart || theta < -p.PoseBehind
}

func refTenth(deg float64) float64 { return math.Round(deg*10) / 10 }

// creeps is how far forward of the first zero of a pose a new one would be.
func (z *refZeros) creeps(pose schemas.Pose, up [3]int16) int {
	old := *z.of(pose)
	if old == nil {
		return 0
	}
	theta, _ := leansBy(vectorOf(up), *old)
	return max(z.crept[pose]+int(math.Round(refTenth(theta))), 0)
}

// newWalks forgets the walks of zeros that count no longer.
func (z *refZeros) newWalks() {
	z.walked, z.flexion, z.lean, z.mean, z.shifted, z.pose = 0, 0, 0, nil, 0, ""
}

// walk adds the span between two samples to the walk under way, and reports
// whether the third walk in a row says that the strap has shifted.
func (z *refZeros) walk(before, after *refSample) bool {
	ms := after.at - before.at
	pose, _, _ := z.against(before)
	if ms > 5000 || !before.walks() || z.stale || pose == "" {
		z.walked, z.flexion, z.lean = 0, 0, 0
		return false
	}
	if z.pose == "" {
		z.pose = pose
	}
	if pose != z.pose {
		return false
	}
	z.walked += int(ms)
	z.flexion += before.flexion * int(ms)
	z.lean += before.lean * int(ms)
	if z.walked < 20_000 {
		return false
	}
	mean := [2]int{z.flexion / z.walked, z.lean / z.walked}
	z.walked, z.flexion, z.lean = 0, 0, 0
	switch {
	case z.mean == nil:
		z.mean = &mean
	case max(mean[0]-z.mean[0], z.mean[0]-mean[0]) > 150, max(mean[1]-z.mean[1], z.mean[1]-mean[1]) > 150:
		z.shifted++
	default:
		z.shifted = 0
	}
	z.stale = z.shifted == 3
	return z.stale
}

func uprightAtAll(v [3]int16) bool {
	u := vectorOf(v)
	n := math.Sqrt(u.dot(u))
	return n >= 500 && math.Hypot(u[0], u[1]) >= 0.1*n
}

func angleBetween(a, b [3]int16) float64 {
	return math.Acos(max(-1, min(1, vectorOf(a).unit().dot(vectorOf(b).unit())))) / radians
}
