package detect

import (
	"sitwell/schemas"
)

// Wearer is the state of one wearer. It belongs to one goroutine at a time.
type Wearer struct {
	org, wearer schemas.ID
	timeline    *Timeline
	plan        *plan // in force at the last item judged
	order
	rules     rules
	minute    minute
	measuring *calibration // an upright pose that is being measured, or nil
	anchor    anchor
	recast    bool // the anchor is to be noted anew at the next item
}

// rules is what is kept between two readings for judging: at most 256 bytes.
type rules struct {
	Last      sample // of the last reading judged
	Signals   signals
	Slouch    slouch
	Load      load
	Hold      hold
	Bout      bout
	Still     still
	Lean      lean
	Bending   bending
	Hydration hydration
	Battery   battery
	Ask       ask
}

// NewWearer is a wearer of whom nothing is known yet.
func NewWearer(org, wearer schemas.ID, t *Timeline) *Wearer {
	return &Wearer{org: org, wearer: wearer, timeline: t, plan: &t.plans[0]}
}

// Follow judges by another timeline from now on. What the timelines have in
// common up to the last reading judged changes nothing.
func (w *Wearer) Follow(t *Timeline) {
	w.timeline, w.plan = t, t.plan(w.newest)
}

// Take judges a batch of this wearer, all of one device, and appends the
// results to out. Batches must come in the order of the log, so that everybody
// who judges it finds the same.
func (w *Wearer) Take(b *schemas.Batch, out *Output) {
	from := run{b.Device, b.Boot}
	for i := range b.Items {
		it := &b.Items[i]
		if (!w.begun || from != w.run) && !w.takeOver(from, it, out) {
			continue
		}
		w.place(it, out)
	}
}

// Retrace judges items that are known to have been judged in this order, all of
// one device: no duplicates, none that was late, and holes among them were given up.
func (w *Wearer) Retrace(b *schemas.Batch, out *Output) {
	from := run{b.Device, b.Boot}
	for i := range b.Items {
		it := &b.Items[i]
		if !w.begun || from != w.run {
			w.begin(from, it, out)
		}
		w.judge(it, out)
	}
}

// OpenMinute is the rollup of the minute that is still open, as it stands; a
// later rollup of the same minute replaces it. It is false if there is nothing
// new since the last rollup.
func (w *Wearer) OpenMinute() (schemas.Rollup, bool) {
	if !w.minute.Fresh || w.minute.empty() {
		return schemas.Rollup{}, false
	}
	w.minute.Fresh = false
	return w.minute.rollup(w), true
}

// judge takes an item whose turn it is.
func (w *Wearer) judge(it *schemas.Item, out *Output) {
	w.seq = it.Seq
	if it.Time < w.newest-w.plan.disorder {
		out.late(w, w.run, it)
		return
	}
	out.Judged++
	before := w.newest
	if it.Event != nil && it.Time < w.newest {
		w.newest++ // while a clock that was set back catches up, two events would make two episodes of one name
	}
	w.newest = max(w.newest, it.Time)
	at := w.newest // event time never goes back, between readings and events neither
	w.absence(it.Seq, at, out)
	if at >= w.plan.until || at < w.plan.from {
		w.plan = w.timeline.plan(at)
	}
	if w.anchor.state == nil || w.recast {
		w.anchor.cast(w, it.Seq, it.Time, before)
		w.recast = false
	}
	if it.Event != nil {
		w.hear(it.Event, w.moment(it.Seq, at, out))
		return
	}
	w.read(&it.Reading, at, out)
}

// moment is the proof of what an event tells.
func (w *Wearer) moment(seq uint64, at int64, out *Output) *proof {
	last := w.rules.Last
	return &proof{w: w, seq: seq, out: out, iv: &interval{from: at, to: at, held: true, before: last, after: last}}
}

// read judges a reading: the interval that it ends goes to the minute and to
// each rule.
func (w *Wearer) read(r *schemas.Reading, at int64, out *Output) {
	s := &w.rules
	iv := interval{from: s.Last.At, to: at, before: s.Last, counted: int64(r.SittingS) * 1000}
	if iv.from == 0 {
		iv.from = at
	}
	iv.ms = iv.to - iv.from
	iv.held = iv.ms <= w.plan.hold
	pr := proof{w: w, seq: r.Seq, iv: &iv, out: out}

	w.minute.Window.close(at, &pr)
	calm := iv.from/minuteMS != at/minuteMS && w.calm()
	if calm {
		out.spare.cast(w, r.Seq, r.Time, w.newest)
	}
	if w.measuring != nil {
		w.measure(r, &pr)
	}
	iv.first = !s.Signals.Is.has(begun)
	iv.after = s.Signals.read(r, at, iv.ms, &pr)
	w.step(&iv, &pr)
	if r.Fields.Has(schemas.HasBattery) {
		s.Battery.step(r.Battery, &pr)
	}
	s.Last = iv.after
	w.minute.note(s)
	if calm && w.calm() { // nor has anything begun with the reading before this one
		w.anchor.place, w.anchor.state = out.spare.place, append(w.anchor.state[:0], out.spare.state...)
	}
	if out.Trace {
		out.Postures = append(out.Postures, w.posture(r))
	}
}

// step lets the minute and the rules step over an interval, in an order of which
// some know: first what may distrust the zero of the reading at its end, then the
// slouch before what raises it and what keeps silent beside it,
// the bout before what asks it about time off the seat.
func (w *Wearer) step(iv *interval, pr *proof) {
	s, b, limit := &w.rules, &iv.before, w.plan.gapEnds
	iv.posture, iv.postureSince = s.Slouch.Blind.step(iv, b.tellsPosture(), limit)
	iv.seat, iv.seatSince = s.Bout.Blind.step(iv, b.tellsSitting(), limit)
	iv.pose, iv.poseSince = s.Still.Blind.step(iv, b.tellsSitting() && b.Is.has(fitted), limit)
	s.Signals.quiet(iv)
	s.Signals.rewear(iv, pr)
	s.Signals.Walk.step(iv, pr)
	w.miss(iv, pr)

	w.minute.step(iv, pr)
	w.minute.Window.add(&iv.after)
	s.Slouch.step(iv, pr)
	s.Load.step(iv, pr)
	s.Hold.step(iv, pr)
	s.Slouch.raise(iv, pr)
	s.Bout.step(iv, pr)
	s.Still.step(iv, pr)
	s.Lean.step(iv, pr)
	s.Bending.step(iv, pr)
	s.Hydration.step(iv, pr)
	pr.silence()

	a := &iv.after
	if a.tellsPosture() {
		s.Slouch.Blind = 0
	}
	if a.tellsSitting() {
		s.Bout.Blind = 0
	}
	if a.tellsSitting() && a.Is.has(fitted) {
		s.Still.Blind = 0
	}
}
