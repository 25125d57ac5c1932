package hindsight

import (
	"cmp"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// run names one run of a device: its sequence numbers count from the start of it.
type run struct {
	device schemas.ID
	boot   uint32
}

func runOf(r *series.Reading) run { return run{r.Device, r.Boot} }

// order brings readings that come by time, as the store gives them, into the
// order in which live judged them: each run by its sequence numbers, and one run
// after the other. The two orders differ only within window, because live judges
// nothing that lies further behind.
//
// What waits is what lies within window of the newest reading: 240 readings at
// 2 Hz, 12,000 at 100 Hz. It is never dropped for room.
type order struct {
	window  int64 // ms
	waiting []series.Reading
	head    int // of waiting, before it is what was given out
	run     run
	seq     uint64 // of the last one given out
	begun   bool
	out     func(*series.Reading) error
}

// add takes the next reading by time and gives out those whose turn has come.
func (o *order) add(r *series.Reading) error {
	if o.head > 256 && o.head > len(o.waiting)/2 {
		o.waiting = slices.Delete(o.waiting, 0, o.head)
		o.head = 0
	}
	o.waiting = append(o.waiting, *r)
	return o.release(r.Time - o.window)
}

// flush gives out all that waits.
func (o *order) flush() error { return o.release(1<<63 - 1) }

// release gives out what was measured before a time: everything that could come
// before it is there.
func (o *order) release(before int64) error {
	for o.head < len(o.waiting) && o.waiting[o.head].Time < before {
		r := &o.waiting[o.head]
		if o.begun && runOf(r) == o.run && r.Seq == o.seq+1 {
			o.head++
			o.seq = r.Seq
			if err := o.out(r); err != nil {
				return err
			}
			continue
		}
		if err := o.turn(*r); err != nil {
			return err
		}
	}
	return nil
}

// turn gives out the first that waits, which does not simply follow: after those
// that come before it in their run, and after what is left of the run before.
func (o *order) turn(r series.Reading) error {
	until := r.Time + o.window
	if o.begun && runOf(&r) != o.run {
		current := o.run
		left := func(w *series.Reading) bool { return !w.Late && runOf(w) == current && w.Time <= until }
		if r.Late && slices.ContainsFunc(o.waiting[o.head:], func(w series.Reading) bool { return left(&w) }) {
			o.head++ // another run was judged here, and this one must not take it over
			return nil
		}
		if err := o.take(left); err != nil {
			return err
		}
	}
	o.run, o.begun = runOf(&r), true
	return o.take(func(w *series.Reading) bool {
		return runOf(w) == o.run && (w.Seq == r.Seq || w.Seq < r.Seq && w.Time <= until)
	})
}

// take gives out the readings that match, by their sequence numbers.
func (o *order) take(match func(*series.Reading) bool) error {
	var turn []series.Reading
	rest := o.waiting[:o.head]
	for i := o.head; i < len(o.waiting); i++ {
		if w := o.waiting[i]; match(&w) {
			turn = append(turn, w)
		} else {
			rest = append(rest, w)
		}
	}
	o.waiting = rest
	slices.SortFunc(turn, func(a, b series.Reading) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range turn {
		o.seq = turn[i].Seq
		if err := o.out(&turn[i]); err != nil {
			return err
		}
	}
	return nil
}
