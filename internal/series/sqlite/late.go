package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Spans are in the order of their last as of their first: they lie apart.
const (
	// sqlTouched are those that overlap or adjoin a span from ?2 to ?3: those that end
	// in it, and perhaps the next one.
	sqlTouched = `SELECT first, last FROM late WHERE run = ?1 AND last >= ?2 - 1 AND first <= ?3 + 1
		AND last <= ifnull((SELECT min(last) FROM late WHERE run = ?1 AND last > ?3), ?3) ORDER BY last`
	sqlDropLate = `DELETE FROM late WHERE run = ?1 AND last BETWEEN ?2 AND ?3`
	sqlAddLate  = `INSERT INTO late (run, first, last) VALUES (?1, ?2, ?3)`
	sqlLate     = `SELECT first, last FROM late WHERE run = ?1 AND last >= ?2 ORDER BY last LIMIT ?3`
)

// maxMarkDays is of how many days a mark is put into each. A longer one, which no message
// should make, is put into the files that there are, and into its ends.
const maxMarkDays = 62

// lateSpan is a stretch of sequence numbers of a run, both ends included.
type lateSpan struct{ first, last uint64 }

func (v *lateSpan) fields() []any { return []any{&v.first, &v.last} }

func checkMark(l *schemas.Late) error {
	switch {
	case l.Org.IsZero(), l.Wearer.IsZero(), l.Device.IsZero():
		return fmt.Errorf("device %q of wearer %q of %q: %w", l.Device, l.Wearer, l.Org, errNoName)
	case l.First > l.Last || l.Last > schemas.MaxSeq:
		return fmt.Errorf("sequence %d to %d of %s/%s: out of range", l.First, l.Last, l.Org, l.Device)
	}
	return nil
}

// markDays are the days that a mark's readings may be stored in.
func (s *Store) markDays(l *schemas.Late) ([]int64, error) {
	slack := series.Repeats.Milliseconds()
	first, last := dayOf(min(l.From, l.To)-slack), dayOf(max(l.From, l.To)+slack)
	if last-first >= maxMarkDays {
		days, err := s.days(series.Raw, first, last)
		days = append(days, first, last)
		slices.Sort(days)
		return slices.Compact(days), err
	}
	days := make([]int64, 0, last-first+1)
	for day := first; day <= last; day++ {
		days = append(days, day)
	}
	return days, nil
}

// storeLate adds a mark to those of its run and makes one of all that it
// overlaps or adjoins: marks that come again change nothing.
func (tx *fileTx) storeLate(ctx context.Context, l *schemas.Late) error {
	wearer, err := tx.wearer(ctx, l.Org, l.Wearer)
	if err != nil {
		return err
	}
	run, err := tx.runOf(ctx, runName{l.Org, l.Device, l.Boot}, wearer)
	if err != nil {
		return err
	}
	return tx.storeMark(ctx, run, lateSpan{l.First, l.Last})
}

func (tx *fileTx) storeMark(ctx context.Context, run int64, mark lateSpan) error {
	touched, err := tx.touched(ctx, run, mark)
	if err != nil {
		return err
	}
	if n := len(touched); n > 0 {
		first, last := touched[0], touched[n-1]
		if n == 1 && first.first <= mark.first && mark.last <= first.last {
			return nil
		}
		if err := tx.exec(ctx, sqlDropLate, run, int64(first.last), int64(last.last)); err != nil { //nolint:gosec // at most schemas.MaxSeq
			return err
		}
		mark = lateSpan{min(mark.first, first.first), max(mark.last, last.last)}
	}
	return tx.exec(ctx, sqlAddLate, run, int64(mark.first), int64(mark.last)) //nolint:gosec // at most schemas.MaxSeq
}

func (tx *fileTx) touched(ctx context.Context, run int64, mark lateSpan) ([]lateSpan, error) {
	stmt, err := tx.stmt(ctx, sqlTouched)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, run, int64(mark.first), int64(mark.last)) //nolint:gosec // at most schemas.MaxSeq
	return collect(rows, err, (*lateSpan).fields)
}

// marksAtOnce is how many marks of a run a query holds in memory.
const marksAtOnce = 256

// window is what is known of a run's marks: all that lie in from to to.
type window struct {
	run      uint64
	from, to uint64
	marks    []lateSpan
}

// lateMarks reads the marks of a file's runs as they are met.
type lateMarks struct {
	store   *Store
	file    *file
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

func (l *lateMarks) read(ctx context.Context, w *window, from uint64) (err error) {
	w.marks, err = query(ctx, l.store, l.file, (*lateSpan).fields, sqlLate, int64(w.run), int64(from), marksAtOnce) //nolint:gosec // a row's number; at most schemas.MaxSeq
	if err != nil {
		return err
	}
	w.from, w.to = from, math.MaxUint64
	if len(w.marks) == marksAtOnce {
		w.to = w.marks[marksAtOnce-1].last
	}
	return nil
}
