package sim

import (
	"context"
	"slices"
	"time"

	"sitwell/schemas"
)

// The script's times, relative to L, the moment of going live. A slouch is
// nudged after 2 minutes and a bout prompted after 30, so that the leaner is
// nudged about L+15 s and the sitter prompted about L+30 s, whatever the time of day.
const (
	leanFrom   = -105 * time.Second
	leanDeg    = 24.0
	boutFrom   = -30*time.Minute + 30*time.Second
	riseBout   = -95*time.Second - 24*time.Minute
	riseFrom   = -95 * time.Second
	riseUntil  = 55 * time.Second // two minutes on the feet are complete at L+25 s
	returnsAt  = 40 * time.Second
	offlineFor = 40 * time.Minute
	// quiet is how long before and after L nobody else gets up, sits for 30
	// minutes or leans for 2.
	quietBefore, quietAfter = 5 * time.Minute, 75 * time.Second

	straightenAfter = 5 * time.Second  // the leaner, from the nudge's arrival
	getUpAfter      = 20 * time.Second // the sitter

	// The rewearer takes the device off after the others have played their parts.
	offFrom, offUntil = 150 * time.Second, 175 * time.Second
)

// Script names who plays which part.
type Script struct{ Leaner, Sitter, Riser, Offliner, Rewearer *Wearer }

// Script is the cast of the live part.
func (o *Office) Script() Script {
	rewearer := slices.IndexFunc(o.Wearers, func(w *Wearer) bool { return w.kit.rewear })
	return Script{
		Leaner: o.first(Leaner), Sitter: o.first(LongSitter), Riser: o.first(Steady), Offliner: o.first(Offline),
		Rewearer: o.Wearers[rewearer],
	}
}

func (o *Office) first(h Habit) *Wearer {
	i := slices.IndexFunc(o.Wearers, func(w *Wearer) bool { return w.Habit == h })
	return o.Wearers[i] // the mix deals out every habit
}

// Tail makes the readings from Bulk to live, the moment of going live, and
// writes the script of what follows. live lies at least as late as the now of
// NewOffice. The one whose device is offline keeps the last 40 minutes back.
func (o *Office) Tail(ctx context.Context, live time.Time, emit Emit) error {
	o.direct(live)
	items := make([]schemas.Item, 0, MaxChunk)
	for _, w := range o.Wearers {
		to := live
		if w.Offline(live) {
			to = time.UnixMilli(w.outage.from)
		}
		if err := w.emitUntil(ctx, to, items, emit); err != nil {
			return err
		}
	}
	return nil
}

// Offline reports whether the wearer's device has no connection at t.
func (w *Wearer) Offline(t time.Time) bool {
	ms := t.UnixMilli()
	return w.outage.from <= ms && ms < w.outage.to
}

// direct writes everybody's plan around the moment of going live.
func (o *Office) direct(live time.Time) {
	at := func(d time.Duration) int64 { return live.Add(d).UnixMilli() }
	c := o.Script()
	c.Leaner.sitFrom(at(-18*time.Minute), at(12*time.Minute))
	c.Leaner.sits(at(leanFrom))
	c.Leaner.add(phase{what: sit, until: at(10 * time.Minute), flexion: leanDeg})
	c.Leaner.fixed = reaction{schemas.RuleSlouch, straightenAfter}

	c.Sitter.sitFrom(at(boutFrom), at(20*time.Minute))
	c.Sitter.sits(at(20 * time.Minute))
	c.Sitter.fixed = reaction{schemas.RuleSitting, getUpAfter}

	c.Riser.sitFrom(at(riseBout), at(riseFrom))
	c.Riser.sits(at(riseFrom))
	c.Riser.add(phase{what: walk, until: at(riseUntil), flexion: 3})

	c.Offliner.begin(at(6 * time.Minute))
	c.Offliner.sits(at(-30 * time.Minute))
	c.Offliner.add(phase{what: sit, until: at(-25 * time.Minute), flexion: leanDeg})
	c.Offliner.sits(at(-17 * time.Minute))
	c.Offliner.add(phase{what: walk, until: at(-14 * time.Minute), flexion: 3})
	c.Offliner.sits(at(4 * time.Minute))
	c.Offliner.outage = outage{at(returnsAt - offlineFor), at(returnsAt)}

	leaners, sitters := 0, 0
	for _, w := range o.Wearers {
		w.stay = true
		switch {
		case w == c.Leaner, w == c.Sitter, w == c.Riser, w == c.Offliner:
		case w.Habit == LongSitter:
			w.longSitter(at(o.prompted(sitters)), at(quietAfter))
			sitters++
		default:
			w.extra(at, at(o.leans(leaners)))
			if w.Habit == Leaner {
				leaners++
			}
		}
	}
}

// prompted is when the nth long sitter has sat for 30 minutes: one after the other.
func (o *Office) prompted(nth int) time.Duration {
	if o.Rush {
		return 8*time.Second + time.Duration(nth)*3*time.Second
	}
	return 78*time.Second + time.Duration(nth)*2*time.Minute
}

// leans is when the nth leaner begins to lean, 2 minutes before a nudge.
func (o *Office) leans(nth int) time.Duration {
	if o.Rush {
		return -115*time.Second + time.Duration(nth)*2500*time.Millisecond
	}
	return -30*time.Second + time.Duration(nth)*50*time.Second
}

// longSitter has sat for 30 minutes when prompted, and sits well until quiet.
func (w *Wearer) longSitter(prompted, quiet int64) {
	from := prompted - 30*minuteMS
	w.sitFrom(from, from+max(w.minutes(w.traits.bout), 34*minuteMS))
	w.sits(quiet)
}

// extra has been on the feet in the last 20 minutes and sits upright around L.
// A leaner leans from an event time on.
func (w *Wearer) extra(at func(time.Duration) int64, lean int64) {
	from := -quietBefore - time.Duration(w.minutes(span{1, 15}))*time.Millisecond
	end := max(at(from)+w.minutes(w.traits.bout), at(quietAfter)+w.minutes(span{0, 5}))
	w.sitFrom(at(from), end)
	if w.kit.rewear {
		w.sits(at(offFrom))
		w.add(phase{what: away, until: at(offUntil)})
		return
	}
	if w.Habit != Leaner {
		w.sits(at(quietAfter))
		return
	}
	w.boutEnd = max(w.boutEnd, lean+6*minuteMS)
	w.sits(lean)
	w.add(phase{what: sit, until: lean + w.minutes(span{3, 5}), flexion: w.traits.lean.draw(w.rng)})
}

// sitFrom plans a break that ends at start and a bout from then until end. Up
// to the break the wearer sits well, on a strap that is in order.
func (w *Wearer) sitFrom(start, end int64) {
	w.begin(end)
	if w.strap.due != 0 {
		w.add(w.calibration(w.clock)...)
	}
	w.sits(start - seconds(w.rng, span{150, 200}))
	w.add(phase{what: walk, until: start, flexion: span{1, 5}.draw(w.rng)})
	w.boutEnd = end
}

// sits plans sitting well, as the plan goes on, until an event time.
func (w *Wearer) sits(until int64) {
	from := w.clock
	if n := len(w.plan); n > 0 {
		from = w.plan[n-1].until
	}
	w.add(w.sitting(from, until)...)
}

// begin starts a plan in place of what the wearer is doing; the sitting bout at
// its end lasts until boutEnd.
func (w *Wearer) begin(boutEnd int64) {
	w.plan = w.plan[:0]
	w.now.until = min(w.now.until, w.clock+1)
	w.boutEnd = boutEnd
}

func (w *Wearer) add(p ...phase) { w.plan = append(w.plan, p...) }
