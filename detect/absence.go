package detect

import "sitwell/schemas"

// longest is for how long anything is kept without an end, in ms: 20 days. The
// state tells times by 32 bits of milliseconds, which reach 24 days either way. [D]
const longest = 20 * dayMS

const dayMS = 24 * 3_600_000

// absence ends what is under way, as unknown, before an item at an event time:
// if nothing was read of the wearer for so long, or if something has been under
// way for so long, as the bout of a device that lies on a chair.
func (w *Wearer) absence(seq uint64, at int64, out *Output) {
	last := w.rules.Last
	if last.At == 0 || last.At/dayMS == at/dayMS {
		return
	}
	iv := interval{
		from: last.At, to: at, ms: at - last.At, before: last, after: last,
		posture: lost, seat: lost, pose: lost, postureSince: last.At, seatSince: last.At, poseSince: last.At,
	}
	b := &w.rules.Bout
	b.Ended = b.Ended && at-iv.time(b.Start) <= w.plan.bridgeMax
	away := iv.ms > longest
	if !away && !w.overlong(&iv) {
		return
	}
	pr := proof{w: w, seq: seq, iv: &iv, out: out}
	w.endAll(&pr)
	if away {
		pr.silence()
		w.rules, w.measuring, w.askFrom = rules{}, nil, 0
	} else {
		w.rules = rules{Last: last, Signals: w.rules.Signals, Bout: w.rules.Bout} // the bout knows when it ended
	}
	w.recast = true // nothing of before is needed any more
}

// overlong reports whether something that is under way began too long ago.
func (w *Wearer) overlong(iv *interval) bool {
	r := &w.rules
	for _, open := range []struct {
		is   bool
		from stamp
	}{
		{r.Slouch.Dwell > 0, r.Slouch.Start},
		{r.Load.Level > 0, r.Load.Start},
		{r.Hold.H > 0, r.Hold.Start},
		{r.Bout.On, r.Bout.Start},
		{r.Still.Len > 0, r.Still.Start},
		{r.Lean.Side != 0, r.Lean.Start},
		{r.Bending.Open, r.Bending.Start},
		{r.Hydration.Start != 0, r.Hydration.Start},
		{r.Battery.Start != 0, r.Battery.Start},
		{r.Ask.Start != 0, r.Ask.Start},
	} {
		if open.is && iv.to-iv.time(open.from) > longest {
			return true
		}
	}
	return false
}

// endAll ends every episode at the beginning of the proof's interval.
func (w *Wearer) endAll(pr *proof) {
	r, iv := &w.rules, pr.iv
	unknown := func(open bool, f found) {
		if open {
			f.outcome, f.end = schemas.Unknown, max(iv.from, f.start) // an event may have opened it since
			f.ms = f.end - f.start
			pr.find(schemas.Closed, f)
		}
	}
	r.Slouch.end(schemas.Unknown, iv.from, pr)
	unknown(r.Load.Level > 0, r.Load.finding(iv))
	unknown(r.Hold.Open, r.Hold.finding(iv))
	r.Bout.end(schemas.Unknown, iv.from, pr)
	r.Still.end(schemas.Unknown, iv.from, pr)
	r.Lean.end(schemas.Unknown, iv.from, pr)
	unknown(r.Bending.Open, r.Bending.finding(iv))
	unknown(r.Hydration.Start != 0, r.Hydration.finding(iv))
	unknown(r.Battery.Start != 0, r.Battery.finding(pr))
	unknown(r.Ask.Start != 0, r.Ask.finding(pr))
}
