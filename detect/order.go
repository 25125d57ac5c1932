package detect

import (
	"cmp"
	"slices"

	"sitwell/schemas"
)

// Bounds of the order. [D]
const (
	// mostWaiting bounds the items that wait behind holes, 1024 of about 90
	// bytes; when it is reached the first hole is given up at once.
	mostWaiting = 1024
	// mostPast bounds the runs of devices that are remembered as over; when it
	// is reached the oldest is forgotten, and what of it comes again is late, not a
	// duplicate. A device that is switched on anew each hour gets there in days, and
	// the log keeps three.
	mostPast = 64
	// lossy is for how many sequence numbers behind a hole that was given up and not
	// filled since a device counts as one that loses readings: ten minutes at 2 Hz.
	lossy = 1200
	// askAfter is how long a new run may be without a zero, where the one before had
	// one, before the wearer is asked for it: a guided calibration takes 10 s. In ms.
	askAfter = 60_000
	// mostHoles bounds the given-up holes that are remembered; when it is reached
	// the oldest is forgotten, and what fills it counts as a duplicate.
	mostHoles = 64
)

// run is one run of a device, from being switched on: it numbers its items.
type run struct {
	device schemas.ID
	boot   uint32
}

// past is a run that another one took over: what of it was judged.
type past struct {
	run
	first, seq uint64
	holes      []hole
}

// order is the sequencer: it gives the items of a wearer to be judged in the
// order of their sequence numbers, each once.
type order struct {
	run
	begun   bool           // there is a run
	first   uint64         // the run's first item judged; nothing before it was
	seq     uint64         // of the last item judged
	newest  int64          // greatest event time judged, ms
	askFrom int64          // event time from which a zero that the run lacks is asked for, ms; 0 never
	waiting []schemas.Item // behind a hole, by sequence number; nil while there is none
	holes   []hole         // of the run that were given up, oldest first
	past    []past         // oldest first
}

// hole is a stretch of sequence numbers that were given up.
type hole struct {
	First uint64 `cbor:"1,keyasint"`
	Last  uint64 `cbor:"2,keyasint"`
}

// place judges an item at once if it is the next of the present run, and else
// drops it or lets it wait.
func (w *Wearer) place(it *schemas.Item, out *Output) {
	switch {
	case it.Seq == w.seq+1:
		w.judge(it, out)
		if len(w.waiting) > 0 {
			w.drain(out)
		}
	case it.Seq < w.first:
		w.catchUp(it, out)
	case it.Seq <= w.seq && w.fills(it.Seq):
		out.late(w, w.run, it)
	case it.Seq <= w.seq:
		out.Duplicates++
	default:
		w.wait(it, out)
	}
}

// catchUp takes an item from before the first one judged of its run, as when the
// broker delivers what was under way at a crash behind what was not. It is too
// late to judge it, but an upright pose that was measured counts from now on:
// without it the wearer would not be judged for the whole wear.
func (w *Wearer) catchUp(it *schemas.Item, out *Output) {
	out.late(w, w.run, it)
	if e := it.Event; e != nil && e.Type == schemas.EventCalibrate && e.Upright != nil && !w.rules.Signals.has(e.Pose) {
		w.hear(e, w.moment(w.seq, w.newest, out))
		w.recast = true // from before it nothing could be proven: the event is marked as late
	}
}

// judged reports whether a sequence number of the run was judged; it takes it off
// the holes, so that it is not said to be missing again.
func (p *past) judged(seq uint64) bool {
	var missing bool
	p.holes, missing = fill(p.holes, seq)
	return seq >= p.first && seq <= p.seq && !missing
}

// fills reports whether a sequence number is missing in a hole that was given up,
// and takes it off.
func (w *Wearer) fills(seq uint64) (missing bool) {
	w.holes, missing = fill(w.holes, seq)
	return missing
}

func fill(holes []hole, seq uint64) (left []hole, missing bool) {
	for i, h := range holes {
		if seq < h.First || seq > h.Last {
			continue
		}
		rest := []hole{{h.First, seq - 1}, {seq + 1, h.Last}}
		rest = slices.DeleteFunc(rest, func(h hole) bool { return h.First > h.Last })
		return bounded(slices.Replace(holes, i, i+1, rest...)), true
	}
	return holes, false
}

// bounded forgets the oldest holes beyond what is kept.
func bounded(holes []hole) []hole {
	return slices.Delete(holes, 0, max(0, len(holes)-mostHoles))
}

// giveUp judges the first of the waiting items and, if a hole is before it, gives
// that up.
func (w *Wearer) giveUp(it *schemas.Item, out *Output) {
	if it.Seq != w.seq+1 {
		out.Gaps++
		w.holes = bounded(append(w.holes, hole{w.seq + 1, it.Seq - 1}))
	}
	w.judge(it, out)
}

// wait keeps a copy of an item behind a hole.
func (w *Wearer) wait(it *schemas.Item, out *Output) {
	i, found := slices.BinarySearchFunc(w.waiting, it.Seq, func(it schemas.Item, seq uint64) int {
		return cmp.Compare(it.Seq, seq)
	})
	if found {
		out.Duplicates++
		return
	}
	kept := *it
	if it.Event != nil {
		event := *it.Event
		kept.Event = &event
	}
	w.waiting = slices.Insert(w.waiting, i, kept)
	w.drain(out)
}

// drain judges what waits no longer: what follows the last item judged, and
// what is behind a hole that is given up because an item more than Disorder
// past the hole has come, or because too many wait.
func (w *Wearer) drain(out *Output) {
	n := 0
	for ; n < len(w.waiting); n++ {
		if w.waiting[n].Seq != w.seq+1 && !w.overdue(w.waiting[n:]) {
			break
		}
		w.giveUp(&w.waiting[n], out)
	}
	w.waiting = slices.Delete(w.waiting, 0, n)
	if len(w.waiting) == 0 {
		w.waiting = nil
	}
}

// overdue reports whether the hole before the first of the waiting items is to
// be given up. What is missing was measured before that item, so whatever comes
// Disorder after it proves that the missing one is later than it may be. A device
// that has lost readings just now is not waited for as long: with a hole in every
// few seconds each finding would be Disorder old, too old to nudge.
func (w *Wearer) overdue(waiting []schemas.Item) bool {
	if len(waiting) >= mostWaiting {
		return true
	}
	until := waiting[0].Time + w.plan.disorder
	if n := len(w.holes); n > 0 && waiting[0].Seq-w.holes[n-1].Last <= lossy {
		until = waiting[0].Time + w.plan.patience
	}
	return slices.ContainsFunc(waiting, func(it schemas.Item) bool { return it.Time >= until })
}

// takeOver decides whether an item of another run begins it. A run that is over
// comes back only when the present one has been silent for Disorder, as when a
// device is handed out again; until then its items are late.
func (w *Wearer) takeOver(next run, it *schemas.Item, out *Output) bool {
	if !w.begun {
		w.begin(next, it, out)
		return true
	}
	i := slices.IndexFunc(w.past, func(p past) bool { return p.run == next })
	if i >= 0 && w.past[i].judged(it.Seq) {
		out.Duplicates++
		return false
	}
	newest := w.newest
	for j := range w.waiting { // it would be judged before
		newest = max(newest, w.waiting[j].Time)
	}
	ahead := it.Time - newest
	if i >= 0 && it.Seq <= w.past[i].seq || ahead < -w.plan.disorder || i >= 0 && ahead < w.plan.disorder {
		out.late(w, next, it)
		return false
	}
	w.begin(next, it, out)
	return true
}

// begin makes next the present run, once what waits of the one before is judged.
func (w *Wearer) begin(next run, it *schemas.Item, out *Output) {
	if w.begun {
		for i := range w.waiting {
			w.giveUp(&w.waiting[i], out)
		}
		w.past = append(w.past, past{w.run, w.first, w.seq, w.holes})
	}
	was := w.device
	w.run, w.begun, w.first, w.seq = next, true, it.Seq, it.Seq-1
	w.waiting, w.holes, w.measuring = nil, nil, nil
	if i := slices.IndexFunc(w.past, func(p past) bool { return p.run == next }); i >= 0 {
		p := w.past[i] // it is back
		w.first, w.holes = p.first, p.holes
		if it.Seq > p.seq+1 {
			w.holes = bounded(append(w.holes, hole{p.seq + 1, it.Seq - 1}))
		}
		w.past = slices.Delete(w.past, i, i+1)
	}
	w.past = slices.Delete(w.past, 0, max(0, len(w.past)-mostPast))
	at := max(it.Time, w.newest)
	w.absence(it.Seq, at, out)
	w.askFrom = 0
	if s := &w.rules; s.Signals.calibrated() || s.Ask.Start != 0 {
		w.askFrom = at + askAfter
	}
	w.rules.Signals = signals{}
	w.renew(was != next.device, w.moment(it.Seq, at, out))
}

// renew ends what was about the run before, or about its device.
func (w *Wearer) renew(otherDevice bool, pr *proof) {
	w.rules.Ask.close(schemas.Unknown, pr)
	w.rules.Ask.Crept = [2]uint8{}
	if otherDevice {
		w.rules.Battery.leave(pr)
	}
}
