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
	// is reached the oldest is forgotten, and only its times tell it is late.
	mostPast = 8
)

// run is one run of a device, from being switched on: it numbers its items.
type run struct {
	device schemas.ID
	boot   uint32
}

// past is a run that another one took over, and its last sequence number.
type past struct {
	run
	seq uint64
}

// order is the sequencer: it gives the items of a wearer to be judged in the
// order of their sequence numbers, each once.
type order struct {
	run
	begun   bool           // there is a run
	first   uint64         // the run's first item judged; nothing before it was
	seq     uint64         // of the last item judged
	newest  int64          // greatest event time judged, ms
	waiting []schemas.Item // behind a hole, by sequence number; nil while there is none
	past    []past         // oldest first
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
	out.Late++
	if e := it.Event; e != nil && e.Type == schemas.EventCalibrate && e.Upright != nil && !w.rules.Signals.has(e.Pose) {
		w.rules.Signals.calibrate(e.Pose, *e.Upright)
	}
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
		if w.waiting[n].Seq != w.seq+1 {
			if !w.overdue(w.waiting[n:]) {
				break
			}
			out.Gaps++
		}
		w.judge(&w.waiting[n], out)
	}
	w.waiting = slices.Delete(w.waiting, 0, n)
	if len(w.waiting) == 0 {
		w.waiting = nil
	}
}

// overdue reports whether the hole before the first of the waiting items is to
// be given up. What is missing was measured before that item, so whatever comes
// Disorder after it proves that the missing one is later than it may be.
func (w *Wearer) overdue(waiting []schemas.Item) bool {
	if len(waiting) >= mostWaiting {
		return true
	}
	until := waiting[0].Time + w.p.Disorder.Milliseconds()
	return slices.ContainsFunc(waiting, func(it schemas.Item) bool { return it.Time >= until })
}

// takeOver decides whether an item of another run begins it. A run that is over
// comes back only when the present one has been silent for Disorder, as when a
// device is handed out again; until then its items are late.
func (w *Wearer) takeOver(next run, it *schemas.Item, out *Output) bool {
	if w.begun {
		ahead := it.Time - w.newest
		if ahead < -w.p.Disorder.Milliseconds() {
			return false
		}
		if i := slices.IndexFunc(w.past, func(p past) bool { return p.run == next }); i >= 0 {
			if ahead < w.p.Disorder.Milliseconds() || it.Seq <= w.past[i].seq {
				return false
			}
			w.past = slices.Delete(w.past, i, i+1)
		}
		w.giveUp(out)
		if len(w.past) == mostPast {
			w.past = slices.Delete(w.past, 0, 1)
		}
		w.past = append(w.past, past{w.run, w.seq})
	}
	w.run, w.begun, w.first, w.seq = next, true, it.Seq, it.Seq-1
	w.rules.Signals, w.measuring = signals{}, nil
	return true
}

// giveUp judges all that waits; each hole before it is a gap.
func (w *Wearer) giveUp(out *Output) {
	for i := range w.waiting {
		if w.waiting[i].Seq != w.seq+1 {
			out.Gaps++
		}
		w.judge(&w.waiting[i], out)
	}
	w.waiting = nil
}
