package detect

import "sitwell/schemas"

// bout is rule R4: sitting for long without a break. Its length counts sitting,
// moving or not. Time off the seat is judged when the wearer is back, or when
// it has lasted AwayEnds: short, it counts as sitting; longer, it takes its
// share off the length; from AwayEnds the bout is over.
type bout struct {
	Start int64 `cbor:"1,keyasint,omitempty"` // event time, ms
	Len   int64 `cbor:"2,keyasint,omitempty"` // ms
	// The time off the seat under way: when it began, how long it is, and how
	// much of it was moving, in ms.
	AwayFrom int64 `cbor:"3,keyasint,omitempty"`
	Away     int32 `cbor:"4,keyasint,omitempty"`
	Moved    int32 `cbor:"5,keyasint,omitempty"`
	Blind    blind `cbor:"6,keyasint,omitempty"`
	LastEnd  int64 `cbor:"7,keyasint,omitempty"`  // event time the bout before ended, ms
	Level    int8  `cbor:"8,keyasint,omitempty"`  // 0 to 3; a level is reached once in a bout
	On       bool  `cbor:"9,keyasint,omitempty"`  // there is a bout
	Risen    bool  `cbor:"10,keyasint,omitempty"` // the wearer has risen since the level was reached, and it was said
}

func (b *bout) step(iv *interval, pr *proof) {
	p := pr.w.p
	if iv.counted(p.BridgeMax.Milliseconds()) {
		b.bridge(iv, pr)
	} else {
		dark, over := b.Blind.step(iv, iv.before.tellsSitting(), p.GapEnds.Milliseconds())
		switch {
		case over:
			b.end(schemas.Unknown, b.Blind.From, pr)
		case dark:
		case iv.before.sits():
			b.Len += iv.ms
		default:
			b.rise(iv, pr)
		}
	}
	if iv.after.tellsSitting() {
		b.Blind.From = 0
	}
	if iv.after.sits() {
		b.sit(iv)
		b.back(pr)
	}
	b.rate(pr)
}

// bridge steps over an interval of which only the device's own count tells. A
// count as long as the interval means sitting throughout. A shorter one means a
// new bout, and the old one ended somewhere between: as unknown, because nobody
// knows how long the wearer was up, so it is neither a break nor a credit.
func (b *bout) bridge(iv *interval, pr *proof) {
	if int64(iv.after.SittingS)*1000 < iv.ms {
		b.end(schemas.Unknown, iv.from, pr)
		return
	}
	if b.On {
		b.back(pr)
		b.Len += iv.ms
	}
}

// sit begins a bout if there is none. A device that counts by itself may have
// begun before its first reading, but not before the last bout's end.
func (b *bout) sit(iv *interval) {
	if b.On {
		return
	}
	b.On, b.Start = true, iv.to
	if iv.after.Is.has(countsSitting) {
		b.Start = max(iv.to-int64(iv.after.SittingS)*1000, b.LastEnd)
	}
	b.Len = iv.to - b.Start
}

// rate reports the levels that the bout has newly reached.
func (b *bout) rate(pr *proof) {
	if !b.On {
		return
	}
	for int(b.Level) < len(pr.w.p.SittingLevels) && b.Len >= pr.w.p.SittingLevels[b.Level].Milliseconds() {
		b.Level++
		b.Risen = false
		step := schemas.Escalated
		if b.Level == 1 {
			step = schemas.Opened
		}
		pr.find(step, b.finding())
	}
}

// rise adds an interval off the seat, and ends the bout once it is long enough.
func (b *bout) rise(iv *interval, pr *proof) {
	if !b.On || iv.ms == 0 {
		return
	}
	if b.Away == 0 {
		b.AwayFrom = iv.from
	}
	ignored := int32(pr.w.p.AwayIgnored.Milliseconds()) //nolint:gosec // seconds
	wasShort := b.Away < ignored
	b.Away += int32(iv.ms) //nolint:gosec // an interval that is held, at most a day
	if wasShort && b.Away >= ignored && b.Level > 1 && !b.Risen {
		b.Risen = true
		pr.find(schemas.Risen, b.finding())
	}
	if iv.before.moves() {
		b.Moved += int32(iv.ms) //nolint:gosec // as above
	}
	if int64(b.Away) < pr.w.p.AwayEnds.Milliseconds() {
		return
	}
	outcome := schemas.Stood
	if int64(b.Moved) >= pr.w.p.BreakMoving.Milliseconds() {
		outcome = schemas.Break
		if b.Len >= pr.w.p.BreakAfter.Milliseconds() {
			pr.w.minute.rest()
		}
	}
	b.end(outcome, b.AwayFrom, pr)
}

// back settles the time off the seat of a wearer who sits again.
func (b *bout) back(pr *proof) {
	away := int64(b.Away)
	if away < pr.w.p.AwayIgnored.Milliseconds() {
		b.Len += away
	} else {
		b.Len -= int64(float64(b.Len) * float64(away) / float64(pr.w.p.AwayEnds.Milliseconds()))
	}
	b.AwayFrom, b.Away, b.Moved = 0, 0, 0
}

// end closes the bout; one that reached no level makes no finding.
func (b *bout) end(outcome schemas.Outcome, at int64, pr *proof) {
	if !b.On {
		return
	}
	if b.Away > 0 {
		at = b.AwayFrom
	}
	if b.Level > 0 {
		f := b.finding()
		f.Outcome, f.End = outcome, eventTime(at)
		pr.find(schemas.Closed, f)
	}
	*b = bout{Blind: b.Blind, LastEnd: at}
}

func (b *bout) finding() schemas.Finding {
	return schemas.Finding{
		Rule: schemas.RuleSitting, Level: int(b.Level), Start: eventTime(b.Start), Seconds: seconds(b.Len),
	}
}
