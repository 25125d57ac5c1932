package sqlite

import (
	"context"
	"errors"
	"path/filepath"
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

// What is remembered of a file does not outlive it, whoever removes it: else the readings of
// one wearer would become another's.
func TestNothingIsKnownOfARemovedFile(t *testing.T) {
	from, to := benchStart.Add(-time.Hour), benchStart.AddDate(0, 0, 1)
	retention := series.DefaultRetention()
	retention[series.Raw] = 24 * time.Hour
	for name, remove := range map[string]func(*testing.T, string) error{
		"by another process": func(t *testing.T, dir string) error {
			t.Helper()
			return byHand(t, dir).Retain(t.Context(), retention, benchStart.AddDate(0, 0, 5))
		},
		"by hand": func(_ *testing.T, dir string) error { return removeFile(filepath.Join(dir, sealedDay().name())) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := byHand(t, dir)
			appendReadings(t, s, 1, runFrom(0, "ann", "da", benchStart, 100))
			for seq := uint64(2); seq < 8; seq += 3 {
				if err := remove(t, dir); err != nil {
					t.Fatal(err)
				}
				appendReadings(t, s, seq, runFrom(50, "ann", "da", benchStart, 50)) // sent again, of which nothing is left
				appendReadings(t, s, seq+1, runFrom(0, "bob", "db", benchStart, 10))
				appendReadings(t, s, seq+2, runFrom(200, "ann", "da", benchStart, 5))
				wantOf(t, s, "ann", from, to, 55)
				wantOf(t, s, "bob", from, to, 10)
			}
		})
	}
}

// A file that takes another's place between the look at it and its transaction is told.
func TestReplacedMeanwhile(t *testing.T) {
	s := byHand(t, t.TempDir())
	appendReadings(t, s, 1, runFrom(0, "ann", "da", benchStart, 100))
	err := s.change(t.Context(), func(ctx context.Context, c *changing) error {
		p := plan{changing: c, batch: &series.Batch{Stream: schemas.StreamReadings, Seq: 2}, parts: map[fileKey]*part{}, identities: map[fileKey]int64{}}
		part, err := p.part(ctx, series.Raw, sealedDay().day)
		if err != nil {
			return err
		}
		if err := removeFile(s.pathOf(sealedDay())); err != nil {
			return err
		}
		return c.in(ctx, sealedDay(), part.store)
	})
	if !errors.Is(err, errReplaced) {
		t.Errorf("error is %v", err)
	}
	appendReadings(t, s, 2, runFrom(100, "ann", "da", benchStart, 10))
	wantOf(t, s, "ann", benchStart, benchStart.Add(time.Hour), 10)
}

// A replacement brings nothing back of a wearer who was erased.
func TestReplaceKeepsToTombstones(t *testing.T) {
	s := closedTest(t, t.TempDir())
	erased := benchStart.Add(30 * time.Minute)
	if _, err := s.Erase(t.Context(), org, ann, erased); err != nil {
		t.Fatal(err)
	}
	var with series.Rebuilt
	for i, at := range []time.Time{erased.Add(-time.Minute), erased} {
		with.Rollups = append(with.Rollups, busyMinute(ann, at.Unix()/60))
		f := testFinding([]string{"before", "after"}[i], schemas.Opened, noise(1))
		f.Org, f.Wearer, f.Start, f.Time = org, ann, at, at.Add(time.Second)
		with.Findings = append(with.Findings, f)
	}
	q := series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(time.Hour)}
	if err := s.Replace(t.Context(), q, with); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Rollups(t.Context(), q); err != nil || len(got) != 1 || got[0] != with.Rollups[1] {
		t.Errorf("rollups are %+v, %v", got, err)
	}
	if got, err := s.Episodes(t.Context(), q); err != nil || len(got) != 1 || got[0].ID != with.Findings[1].Episode {
		t.Errorf("episodes are %+v, %v", got, err)
	}
}
