package sqlite

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func lateMark(first, last uint64) schemas.Late {
	return schemas.Late{Org: org, Wearer: ann, Device: annsDevice, Boot: annsRun, First: first, Last: last, From: benchStart.UnixMilli(), To: benchStart.UnixMilli()}
}

// storedMarks are those of the day that lateMark's are of.
func storedMarks(t *testing.T, s *Store) (marks []lateSpan) {
	t.Helper()
	if err := s.with(t.Context(), fileKey{series.Raw, dayOf(benchStart.UnixMilli())}, func(f *file) (err error) {
		marks, err = query(t.Context(), s, f, (*lateSpan).fields, `SELECT first, last FROM late ORDER BY run, last`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return marks
}

func appendMarks(t testing.TB, s *Store, seq uint64, marks ...schemas.Late) {
	t.Helper()
	if _, err := s.Append(context.Background(), series.Batch{Stream: schemas.StreamRollups, Seq: seq, Late: marks}); err != nil {
		t.Fatal(err)
	}
}

// Marks that overlap or adjoin become one, whichever way they meet.
func TestMarksAreMerged(t *testing.T) {
	const last = schemas.MaxSeq
	for _, c := range []struct {
		name  string
		marks []schemas.Late
		want  []lateSpan
	}{
		{"apart", []schemas.Late{lateMark(20, 30), lateMark(10, 18)}, []lateSpan{{10, 18}, {20, 30}}},
		{"the same", []schemas.Late{lateMark(10, 18), lateMark(10, 18)}, []lateSpan{{10, 18}}},
		{"within", []schemas.Late{lateMark(10, 18), lateMark(10, 12), lateMark(12, 13), lateMark(18, 18)}, []lateSpan{{10, 18}}},
		{"around", []schemas.Late{lateMark(12, 13), lateMark(15, 15), lateMark(10, 18)}, []lateSpan{{10, 18}}},
		{"before", []schemas.Late{lateMark(10, 18), lateMark(5, 9)}, []lateSpan{{5, 18}}},
		{"behind", []schemas.Late{lateMark(10, 18), lateMark(19, 20)}, []lateSpan{{10, 20}}},
		{"overlapping before", []schemas.Late{lateMark(10, 18), lateMark(5, 10)}, []lateSpan{{5, 18}}},
		{"overlapping behind", []schemas.Late{lateMark(10, 18), lateMark(18, 20)}, []lateSpan{{10, 20}}},
		{"between", []schemas.Late{lateMark(1, 3), lateMark(6, 8), lateMark(10, 18), lateMark(4, 5)}, []lateSpan{{1, 8}, {10, 18}}},
		{"over several", []schemas.Late{lateMark(1, 3), lateMark(6, 8), lateMark(10, 12), lateMark(20, 22), lateMark(8, 19)}, []lateSpan{{1, 3}, {6, 22}}},
		{"the ends", []schemas.Late{lateMark(0, 0), lateMark(last, last), lateMark(1, 1)}, []lateSpan{{0, 1}, {last, last}}},
		{"everything", []schemas.Late{lateMark(7, 9), lateMark(0, last), lateMark(3, 3)}, []lateSpan{{0, last}}},
	} {
		s := openTest(t, t.TempDir())
		appendMarks(t, s, 1, c.marks...)
		if got := storedMarks(t, s); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: marks are %v, want %v", c.name, got, c.want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The log of marks comes again and again, cut into other pieces: the table does not grow.
func TestMarksDoNotGrow(t *testing.T) {
	s := closedTest(t, t.TempDir())
	rnd := rand.New(rand.NewPCG(1, 2))
	var seq uint64
	for range 10 {
		var marks []schemas.Late
		for from := uint64(0); from < 1000; { // of each 100, all but the last is late
			to := min(from+rnd.Uint64N(9), from/100*100+98)
			marks = append(marks, lateMark(from, to))
			if from = to + 1; from%100 == 99 {
				from++
			}
		}
		rnd.Shuffle(len(marks), func(i, j int) { marks[i], marks[j] = marks[j], marks[i] })
		seq++
		appendMarks(t, s, seq, marks...)
		if got := storedMarks(t, s); len(got) != 10 || got[9] != (lateSpan{900, 998}) {
			t.Fatalf("marks are %v, want ten", got)
		}
	}
}

// More marks than a query holds at once, and readings of them out of order.
func TestManyMarks(t *testing.T) {
	s := closedTest(t, t.TempDir())
	const n = 4 * marksAtOnce
	w := newWearable(1, benchStart)
	b := w.next(2*n, 4)
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(len(b.Items), func(i, j int) { b.Items[i].Seq, b.Items[j].Seq = b.Items[j].Seq, b.Items[i].Seq })
	var marks []schemas.Late
	for i := range uint64(n) {
		m := lateMark(2*i, 2*i)
		m.Boot, m.Device = b.Boot, b.Device
		marks = append(marks, m)
	}
	appendMarks(t, s, 1, marks...)
	if _, err := s.Append(t.Context(), series.Batch{Stream: schemas.StreamReadings, Seq: 1, Readings: []schemas.Batch{b}}); err != nil {
		t.Fatal(err)
	}
	found := 0
	q := series.Query{Org: org, Wearer: b.Wearer, From: benchStart.AddDate(0, 0, -1), To: benchStart.AddDate(0, 0, 1)}
	if err := s.Readings(t.Context(), q, func(r series.Reading) error {
		if found++; r.Late != (r.Seq%2 == 0) {
			t.Errorf("reading %d is late: %v", r.Seq, r.Late)
		}
		return nil
	}); err != nil || found != 2*n {
		t.Errorf("%d readings, %v, want %d", found, err, 2*n)
	}
}
