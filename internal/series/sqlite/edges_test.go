package sqlite

import (
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// runFrom is a message of n readings, one each second.
func runFrom(seq uint64, wearer, device string, from time.Time, n int) schemas.Batch {
	b := schemas.Batch{Org: org, Wearer: schemas.MustID(wearer), Device: schemas.MustID(device), Boot: 1}
	for i := range n {
		b.Items = append(b.Items, sealItem(seq+uint64(i), from.UnixMilli()+int64(i)*1000))
	}
	return b
}

func wantOf(t testing.TB, s *Store, wearer string, from, to time.Time, want int) {
	t.Helper()
	n := 0
	q := series.Query{Org: org, Wearer: schemas.MustID(wearer), From: from, To: to}
	if err := s.Readings(t.Context(), q, func(series.Reading) error { n++; return nil }); err != nil || n != want {
		t.Errorf("%s has %d readings, %v, want %d", wearer, n, err, want)
	}
}

// The first day has none before it, the last none after it.
func TestEndsOfTime(t *testing.T) {
	dir := t.TempDir()
	s := closedTest(t, dir)
	last := time.UnixMilli(maxMillis - 5000).UTC()
	appendReadings(t, s, 1, runFrom(0, "ann", "da", time.UnixMilli(0).UTC(), 5))
	appendReadings(t, s, 2, runFrom(10, "ann", "da", last, 5))
	wantOf(t, s, "ann", time.UnixMilli(0), time.UnixMilli(60_000), 5)
	wantOf(t, s, "ann", last, last.Add(time.Minute), 5)
	for ms, want := range map[int64]int64{0: 0, maxDay * dayMillis: maxDay - 1, maxMillis: maxDay, dayMillis: 0, dayMillis - 1: 1} {
		if day, near := nextDay(ms); day != want || near != (want != dayOf(ms)) {
			t.Errorf("beside %d is day %d, %v, want %d", ms, day, near, want)
		}
	}
	if n := statsOf(t, s).Readings; n != 10 {
		t.Errorf("%d readings are counted", n)
	}
}
