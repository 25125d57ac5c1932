package sqlite

import (
	"context"
	"fmt"
	"math"
	"sort"

	"sitwell/schemas"
)

// lateSpan is a stretch of sequence numbers of a run, both ends included.
type lateSpan struct{ first, last uint64 }

// storeLate adds a mark to those of its run and makes one of all that it
// overlaps or adjoins: marks that come again change nothing.
func (a *appending) storeLate(ctx context.Context, l *schemas.Late) error {
	switch {
	case l.Wearer.IsZero():
		return fmt.Errorf("wearer of %q: %w", l.Org, errNoName)
	case l.First > l.Last || l.Last > schemas.MaxSeq:
		return fmt.Errorf("sequence %d to %d of %s/%s: out of range", l.First, l.Last, l.Org, l.Device)
	}
	run, err := a.run(ctx, runName{l.Org, l.Device, l.Boot})
	if err != nil {
		return err
	}
	mark := lateSpan{l.First, l.Last}
	touched, err := a.touched(ctx, run, mark)
	if err != nil {
		return err
	}
	if n := len(touched); n > 0 {
		first, last := touched[0], touched[n-1]
		if n == 1 && first.first <= mark.first && mark.last <= first.last {
			return nil
		}
		if err := a.exec(ctx, sqlDropLate, run, int64(first.last), int64(last.last)); err != nil { //nolint:gosec // at most schemas.MaxSeq
			return err
		}
		mark = lateSpan{min(mark.first, first.first), max(mark.last, last.last)}
	}
	return a.exec(ctx, sqlAddLate, run, int64(mark.first), int64(mark.last)) //nolint:gosec // at most schemas.MaxSeq
}

func (a *appending) touched(ctx context.Context, run int64, mark lateSpan) ([]lateSpan, error) {
	rows, err := a.stmt(ctx, sqlTouched).QueryContext(ctx, run, int64(mark.first), int64(mark.last)) //nolint:gosec // at most schemas.MaxSeq
	return collect(rows, err, func(v *lateSpan) []any { return []any{&v.first, &v.last} })
}

// marksAtOnce is how many marks of a run a query holds in memory.
const marksAtOnce = 256

const sqlLate = `SELECT first, last FROM late WHERE run = ?1 AND last >= ?2 ORDER BY last LIMIT ?3`

// window is what is known of a run's marks: all that lie in from to to.
type window struct {
	run      uint64
	from, to uint64
	marks    []lateSpan
}

// lateMarks reads the marks of runs as they are met.
type lateMarks struct {
	store   *Store
	windows map[uint64]*window
}

// of is what is known of a run's marks, at first nothing.
func (l *lateMarks) of(run uint64) *window {
	w, ok := l.windows[run]
	if !ok {
		w = &window{run: run, from: 1}
		l.windows[run] = w
	}
	return w
}

// covers reports whether a sequence number is marked. It reads on where it has to.
func (l *lateMarks) covers(ctx context.Context, w *window, seq uint64) (bool, error) {
	if seq < w.from || seq > w.to {
		if err := l.read(ctx, w, seq); err != nil {
			return false, fmt.Errorf("read late marks of run %d: %w", w.run, err)
		}
	}
	if len(w.marks) == 0 {
		return false, nil
	}
	i := sort.Search(len(w.marks), func(i int) bool { return w.marks[i].last >= seq })
	return i < len(w.marks) && w.marks[i].first <= seq, nil
}

func (l *lateMarks) read(ctx context.Context, w *window, from uint64) error {
	rows, err := l.store.read.QueryContext(ctx, sqlLate, int64(w.run), int64(from), marksAtOnce) //nolint:gosec // a row's number; at most schemas.MaxSeq
	if w.marks, err = collect(rows, err, func(v *lateSpan) []any { return []any{&v.first, &v.last} }); err != nil {
		return err
	}
	w.from, w.to = from, math.MaxUint64
	if len(w.marks) == marksAtOnce {
		w.to = w.marks[marksAtOnce-1].last
	}
	return nil
}
