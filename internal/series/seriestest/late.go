package seriestest

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// lateReadings: a mark counts for the readings and events that it covers, those that
// are stored and those that come later, of its own run and nobody else's.
func lateReadings(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	all := between(annOf, 0, 3600)
	button := schemas.Item{Reading: reading(5, 50).Reading, Event: &schemas.Event{Type: schemas.EventButton}}
	button.Reading = schemas.Reading{Seq: 5, Time: button.Time}
	mustAppend(t, s, raw(1, run(1, readings(0, 5, 0, 10)...), run(2, reading(3, 31))))
	wantLate(t, s, all)
	mustAppend(t, s, marked(1, late(1, 3, 7))) // two are there, three come
	wantLate(t, s, all, 3, 4)
	mustAppend(t, s, raw(2, run(1, button, reading(6, 60), reading(7, 70), reading(8, 80))))
	wantLate(t, s, all, 3, 4, 5, 6, 7)
	mustAppend(t, s, marked(1, late(1, 0, 100))) // a replay
	wantLate(t, s, all, 3, 4, 5, 6, 7)
	wantLate(t, s, between(annOf, 40, 60), 4, 5)

	spares, theirs := late(1, 0, 100), late(1, 0, 100)
	spares.Device, theirs.Org = spare, other
	mustAppend(t, s, marked(2, spares, theirs, late(3, 0, 100), late(1, 500, schemas.MaxSeq)))
	wantLate(t, s, all, 3, 4, 5, 6, 7)
	mustAppend(t, s, raw(3, run(1, reading(3, 90)))) // it is stored already
	wantLate(t, s, all, 3, 4, 5, 6, 7)
	mustAppend(t, s, series.Batch{ // both in one append, and a mark of what another wearer had on
		Stream: schemas.StreamReadings, Seq: 4, Late: []schemas.Late{late(1, 9, 9), late(2, 3, 3)}, Readings: []schemas.Batch{run(1, reading(9, 100))},
	})
	wantLate(t, s, all, 3, 3, 4, 5, 6, 7, 9)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	wantLate(t, s, all, 3, 3, 4, 5, 6, 7, 9)
	wantOnce(t, s, all, 11, 30, 31, 60, 91) // which a store may count as 12: it need not tell a repetition when it comes
}

// lawLate: whatever marks and readings come in whatever order, those are late that a
// mark covers.
func lawLate(t *testing.T, open Open) {
	s, at := opened(t, open), uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		who := nextPerson(&at)
		numbers := rapid.OneOf(rapid.Uint64Range(0, 30), rapid.Uint64Range(1<<16-9, 1<<16+9))
		var marks []schemas.Late
		for range rapid.IntRange(1, 8).Draw(rt, "appends") {
			at++
			b := series.Batch{Stream: schemas.StreamReadings, Seq: at}
			for range rapid.IntRange(0, 3).Draw(rt, "marks") {
				first := numbers.Draw(rt, "first")
				m := who.late(rapid.Uint32Range(1, 2).Draw(rt, "boot"), first, first+rapid.Uint64Range(0, 12).Draw(rt, "length"))
				marks, b.Late = append(marks, m), append(b.Late, m)
			}
			for range rapid.IntRange(0, 2).Draw(rt, "batches") {
				items := who.run(rapid.Uint32Range(1, 2).Draw(rt, "boot"))
				for range rapid.IntRange(0, 12).Draw(rt, "items") {
					items.Items = append(items.Items, reading(numbers.Draw(rt, "seq"), float64(rapid.IntRange(0, 300).Draw(rt, "at"))))
				}
				b.Readings = append(b.Readings, items)
			}
			mustAppend(t, s, b)
			if rapid.Bool().Draw(rt, "rewound") { // and all of it once more
				if err := s.Rewind(context.Background(), schemas.StreamReadings); err != nil {
					rt.Fatal(err)
				}
				mustAppend(t, s, b)
			}
		}
		for _, r := range stored(t, s, between(who.query(), 0, 301)) {
			want := false
			for _, m := range marks {
				want = want || m.Boot == r.Boot && m.First <= r.Seq && r.Seq <= m.Last
			}
			if r.Late != want {
				rt.Fatalf("boot %d seq %d is late: %v, want %v of %+v", r.Boot, r.Seq, r.Late, want, marks)
			}
		}
	})
}
