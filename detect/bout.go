package detect

import "sitwell/schemas"

// bout is rule R4: sitting for long without a break. Its length counts sitting,
// moving or not. Time off the seat is judged when the wearer is back, or when
// it has lasted AwayEnds: short, it counts as sitting; longer, it takes its
// share off the length; from AwayEnds the bout is over.
type bout struct {
	// Start is when the bout began; while there is none, when the last one ended.
	Start stamp
	Len   span
	// The time off the seat under way, in a bout or not: when it began, how long it
	// is, and how much of it was moving.
	AwayFrom stamp
	Away     span
	Moved    short
	Blind    blind // of sitting
	Level    uint8 // 0 to 3; a level is reached once in a bout
	On       bool  // there is a bout
	Ended    bool  // there was one, not long ago
	Risen    bool  // the wearer has risen since the level was reached, and it was said
}

func (b *bout) step(iv *interval, pr *proof) {
	p := pr.w.plan
	if iv.ms > p.bridgeMax {
		b.Ended = false // too long ago to tell a device's count from
	}
	switch {
	case iv.bridged(p.bridgeMax):
		b.bridge(iv, pr)
	case iv.seat == lost:
		b.end(schemas.Unknown, iv.seatSince, pr)
		b.AwayFrom, b.Away, b.Moved = 0, 0, 0
	case iv.seat != seen:
	case iv.before.sits():
		b.Len.add(iv.ms)
	default:
		b.rise(iv, pr)
	}
	iv.away, iv.awayFrom = int64(b.Away), iv.time(b.AwayFrom)
	if iv.after.sits() {
		b.sit(iv)
		b.back(pr)
	}
	b.rate(iv, pr)
}

// bridge steps over an interval of which only the device's own count tells. A
// count as long as the interval means sitting throughout. A shorter one means a
// new bout, and the old one ended somewhere between: as unknown, because nobody
// knows how long the wearer was up, so it is neither a break nor a credit.
func (b *bout) bridge(iv *interval, pr *proof) {
	if iv.counted < iv.ms {
		b.end(schemas.Unknown, iv.from, pr)
		return
	}
	if b.On {
		b.back(pr)
		b.Len.add(iv.ms)
	}
}

// sit begins a bout if there is none. A device that counts by itself may have
// begun before its first reading, but not before the last bout's end.
func (b *bout) sit(iv *interval) {
	if b.On {
		return
	}
	start := iv.to
	if iv.after.Is.has(countsSitting) {
		start -= iv.counted
		if b.Ended {
			start = max(start, iv.time(b.Start))
		}
	}
	*b = bout{Blind: b.Blind, On: true, Start: stampOf(start)}
	b.Len.add(iv.to - start)
}

// rate reports the levels that the bout has newly reached.
func (b *bout) rate(iv *interval, pr *proof) {
	if !b.On {
		return
	}
	for int(b.Level) < len(pr.w.plan.sitting) && int64(b.Len) >= pr.w.plan.sitting[b.Level] {
		b.Level++
		b.Risen = false
		step := schemas.Escalated
		if b.Level == 1 {
			step = schemas.Opened
		}
		pr.find(step, b.finding(iv))
	}
}

// rise adds an interval off the seat, and ends the bout once it is long enough.
func (b *bout) rise(iv *interval, pr *proof) {
	if iv.ms == 0 {
		return
	}
	p := pr.w.plan
	if b.Away == 0 {
		b.AwayFrom = stampOf(iv.from)
	}
	wasShort := int64(b.Away) < p.awayIgnored
	b.Away.add(iv.ms)
	if iv.before.moves() {
		b.Moved.add(iv.ms)
	}
	if !b.On {
		return
	}
	if wasShort && int64(b.Away) >= p.awayIgnored && b.Level > 1 && !b.Risen {
		b.Risen = true
		pr.find(schemas.Risen, b.finding(iv))
	}
	if int64(b.Away) < p.awayEnds {
		return
	}
	outcome := schemas.Stood
	if int64(b.Moved) >= p.breakMoving {
		outcome = schemas.Break
		if int64(b.Len) >= p.breakAfter {
			pr.w.minute.rest()
			pr.w.rules.Hydration.rest(iv, pr)
		}
	}
	b.end(outcome, iv.time(b.AwayFrom), pr)
}

// back settles the time off the seat of a wearer who sits again.
func (b *bout) back(pr *proof) {
	away := int64(b.Away)
	if away < pr.w.plan.awayIgnored {
		b.Len.add(away)
	} else {
		b.Len -= span(float64(b.Len) * float64(away) / float64(pr.w.plan.awayEnds))
	}
	b.AwayFrom, b.Away, b.Moved = 0, 0, 0
}

// end closes the bout; one that reached no level makes no finding.
func (b *bout) end(outcome schemas.Outcome, at int64, pr *proof) {
	if !b.On {
		return
	}
	if b.Away > 0 {
		at = pr.iv.time(b.AwayFrom)
	}
	if b.Level > 0 {
		f := b.finding(pr.iv)
		f.outcome, f.end = outcome, at
		pr.find(schemas.Closed, f)
	}
	*b = bout{Blind: b.Blind, Start: stampOf(at), Ended: true}
}

func (b *bout) finding(iv *interval) found {
	return found{
		rule: schemas.RuleSitting, level: int(b.Level), severity: schemas.Severity(b.Level), start: iv.time(b.Start), ms: int64(b.Len),
		values: []value{{"sitting_s", seconds(int64(b.Len))}, {"off_the_seat_s", seconds(int64(b.Away))}},
	}
}
