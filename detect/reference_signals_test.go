package detect

import (
	"math"

	"sitwell/schemas"
)

// samples is what each reading says by itself. Angles of acc_g and motion that
// has to be derived from it are taken from the postures.
func (d *refDay) samples(postures []Posture) []refSample {
	var all []refSample
	var run refItem
	var walk refWalk
	off, saidOff := false, false
	for i, it := range d.items {
		if it.device != run.device || it.boot != run.boot {
			run, walk, off, saidOff = it, refWalk{}, false, false
		}
		if e := it.Event; e != nil {
			if e.Type == schemas.EventWorn {
				off = !e.Worn
				if off && len(all) > 0 {
					all[len(all)-1].takenOff = true
				}
			}
			continue
		}
		r, seen := &it.Reading, postures[len(all)]
		s := refSample{at: r.Time, item: i}
		on := r.Fields.Has(schemas.IsWorn)
		if on && saidOff {
			off = false
		}
		saidOff = !on
		s.worn = on && !off
		d.seat(r, &s)
		if r.Fields.Has(schemas.HasTrunk) {
			s.flexion, s.lean, s.shown, s.fitted = int(r.TrunkPitch), int(r.TrunkRoll), true, true
		} else if r.Fields.Has(schemas.HasAcc) {
			s.flexion, s.lean = int(math.Round(float64(seen.FlexionDeg)*10)), int(math.Round(float64(seen.LeanDeg)*10))
			s.shown = seen.Shown
		}
		steps := r.Fields.Has(schemas.HasSteps) && r.Steps > 0
		if still := r.Fields.Has(schemas.HasMotion) && r.Motion < 10; steps && (still || !on) {
			d.contradictions++
			steps = false
		}
		s.moving, s.motionKnown = walk.step(r, steps, seen.Moving)
		if r.Fields.Has(schemas.HasAcc) && !r.Fields.Has(schemas.HasMotion) {
			s.moving, s.motionKnown = seen.Moving, seen.MotionKnown
		}
		all = append(all, s)
	}
	return all
}

// seat is what a reading says about sitting; two ways to say it may contradict
// each other.
func (d *refDay) seat(r *schemas.Reading, s *refSample) {
	says, counts := r.Fields.Has(schemas.HasSitting), r.Fields.Has(schemas.HasSittingS)
	sits := r.Fields.Has(schemas.IsSitting)
	switch {
	case says && counts && sits != (r.SittingS > 0):
		d.contradictions++
	case counts:
		s.sittingKnown, s.sitting, s.counts, s.sittingS = true, r.SittingS > 0, true, int64(r.SittingS)
	case says:
		s.sittingKnown, s.sitting = true, sits
	}
}

// refWalk is motion of a run: the root mean square over 4 s of what readings at
// two a second and slower bring, and the steps of the last 4 s.
type refWalk struct {
	begun   bool
	last    int64 // event time, ms
	squares []refPart
	stepped int64 // event time, ms
	steps   bool
}

// step adds a reading. Where it depends on 2 % of the window it believes what was
// seen, because the lengths of intervals may be rounded.
func (w *refWalk) step(r *schemas.Reading, steps, seen bool) (moving, known bool) {
	ms := r.Time - w.last
	if !w.begun {
		ms = 0
	}
	w.begun, w.last = true, r.Time
	if r.Fields.Has(schemas.HasMotion) {
		if ms == 0 && len(w.squares) == 0 {
			ms = 500
		}
		if ms > 0 {
			w.squares = append(w.squares, refPart{float64(r.Motion) * float64(r.Motion), float64(min(ms, 4000))})
		}
		const limit = 100 * 100
		known, moving = true, w.meanSquare(4000) > limit
		if least, most := w.meanSquare(3920), w.meanSquare(4080); min(least, most) < 1.03*limit && max(least, most) > 0.97*limit {
			moving = seen
		}
	} else {
		w.squares = nil
	}
	if steps {
		w.steps, w.stepped = true, r.Time
	}
	if w.steps && r.Time-w.stepped < 4000 {
		return true, true
	}
	return moving, known || r.Fields.Has(schemas.HasSteps)
}

func (w *refWalk) meanSquare(window float64) float64 {
	left, sum := window, 0.0
	for i := len(w.squares) - 1; i >= 0 && left > 0; i-- {
		part := min(left, w.squares[i].ms)
		sum += w.squares[i].deg * part
		left -= part
	}
	return sum / (window - left)
}

func vectorOf(v [3]int16) vector { return vector{float64(v[0]), float64(v[1]), float64(v[2])} }

// leansBy is the flexion and lean in degrees of a trunk that measures acc where
// it measured upright in its upright pose, by the definition.
func leansBy(acc vector, upright [3]int16) (theta, phi float64) {
	u := acc.unit()
	u0 := vectorOf(upright).unit()
	ap := vector{-u0[2] * u0[0], -u0[2] * u0[1], 1 - u0[2]*u0[2]}.unit()
	lat := ap.cross(u0)
	return math.Atan2(u.dot(ap), u.dot(u0)) / radians, math.Atan2(u.dot(lat), u.dot(u0)) / radians
}

// angles fills in the angles of acc_g by the definition: gravity is what a
// low-pass of 0.3 Hz leaves of it.
func (d *refDay) angles() {
	var gravity vector
	var run refItem
	last := int64(math.MinInt64)
	for i := range d.spans {
		s := &d.spans[i].after
		it := d.items[s.item]
		if it.device != run.device || it.boot != run.boot || !it.Fields.Has(schemas.HasAcc) || it.Fields.Has(schemas.HasTrunk) {
			last = math.MinInt64 // gravity begins anew
		}
		run = it
		if s.zero == nil {
			continue
		}
		k := 1.0
		if last != math.MinInt64 && s.at-last <= 5000 {
			k = 1 - math.Exp(-2*math.Pi*0.3*float64(s.at-last)/1000)
		}
		for j := range gravity {
			gravity[j] += k * (float64(it.Acc[j]) - gravity[j])
		}
		last = s.at
		if math.IsNaN(s.byDefinition[0]) {
			continue
		}
		s.byDefinition[0], s.byDefinition[1] = leansBy(gravity, *s.zero)
	}
}
