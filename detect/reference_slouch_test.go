package detect

import (
	"math"

	"sitwell/schemas"
)

// bentForward and clearlyUpright are where dwell counts and where it recovers: by
// the curve of the back if both ends of it are measured, else by flexion.
func bentForward(s *refSample, p *Params) bool {
	if s.curveKnown {
		return inDegrees(s.curve) >= p.CurveDeg
	}
	return inDegrees(s.flexion) >= p.SlouchDeg
}

func clearlyUpright(s *refSample, p *Params) bool {
	if s.curveKnown {
		return inDegrees(s.curve) < p.CurveClearDeg
	}
	return inDegrees(s.flexion) < p.UprightDeg
}

// slouch is R1: dwell counts bent time, recovery for 5 s in one stretch ends it.
func (d *refDay) slouch() {
	var start, dwell int64
	var area float64 // degrees times ms
	var recovery refStretch
	level := 0
	dark := d.blind((*refSample).tellsPosture, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		tell := func(f schemas.Finding) {
			f.Rule, f.Level, f.Start, f.Seconds = schemas.RuleSlouch, level, refTime(start), refSeconds(dwell)
			f.FlexionDeg = area / float64(dwell)
			d.at(sp, f)
		}
		end := func(outcome schemas.Outcome, at int64) {
			if level > 0 {
				tell(schemas.Finding{Step: schemas.Closed, Outcome: outcome, End: refTime(at)})
			}
			start, dwell, area, recovery, level = 0, 0, 0, refStretch{}, 0
		}
		switch b := &sp.before; {
		case dark[i].over:
			end(schemas.Unknown, dark[i].from)
		case dark[i].dark:
		case b.moves() || clearlyUpright(b, sp.p):
			if dwell == 0 {
				break
			}
			recovery.add(sp)
			if recovery.ms >= sp.p.SlouchClear.Milliseconds() {
				end(recovery.outcome(), recovery.from)
			}
		case bentForward(b, sp.p):
			if dwell == 0 {
				start = sp.from
			}
			recovery = refStretch{}
			dwell += sp.ms
			area += inDegrees(b.flexion) * float64(sp.ms)
			if level == 0 && dwell >= sp.p.SlouchOpen.Milliseconds() {
				level = 1
				tell(schemas.Finding{Step: schemas.Opened})
			}
			if level == 1 && dwell >= sp.p.SlouchNudge.Milliseconds() {
				level = 2
				tell(schemas.Finding{Step: schemas.Escalated})
			}
		default:
			recovery = refStretch{}
		}
		d.slouches = append(d.slouches, level > 0)
	}
}

// loadBudget is R2: two halves of a load that creep up while the trunk is bent,
// one of which falls quickly and one slowly.
func (d *refDay) loadBudget() {
	const minute = 60_000.0
	var fast, slow float64
	var start int64
	level := 0
	relax := func(x, target, ms, fall float64) float64 {
		tau := fall * minute
		if target > x {
			tau = 9.4 * minute
		}
		return target + (x-target)*math.Exp(-ms/tau)
	}
	dark := d.blind((*refSample).tellsPosture, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		w, ms := 0.0, float64(sp.ms)
		switch {
		case dark[i].first:
			ms = float64(sp.to - dark[i].from)
		case dark[i].over:
		case dark[i].dark:
			d.load = append(d.load, fast+slow)
			continue
		case sp.before.judged():
			w = min(1, max(0, (inDegrees(sp.before.flexion)-10)/15))
		}
		fast, slow = relax(fast, w/2, ms, 0.7), relax(slow, w/2, ms, 20)
		sum := fast + slow
		d.load = append(d.load, sum)
		tell := func(f schemas.Finding) {
			f.Rule, f.Level, f.Start, f.Seconds = schemas.RuleLoad, level, refTime(start), refSeconds(sp.to-start)
			d.at(sp, f)
		}
		if level == 0 && sum >= sp.p.LoadNudge+d.loadSlack && w > sp.p.LoadNudge {
			level, start = 1, sp.to
			tell(schemas.Finding{Step: schemas.Opened})
		}
		switch quiet := !d.slouches[i]; {
		case level == 1 && sum >= sp.p.LoadNudge+d.loadSlack && w > sp.p.LoadNudge && quiet,
			level == 2 && sum >= sp.p.LoadBreak+d.loadSlack && w > sp.p.LoadBreak && quiet:
			level++
			tell(schemas.Finding{Step: schemas.Escalated})
		case level > 0 && sum < sp.p.LoadClear+d.loadSlack:
			d.at(sp, relieved(sp, dark[i], schemas.Finding{Rule: schemas.RuleLoad, Level: level, Start: refTime(start)}))
			level = 0
		}
	}
}

// relieved closes an episode of load or of a hold: now, or where the blind piece
// began that has just got too long.
func relieved(sp *refSpan, dark refDark, f schemas.Finding) schemas.Finding {
	end := sp.to
	if dark.first {
		end = dark.from
	}
	f.Step, f.Outcome, f.End = schemas.Closed, howItEnded(sp, dark), refTime(end)
	f.Seconds = f.End.Sub(f.Start).Seconds()
	return f
}

// fullHold is a whole hold less what adding up its many fractions may lose.
const fullHold = 1 - 1e-4

// longestHold is the holding time of ISO 11226 in ms for an inclination from 20
// degrees on.
func longestHold(deg float64) float64 {
	if deg > 60 {
		return 0.5 * 60_000
	}
	return (5.5 - 0.075*deg) * 60_000
}

// holding is R3: the share of the holding time that is used up; it takes three
// times as long to come back.
func (d *refDay) holding() {
	var h, last float64
	var start int64
	level := 0
	dark := d.blind((*refSample).tellsPosture, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		ms, theta := float64(sp.ms), inDegrees(sp.before.flexion)
		holds := !dark[i].dark && sp.before.judged() && theta >= 20
		switch {
		case dark[i].first:
			ms = float64(sp.to - dark[i].from)
		case dark[i].over:
		case dark[i].dark:
			d.hold = append(d.hold, h)
			continue
		}
		if holds {
			if h == 0 {
				start = sp.from
			}
			last = longestHold(theta)
			h = min(1, h+ms/last)
		} else if h > 0 {
			h -= ms / (3 * last)
			if h <= 1-fullHold+d.holdSlack {
				h = 0
			}
		}
		d.hold = append(d.hold, h)
		tell := func(f schemas.Finding) {
			f.Rule, f.Level, f.Start, f.Seconds = schemas.RuleHold, 1, refTime(start), refSeconds(sp.to-start)
			d.at(sp, f)
		}
		switch {
		case level == 0 && h >= fullHold+d.holdSlack:
			level = 1
			tell(schemas.Finding{Step: schemas.Opened})
		case level == 1 && h == 0:
			level = 0
			d.at(sp, relieved(sp, dark[i], schemas.Finding{Rule: schemas.RuleHold, Level: 1, Start: refTime(start)}))
		}
	}
}

// severity raises a slouch, each once: to moderate when the load budget is worth a
// nudge or the holding time runs out, to severe when the budget is worth a break.
func (d *refDay) severity() {
	plain := d.found[schemas.RuleSlouch]
	d.found[schemas.RuleSlouch] = nil
	severity := schemas.Mild
	var last schemas.Finding
	for i := range d.spans {
		sp := &d.spans[i]
		it := d.items[sp.after.item]
		for len(plain) > 0 && plain[0].Boot == it.boot && plain[0].Seq == it.Seq {
			last, plain = plain[0], plain[1:]
			if last.Step == schemas.Opened {
				severity = schemas.Mild
			}
			last.Severity = severity
			d.at(sp, last)
		}
		due := schemas.Mild
		switch {
		case d.load[i] >= sp.p.LoadBreak+d.loadSlack:
			due = schemas.Severe
		case d.load[i] >= sp.p.LoadNudge+d.loadSlack || d.hold[i] >= fullHold+d.holdSlack:
			due = schemas.Moderate
		}
		if !d.slouches[i] || due <= severity {
			continue
		}
		severity = due
		f := last
		f.Step, f.Severity = schemas.Raised, severity
		f.Seconds, f.FlexionDeg = d.dwellAt(i, f)
		d.at(sp, f)
	}
}

// dwellAt is the dwell in seconds and the mean flexion of the slouch that began
// with f, up to and with a span.
func (d *refDay) dwellAt(last int, f schemas.Finding) (secs, flexion float64) {
	dark := d.blind((*refSample).tellsPosture, nil)
	var ms, area float64
	for i := range d.spans[:last+1] {
		sp := &d.spans[i]
		if sp.from < f.Start.UnixMilli() || dark[i].dark || sp.before.moves() ||
			clearlyUpright(&sp.before, sp.p) || !bentForward(&sp.before, sp.p) {
			continue
		}
		ms += float64(sp.ms)
		area += inDegrees(sp.before.flexion) * float64(sp.ms)
	}
	return ms / 1000, area / ms
}
