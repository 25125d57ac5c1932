package detect

import (
	"math"

	"sitwell/schemas"
)

// refLean counts the time beyond an angle to one side.
type refLean struct {
	start, ms int64
	clear     refStretch
}

// step adds a span, and reports whether the count is forgotten with it.
func (l *refLean) step(sp *refSpan, beyond bool) (forgotten bool) {
	if beyond {
		if l.ms == 0 {
			l.start = sp.from
		}
		l.ms += sp.ms
		l.clear = refStretch{}
		return false
	}
	if l.ms == 0 {
		return false
	}
	l.clear.add(sp)
	return l.clear.ms >= sp.p.SlouchClear.Milliseconds()
}

// leaning is R6.
func (d *refDay) leaning() {
	var near, far refLean
	side, open := 0, false
	dark := d.blind((*refSample).tellsPosture, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		finding := func(f schemas.Finding) schemas.Finding {
			f.Rule, f.Start, f.Seconds = schemas.RuleLean, refTime(near.start), refSeconds(near.ms)
			f.Cause = map[int]schemas.Cause{-1: schemas.Left, 1: schemas.Right}[side]
			return f
		}
		end := func(outcome schemas.Outcome, at int64) {
			if open {
				d.at(sp, finding(schemas.Finding{Level: 2, Step: schemas.Closed, Outcome: outcome, End: refTime(at)}))
			}
			near, far, open = refLean{}, refLean{}, false
		}
		switch {
		case dark[i].over:
			end(schemas.Unknown, dark[i].from)
			continue
		case dark[i].dark:
			continue
		}
		lean := sp.before.sideways()
		if near.ms == 0 {
			side = 1
			if lean < 0 {
				side = -1
			}
		}
		over := func(deg float64) bool { return sp.before.judged() && lean*float64(side) > deg }
		if far.step(sp, over(sp.p.LeanFarDeg)) {
			far = refLean{}
		}
		if near.step(sp, over(sp.p.LeanDeg)) {
			end(howItEnded(sp, dark[i]), near.clear.from)
		}
		if !open && over(sp.p.LeanDeg) && (near.ms >= sp.p.LeanFor.Milliseconds() || far.ms >= sp.p.LeanFarFor.Milliseconds()) {
			open = true
			d.nudge(sp, finding(schemas.Finding{}))
		}
	}
}

// sudden is R7: a movement that the device reports, after 10 s without moving and
// without another one.
func (d *refDay) sudden() {
	last := -1
	for i, it := range d.items {
		e := it.Event
		if e == nil || e.Type != schemas.EventSuddenMovement || d.calm(i, last) < 10_000 {
			continue
		}
		least := uint16(60)
		if e.Axis == schemas.Twist {
			least = 50
		}
		f := schemas.Finding{Rule: schemas.RuleSudden, Level: 1, Start: refTime(it.Time)}
		switch {
		case (e.PeakRate >= 180 || e.PeakAcc >= 1000) && e.Lasted <= 300:
			f.Cause, f.Severity = schemas.Sudden, schemas.Severe
		case e.Range >= 15 && (e.Lasted >= 200 || e.Lasted == 0) && e.PeakRate >= least:
			f.Cause, f.Severity = schemas.Fast, schemas.Mild
		default:
			continue
		}
		last = i
		f.Step = schemas.Opened
		d.tell(i, it.Time, f)
		f.Step, f.Outcome, f.End = schemas.Closed, schemas.Momentary, f.Start
		d.tell(i, it.Time, f)
	}
}

// calm is how long, before an item and behind another one, no reading of its run
// moved, as far as it is known.
func (d *refDay) calm(item, behind int) (ms int64) {
	for i := range d.spans {
		sp := &d.spans[i]
		if sp.after.item > item {
			break
		}
		if sp.after.item <= behind {
			continue
		}
		if of := d.items[sp.after.item]; of.device != d.items[item].device || of.boot != d.items[item].boot {
			continue
		}
		if sp.held && !sp.before.none && !sp.before.moves() {
			ms += sp.ms
		}
		if sp.after.moves() {
			ms = 0
		}
	}
	return ms
}

// bending is R8.
func (d *refDay) bending() {
	var bends []int64 // the minutes of all bends so far
	var start int64
	up, open := false, false
	dark := d.blind((*refSample).tellsPosture, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		a, now := &sp.after, sp.to/60_000
		if dark[i].first {
			up = false
		}
		inTenMinutes := func() (n int) {
			for j := len(bends) - 1; j >= 0 && bends[j] > now-10; j-- {
				n++
			}
			return n
		}
		least := int(math.Ceil(10 * sp.p.BendsPerMinute))
		f := schemas.Finding{Rule: schemas.RuleBending}
		if open && now != sp.from/60_000 && 2*inTenMinutes() < least {
			open = false
			f.Start, f.Seconds = refTime(start), refSeconds(sp.to-start)
			f.Level, f.Step, f.Outcome, f.End = 2, schemas.Closed, schemas.Recovered, refTime(sp.to)
			d.at(sp, f)
		}
		switch {
		case !a.worn || !a.fitted:
		case inDegrees(a.flexion) >= 20:
			up = true
		case up && inDegrees(a.flexion) <= 10:
			up, bends = false, append(bends, now)
			if open || inTenMinutes() < least {
				break
			}
			open, start = true, sp.to
			d.nudge(sp, schemas.Finding{Rule: schemas.RuleBending, Start: refTime(start)})
		}
	}
}
