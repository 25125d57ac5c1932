package detect

import (
	"math"
	"slices"

	"sitwell/schemas"
)

// refMinute is all that was in a minute, times in ms.
type refMinute struct {
	sitting, standing, moving, notWorn, upright, slouched, left, right, bent int64

	flexion        []refPart // judged
	peak           float64
	bout           int64
	breaks, shifts int
}

// refPart is a flexion in degrees that was held for some ms.
type refPart struct{ deg, ms float64 }

// minutes is the rollups of a day: every piece of a span goes to its minute.
func (d *refDay) minutes() map[int64]schemas.Rollup {
	all := map[int64]*refMinute{}
	in := func(ms int64) *refMinute {
		if all[ms/60_000] == nil {
			all[ms/60_000] = &refMinute{}
		}
		return all[ms/60_000]
	}
	for i := range d.spans {
		sp := &d.spans[i]
		from := sp.to
		switch {
		case sp.held:
			from = sp.from
		case bridged(sp):
			from = max(sp.from, sp.to-sp.after.sittingS*1000)
		}
		for from < sp.to {
			end := min(sp.to, (from/60_000+1)*60_000)
			if m := in(from); sp.held {
				m.add(&sp.before, end-from, sp.p)
			} else {
				m.sitting += end - from
			}
			from = end
		}
		m := in(sp.to)
		m.peak, m.bout = max(m.peak, d.load[i]), max(m.bout, d.bout[i])
		if d.counted[i] {
			m.breaks++
		}
	}
	for minute, n := range d.shifts {
		in(minute * 60_000).shifts = n
	}
	done := map[int64]schemas.Rollup{}
	for minute, m := range all {
		done[minute] = m.rollup(minute)
	}
	return done
}

func (m *refMinute) add(s *refSample, ms int64, p *Params) {
	switch {
	case !s.worn:
		m.notWorn += ms
	case s.sits():
		m.sitting += ms
	case s.moves():
		m.moving += ms
	case s.sittingKnown:
		m.standing += ms
	}
	if !s.judged() {
		return
	}
	deg, lean := inDegrees(s.flexion), s.sideways()
	if deg < p.LeanBackDeg {
		return
	}
	if lean < -10 {
		m.left += ms
	}
	if lean > 10 {
		m.right += ms
	}
	if deg >= 60 {
		m.bent += ms
	}
	if bentForward(s, p) {
		m.slouched += ms
	} else {
		m.upright += ms
	}
	m.flexion = append(m.flexion, refPart{deg, float64(ms)})
}

func (m *refMinute) rollup(minute int64) schemas.Rollup {
	secs := func(ms int64) float32 { return float32(refSeconds(ms)) }
	r := schemas.Rollup{
		Org: org, Wearer: person, Minute: minute,
		Sitting: secs(m.sitting), Standing: secs(m.standing), Moving: secs(m.moving), NotWorn: secs(m.notWorn),
		Upright: secs(m.upright), Slouched: secs(m.slouched), LeanLeft: secs(m.left), LeanRight: secs(m.right), Bent: secs(m.bent),
		LoadPeak: float32(m.peak), Bout: secs(m.bout), Breaks: m.breaks, Shifts: m.shifts,
		FlexionP95: float32(percentile95(m.flexion)),
	}
	var area, all float64
	for _, part := range m.flexion {
		area, all = area+part.deg*part.ms, all+part.ms
	}
	if all > 0 {
		r.Flexion = float32(area / all)
	}
	return r
}

// percentile95 is the flexion under which 95 % of the time lies, as the middle of
// its degree.
func percentile95(parts []refPart) float64 {
	bins := map[int]float64{}
	var degs []int
	all := 0.0
	for _, p := range parts {
		deg := int(math.Floor(p.deg))
		if bins[deg] == 0 {
			degs = append(degs, deg)
		}
		bins[deg] += p.ms
		all += p.ms
	}
	slices.Sort(degs)
	left := 0.95 * all
	for _, deg := range degs {
		if left <= bins[deg] {
			return float64(deg) + 0.5
		}
		left -= bins[deg]
	}
	return 0
}
