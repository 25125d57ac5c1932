package notify

import (
	"cmp"
	"slices"
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// maxWaits bounds the nudges that wait at once, each for less than Stale. One
// more is held by the stage that would let it wait; one that waits for another
// notifier's send is ambiguous at once.
const maxWaits = 4096

// waiting is a nudge that is held now and tried again.
type waiting struct {
	due     time.Time
	finding schemas.Finding
	msg     bus.Msg // the finding's
}

// waits are the nudges that are tried again, in the order of their turns. One
// goroutine owns them. They are not kept on disk: the place in the log is saved
// only up to before them, so that the next run reads their findings again.
type waits struct{ list []waiting }

// add puts a nudge in the list; false says that the list is full.
func (w *waits) add(x waiting) bool {
	if len(w.list) >= maxWaits {
		return false
	}
	at, _ := slices.BinarySearchFunc(w.list, x, turn)
	w.list = slices.Insert(w.list, at, x)
	return true
}

// turn orders what waits. The nudges of one wearer that wait for the end of the
// same spacing are due together: the most urgent is first, and spaced then holds
// the others.
func turn(a, b waiting) int {
	return cmp.Or(
		a.due.Compare(b.due),
		cmp.Compare(b.finding.Level, a.finding.Level),
		cmp.Compare(b.finding.Severity, a.finding.Severity),
		cmp.Compare(a.msg.Seq, b.msg.Seq),
	)
}

// due is ready when the first is due; nil, never, where none waits.
func (w *waits) due() <-chan time.Time {
	if len(w.list) == 0 {
		return nil
	}
	return time.After(time.Until(w.list[0].due))
}

// take takes the first out of the list, which must not be empty.
func (w *waits) take() waiting {
	first := w.list[0]
	w.list = slices.Delete(w.list, 0, 1)
	return first
}

// before is the sequence up to which all is done when the log was followed up to
// last: before the first message that waits.
func (w *waits) before(last uint64) uint64 {
	for _, x := range w.list {
		last = min(last, x.msg.Seq-1)
	}
	return last
}
