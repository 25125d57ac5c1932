package seriestest

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// The names of the suite; monday is 9:00 UTC.
var (
	acme, other   = schemas.MustID("acme"), schemas.MustID("other")
	ann, bob      = schemas.MustID("ann"), schemas.MustID("bob")
	chest, spare  = schemas.MustID("chest-1"), schemas.MustID("chest-2")
	monday        = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	annOf, annOf2 = series.Query{Org: acme, Wearer: ann}, series.Query{Org: other, Wearer: ann}
)

// after is monday and so many seconds.
func after(seconds float64) time.Time {
	return monday.Add(time.Duration(seconds * float64(time.Second)))
}

// between is a query of a wearer from and to seconds after monday.
func between(q series.Query, from, to float64) series.Query {
	q.From, q.To = after(from), after(to)
	return q
}

// reading is a reading whose angles tell its sequence.
func reading(seq uint64, seconds float64) schemas.Item {
	return schemas.Item{Reading: schemas.Reading{
		Seq: seq, Time: after(seconds).UnixMilli(),
		TrunkPitch: int16(seq % 1000), TrunkRoll: -3, Motion: 12,
		Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
	}}
}

// readings are n of them from sequence seq on, one each step seconds.
func readings(seq uint64, n int, seconds, step float64) []schemas.Item {
	items := make([]schemas.Item, n)
	for i := range items {
		items[i] = reading(seq+uint64(i), seconds+float64(i)*step)
	}
	return items
}

// run is items of a run of acme's ann with her device.
func run(boot uint32, items ...schemas.Item) schemas.Batch {
	return schemas.Batch{Org: acme, Wearer: ann, Device: chest, Boot: boot, Received: monday.UnixMilli(), Items: items}
}

func raw(seq uint64, batches ...schemas.Batch) series.Batch {
	return series.Batch{Stream: schemas.StreamReadings, Seq: seq, Readings: batches}
}

// late is a mark of a run of ann's device, of the five minutes after monday.
func late(boot uint32, first, last uint64) schemas.Late {
	return lateAt(boot, first, last, 0, 300)
}

// lateAt is a mark of what lies from and to seconds after monday.
func lateAt(boot uint32, first, last uint64, from, to float64) schemas.Late {
	return schemas.Late{
		Org: acme, Wearer: ann, Device: chest, Boot: boot, First: first, Last: last,
		From: after(from).UnixMilli(), To: after(to).UnixMilli(),
	}
}

func marked(seq uint64, marks ...schemas.Late) series.Batch {
	return series.Batch{Stream: schemas.StreamRollups, Seq: seq, Late: marks}
}

func found(seq uint64, findings ...schemas.Finding) series.Batch {
	return series.Batch{Stream: schemas.StreamFindings, Seq: seq, Findings: findings}
}

// stored is what a query gives.
func stored(t testing.TB, s series.Store, q series.Query) []series.Reading {
	t.Helper()
	var all []series.Reading
	if err := s.Readings(context.Background(), q, func(r series.Reading) error {
		all = append(all, r)
		return nil
	}); err != nil {
		t.Fatalf("read readings: %v", err)
	}
	return all
}

// seqs are the sequences of readings, in their order.
func seqs(all []series.Reading) []uint64 {
	out := make([]uint64, len(all))
	for i := range all {
		out[i] = all[i].Seq
	}
	return out
}

func wantSeqs(t testing.TB, s series.Store, q series.Query, want ...uint64) {
	t.Helper()
	if got := seqs(stored(t, s, q)); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("sequences are %v, want %v", got, want)
	}
}

// wantLate wants these sequences to be the late ones of a query's.
func wantLate(t testing.TB, s series.Store, q series.Query, want ...uint64) {
	t.Helper()
	all := slices.DeleteFunc(stored(t, s, q), func(r series.Reading) bool { return !r.Late })
	if got := seqs(all); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("late are %v, want %v", got, want)
	}
}

func wantStats(t testing.TB, s series.Store, want series.Stats) {
	t.Helper()
	got, err := s.Stats(context.Background())
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	if got.Bytes < 0 {
		t.Errorf("the store has %d bytes", got.Bytes)
	}
	got.Bytes, got.Duplicates = 0, 0
	if got != want {
		t.Errorf("stats are %+v, want %+v", got, want)
	}
}

func wantPosition(t testing.TB, s series.Store, stream string, want uint64) {
	t.Helper()
	if got := position(t, s, stream); got != want {
		t.Errorf("position of %s is %d, want %d", stream, got, want)
	}
}

func position(t testing.TB, s series.Store, stream string) uint64 {
	t.Helper()
	return place(t, s, stream).Seq
}

func place(t testing.TB, s series.Store, stream string) series.Position {
	t.Helper()
	at, err := s.Position(context.Background(), stream)
	if err != nil {
		t.Fatalf("position: %v", err)
	}
	return at
}

// must is the answer of a query that has to succeed.
func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("query: %v", err)
		}
		return v
	}
}

// near reports whether two seconds or degrees are the same to a thousandth.
func near(a, b float64) bool { return math.Abs(a-b) < 0.0015 }

var errStop = errors.New("stop")
