package seriestest

import (
	"context"
	"errors"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// in is a batch of a log.
func in(log string, b series.Batch) series.Batch {
	b.Log = log
	return b
}

func wantPlace(t testing.TB, s series.Store, stream string, want series.Position) {
	t.Helper()
	if got := place(t, s, stream); got != want {
		t.Errorf("position of %s is %+v, want %+v", stream, got, want)
	}
}

func wantOtherLog(t testing.TB, s series.Store, b series.Batch) {
	t.Helper()
	if _, err := s.Append(context.Background(), b); !errors.Is(err, series.ErrOtherLog) {
		t.Errorf("a batch of %q up to %d gave %v, want %v", b.Log, b.Seq, err, series.ErrOtherLog)
	}
}

// logs: a position is of one log, each stream's of its own, until it is rewound. Batches
// of another one are refused, in front of it and behind it.
func logs(t *testing.T, open Open) {
	dir, day := t.TempDir(), between(annOf, 0, 3600)
	s := open(t, dir)
	wantPlace(t, s, schemas.StreamReadings, series.Position{})
	mustAppend(t, s, in("first", raw(5, run(1, reading(1, 1)))))
	mustAppend(t, s, in("marks", marked(9, late(1, 1, 1))))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 5, Log: "first"})
	for _, seq := range []uint64{3, 5, 6, 100} {
		wantOtherLog(t, s, in("second", raw(seq, run(1, reading(2, 2)))))
	}
	mustAppend(t, s, in("first", raw(5, run(1, reading(2, 2))))) // stored already
	mustAppend(t, s, raw(6, run(1, reading(3, 3))))              // of whichever
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 6, Log: "first"})
	wantSeqs(t, s, day, 1, 3)

	if err := s.Rewind(context.Background(), schemas.StreamReadings); err != nil {
		t.Fatalf("rewind: %v", err)
	}
	wantPlace(t, s, schemas.StreamReadings, series.Position{})
	mustAppend(t, s, in("second", raw(2, run(1, reading(3, 3), reading(4, 4)))))
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 2, Log: "second"})
	wantOtherLog(t, s, in("first", raw(7, run(1, reading(5, 5)))))
	wantPlace(t, s, schemas.StreamRollups, series.Position{Seq: 9, Log: "marks"})
	wantSeqs(t, s, day, 1, 3, 4)
	wantStats(t, s, series.Stats{Readings: 3})
}

// unknownLog: a position of no known log takes that of the next batch that names one,
// though nothing else of it be stored, and what failed leaves none.
func unknownLog(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx, day := context.Background(), between(annOf, 0, 3600)
	nobody := run(7, reading(1, 0))
	nobody.Wearer = schemas.ID{}
	if _, err := s.Append(ctx, in("spoilt", raw(1, nobody))); err == nil {
		t.Error("an append of nobody's readings gave no error")
	}
	wantPlace(t, s, schemas.StreamReadings, series.Position{})
	mustAppend(t, s, raw(5, run(1, reading(1, 1))))
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 5})
	if _, err := s.Append(ctx, in("spoilt", raw(6, nobody))); err == nil {
		t.Error("an append of nobody's readings gave no error")
	}
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 5})
	mustAppend(t, s, in("first", raw(5, run(1, reading(2, 2)))))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 5, Log: "first"})
	wantSeqs(t, s, day, 1)
	wantOtherLog(t, s, in("second", raw(6, run(1, reading(2, 2)))))

	// The log goes with the position, and none comes back with one that names none.
	if err := s.Rewind(ctx, schemas.StreamReadings); err != nil {
		t.Fatalf("rewind: %v", err)
	}
	mustAppend(t, s, raw(3, run(1, reading(2, 2))))
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 3})
	mustAppend(t, s, in("second", raw(4, run(1, reading(3, 3)))))
	wantPlace(t, s, schemas.StreamReadings, series.Position{Seq: 4, Log: "second"})
	wantSeqs(t, s, day, 1, 2, 3)
}
