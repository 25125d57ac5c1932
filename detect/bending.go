package detect

import "sitwell/schemas"

// A bend goes up to bendUp and comes back to bendDown, in tenths of a degree. [D]
const (
	bendUp   = 200
	bendDown = 100
)

// bending is rule R8: bends again and again. It counts the bends of the ten clock
// minutes up to the present one, moving or not, because lifting is movement.
type bending struct {
	Counts [10]uint8 // by the minute's last digit; the present one is that of the last reading
	Open   bool
	Up     bool
	Start  stamp
}

func (b *bending) step(iv *interval, pr *proof) {
	if iv.to/minuteMS != iv.from/minuteMS {
		b.turn(iv, pr)
	}
	if iv.posture == lost {
		b.Up = false
	}
	if !iv.after.Is.has(worn | fitted) {
		return
	}
	switch angle := iv.after.Flexion; {
	case angle >= bendUp:
		b.Up = true
	case b.Up && angle <= bendDown:
		b.Up = false
		n := &b.Counts[iv.to/minuteMS%10]
		*n += min(1, 255-*n)
		if !b.Open && b.sum() >= pr.w.plan.bends {
			b.Open, b.Start = true, stampOf(iv.to)
			pr.findBoth(b.finding(iv))
		}
	}
}

// turn moves on to the minute of iv's end and forgets what is ten minutes old.
func (b *bending) turn(iv *interval, pr *proof) {
	now := iv.to / minuteMS
	for m := max(iv.from/minuteMS, now-10) + 1; m <= now; m++ {
		b.Counts[m%10] = 0
	}
	if b.Open && 2*b.sum() < pr.w.plan.bends {
		f := b.finding(iv)
		f.outcome, f.end = schemas.Recovered, iv.to
		pr.find(schemas.Closed, f)
		b.Open = false
	}
}

func (b *bending) sum() (n int) {
	for _, c := range b.Counts {
		n += int(c)
	}
	return n
}

func (b *bending) finding(iv *interval) found {
	start := iv.time(b.Start)
	return found{
		rule: schemas.RuleBending, level: 2, severity: schemas.Moderate, start: start, ms: iv.to - start,
		values: []value{{"bends_in_10_min", float64(b.sum())}},
	}
}
