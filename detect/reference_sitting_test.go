package detect

import (
	"slices"

	"sitwell/schemas"
)

// bridged reports whether a span is too long to belong to its reading, and the
// device's own count of the bout tells what was in it.
func bridged(sp *refSpan) bool {
	b, a := &sp.before, &sp.after
	return !sp.held && sp.ms <= sp.p.BridgeMax.Milliseconds() && b.worn && b.counts && a.worn && a.counts
}

// refBout is a sitting bout, from the first reading on the seat.
type refBout struct {
	start, length int64
	away          refStretch // off the seat, not settled yet
	level         int
	risen         bool // and it was said for this level
}

// settle is what the time off the seat does to a bout that goes on.
func (b *refBout) settle(p *Params) {
	if b.away.ms < p.AwayIgnored.Milliseconds() {
		b.length += b.away.ms
	} else {
		b.length -= b.length * b.away.ms / p.AwayEnds.Milliseconds()
	}
	b.away = refStretch{}
}

// sitting is R4.
func (d *refDay) sitting() {
	var bout *refBout
	lastEnd := int64(0)
	d.counted = make([]bool, len(d.spans))
	dark := d.blind((*refSample).tellsSitting, bridged)
	for i := range d.spans {
		sp := &d.spans[i]
		tell := func(f schemas.Finding) {
			f.Rule, f.Level, f.Start, f.Seconds = schemas.RuleSitting, bout.level, refTime(bout.start), refSeconds(bout.length)
			d.at(sp, f)
		}
		end := func(outcome schemas.Outcome, at int64) {
			if bout == nil {
				return
			}
			if bout.away.ms > 0 {
				at = bout.away.from
			}
			if bout.level > 0 {
				tell(schemas.Finding{Step: schemas.Closed, Outcome: outcome, End: refTime(at)})
			}
			bout, lastEnd = nil, at
		}
		b, a := &sp.before, &sp.after
		switch {
		case bridged(sp) && a.sittingS*1000 < sp.ms:
			end(schemas.Unknown, sp.from)
		case bridged(sp):
			if bout != nil {
				bout.settle(sp.p)
				bout.length += sp.ms
			}
		case dark[i].over:
			end(schemas.Unknown, dark[i].from)
		case dark[i].dark || bout == nil || sp.ms == 0:
		case b.sits():
			bout.length += sp.ms
		default:
			before := bout.away.ms
			bout.away.add(sp)
			ignored := sp.p.AwayIgnored.Milliseconds()
			if before < ignored && bout.away.ms >= ignored && bout.level > 1 && !bout.risen {
				bout.risen = true
				tell(schemas.Finding{Step: schemas.Risen})
			}
			if bout.away.ms < sp.p.AwayEnds.Milliseconds() {
				break
			}
			if bout.away.moved < sp.p.BreakMoving.Milliseconds() {
				end(schemas.Stood, 0)
				break
			}
			d.counted[i] = bout.length >= sp.p.BreakAfter.Milliseconds()
			end(schemas.Break, 0)
		}
		if a.sits() && bout == nil {
			bout = &refBout{start: sp.to}
			if a.counts {
				bout.start = max(sp.to-a.sittingS*1000, lastEnd)
			}
			bout.length = sp.to - bout.start
		}
		if bout == nil {
			d.bout = append(d.bout, 0)
			continue
		}
		if a.sits() {
			bout.settle(sp.p)
		}
		for bout.level < 3 && bout.length >= sp.p.SittingLevels[bout.level].Milliseconds() {
			bout.level++
			bout.risen = false
			tell(schemas.Finding{Step: map[bool]schemas.Step{true: schemas.Opened, false: schemas.Escalated}[bout.level == 1]})
		}
		d.bout = append(d.bout, bout.length)
	}
}

const tenSeconds = 10_000

// immobility is R5.
func (d *refDay) immobility() {
	tells := func(s *refSample) bool { return s.worn && s.fitted && s.sittingKnown }
	sits := func(s *refSample) bool { return tells(s) && s.sitting }
	type pose struct{ flexion, lean int }
	var (
		window    int64  // in ten seconds since 1970
		poses     []pose // in it
		lastHalf  int64  // the last half second that gave one
		reference *pose
		still     int64
		start     int64
		off       refStretch // the seat
		open      bool
	)
	dark := d.blind(tells, nil)
	for i := range d.spans {
		sp := &d.spans[i]
		if sp.held && sp.before.tellsSitting() && !sp.before.sitting {
			off.add(sp)
		}
		end := func(outcome schemas.Outcome, at int64) {
			if open {
				d.at(sp, schemas.Finding{
					Rule: schemas.RuleImmobility, Level: 2, Step: schemas.Closed, Start: refTime(start), Seconds: refSeconds(still),
					Outcome: outcome, End: refTime(at),
				})
			}
			open, still = false, 0
		}
		if sp.to/tenSeconds > window && len(poses) > 0 {
			var flexions, leans []int
			for _, p := range poses {
				flexions, leans = append(flexions, p.flexion), append(leans, p.lean)
			}
			m := pose{refMiddle(flexions), refMiddle(leans)}
			switch {
			case reference == nil:
				reference = &m
			case apart(m.flexion, reference.flexion, sp.p) || apart(m.lean, reference.lean, sp.p):
				d.shifts[window*tenSeconds/60_000]++
				reference = &m
				end(schemas.Shifted, (window+1)*tenSeconds)
			}
			poses = nil
		}
		switch {
		case dark[i].over:
			end(schemas.Unknown, dark[i].from)
			reference = nil
		case dark[i].dark:
		case sits(&sp.before):
			if still == 0 {
				start = sp.from
			}
			still += sp.ms
			if !open && still >= sp.p.StillFor.Milliseconds() {
				open = true
				d.nudge(sp, schemas.Finding{Rule: schemas.RuleImmobility, Start: refTime(start), Seconds: refSeconds(still)})
			}
		default:
			if off.ms < sp.p.AwayIgnored.Milliseconds() {
				break
			}
			outcome := schemas.Stood
			if sp.before.moves() {
				outcome = schemas.Moved
			}
			end(outcome, off.from)
			reference = nil
		}
		if sp.after.sits() {
			off = refStretch{}
		}
		if a := &sp.after; sits(a) && (a.at/500 != lastHalf || len(poses) == 0) {
			window, lastHalf = a.at/tenSeconds, a.at/500
			poses = append(poses, pose{a.flexion, a.lean})
		}
	}
}

func apart(a, b int, p *Params) bool { return max(a-b, b-a) > int(p.ShiftDeg*10+0.5) }

// refMiddle is the median, of an even number the mean of the two in the middle.
func refMiddle(list []int) int {
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}
