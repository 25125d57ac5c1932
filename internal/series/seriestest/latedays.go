package seriestest

import (
	"testing"
	"time"

	"sitwell/internal/series"
)

// lateDays: a mark may cover days, of a device that was offline for long: it counts on each
// of them, before its readings and after them, and on those that are left when the first
// of them are too old.
func lateDays(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	const day = 24 * 3600.0
	mustAppend(t, s, raw(1, run(1, readings(0, 10, -2*day, day/4)...))) // 2.5 days
	mustAppend(t, s, marked(1, lateAt(1, 1, 18, -2*day+day/4, 2.5*day)))
	mustAppend(t, s, raw(2, run(1, readings(10, 10, 0.5*day, day/4)...)))
	want := func(late ...uint64) {
		t.Helper()
		wantLate(t, s, ever(annOf), late...)
		for i := -3.0; i < 4; i++ {
			var of []uint64
			for _, seq := range late {
				if at := (float64(seq)/4 - 2) * day; i*day <= at && at < (i+1)*day {
					of = append(of, seq)
				}
			}
			wantLate(t, s, between(annOf, i*day, (i+1)*day), of...)
		}
	}
	want(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	// Monday's day begins at 0:00, nine hours before it: with reading 7, at 3:00.
	keep := series.DefaultRetention()
	keep[series.Raw] = 24 * time.Hour
	if err := s.Retain(t.Context(), keep, after(day)); err != nil {
		t.Fatalf("retain: %v", err)
	}
	want(7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want(7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	wantStats(t, s, series.Stats{Readings: 13})
}
