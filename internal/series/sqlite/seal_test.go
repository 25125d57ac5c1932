package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// byHand is a store that seals when a test has it do so.
func byHand(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := openStore(dir, discard(), sealOptions{after: 1000 * time.Hour, every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sealUntil seals the hours that end until a time.
func sealUntil(t testing.TB, s *Store, to time.Time) {
	t.Helper()
	if err := trySeal(t, s, to); err != nil {
		t.Fatal(err)
	}
}

func trySeal(t testing.TB, s *Store, to time.Time) error {
	t.Helper()
	s.sealing.mu.Lock()
	s.sealing.newest = to.Add(s.sealing.after).Unix() / 60
	s.sealing.mu.Unlock()
	return s.sealing.pass(t.Context())
}

// everything is what is stored of ann, of whatever time.
func everything(t testing.TB, s *Store) (all []series.Reading) {
	t.Helper()
	q := series.Query{Org: org, Wearer: ann, From: benchStart.AddDate(-1, 0, 0), To: benchStart.AddDate(1, 0, 0)}
	if err := s.Readings(t.Context(), q, func(r series.Reading) error { all = append(all, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// rowsOf counts the rows of a table in the file of benchStart's day.
func rowsOf(t testing.TB, s *Store, table string) int64 {
	t.Helper()
	var n int64
	err := s.with(t.Context(), sealedDay(), func(f *file) error {
		return f.read.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sealedDay() fileKey { return fileKey{series.Raw, dayOf(benchStart.UnixMilli())} }

func wantRows(t testing.TB, s *Store, minutes, hours int64) {
	t.Helper()
	if m, h := rowsOf(t, s, "minutes"), rowsOf(t, s, "hours"); m != minutes || h != hours {
		t.Errorf("there are %d minutes and %d hours, want %d and %d", m, h, minutes, hours)
	}
}

// annsHours is a message of ann's, so many hours at a reading in 10 s from a time on, with
// an event at its start.
func annsHours(seq uint64, from time.Time, hours int) schemas.Batch {
	b := schemas.Batch{Org: org, Wearer: ann, Device: annsDevice, Boot: annsRun}
	b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{Seq: seq, Time: from.UnixMilli()}, Event: &schemas.Event{Type: schemas.EventButton}})
	for i := range 360 * hours {
		seq++
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: seq, Time: from.UnixMilli() + int64(i)*10_000 + 1, TrunkPitch: int16(i % 300), TrunkRoll: int16(-i % 7), Motion: 11,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.IsWorn,
		}})
	}
	return b
}

func appendReadings(t testing.TB, s *Store, seq uint64, batches ...schemas.Batch) {
	t.Helper()
	if _, err := s.Append(t.Context(), series.Batch{Stream: schemas.StreamReadings, Seq: seq, Readings: batches}); err != nil {
		t.Fatal(err)
	}
}

// TestHoursAreSealed: hours that are over become rows, what comes of them later lies beside them until
// the next pass, and whoever reads sees no difference.
func TestHoursAreSealed(t *testing.T) {
	s := byHand(t, t.TempDir())
	other := annsHours(0, benchStart, 1)
	other.Wearer, other.Device = schemas.MustID("bob"), schemas.MustID("bobs")
	second := annsHours(5000, benchStart.Add(90*time.Minute), 1)
	second.Device = schemas.MustID("second")
	appendReadings(t, s, 1, annsHours(0, benchStart, 4), other, second)
	mark := lateMark(10, 20)
	mark.From, mark.To = benchStart.UnixMilli(), benchStart.Add(time.Hour).UnixMilli()
	appendMarks(t, s, 1, mark)
	want, before := everything(t, s), statsOf(t, s)
	wantRows(t, s, 4*60+60, 0)

	sealUntil(t, s, benchStart.Add(3*time.Hour+59*time.Minute)) // the fourth hour is not over
	wantRows(t, s, 60, 4)
	sameReadings(t, everything(t, s), want)
	if after := statsOf(t, s); after != before {
		t.Errorf("statistics are %+v, were %+v", after, before)
	}

	late := annsHours(100_000, benchStart.Add(30*time.Minute), 1)
	late.Boot++
	for range 2 { // the second time all of it is known, as what was sealed is
		appendReadings(t, s, uint64(rowsOf(t, s, "hours"))+statsSeq(t, s), late, annsHours(0, benchStart, 4))
	}
	wantRows(t, s, 60+60, 4)
	want = everything(t, s)
	if n := 4*361 - 3 + 361 + 361; len(want) != n {
		t.Fatalf("%d readings are stored, want %d", len(want), n)
	}
	if !slices.IsSortedFunc(want, inTime) {
		t.Fatal("they are out of order")
	}
	sealUntil(t, s, benchStart.Add(3*time.Hour+59*time.Minute))
	wantRows(t, s, 60, 4)
	sameReadings(t, everything(t, s), want)
	q := series.Query{Org: org, Wearer: ann, From: benchStart.Add(25 * time.Minute), To: benchStart.Add(61 * time.Minute)}
	var part []series.Reading
	if err := s.Readings(t.Context(), q, func(r series.Reading) error { part = append(part, r); return nil }); err != nil {
		t.Fatal(err)
	}
	sameReadings(t, part, slices.DeleteFunc(want, func(r series.Reading) bool { return r.At().Before(q.From) || !r.At().Before(q.To) }))
}

// statsSeq is the next sequence of the readings' stream.
func statsSeq(t testing.TB, s *Store) uint64 {
	t.Helper()
	at, err := s.Position(t.Context(), schemas.StreamReadings)
	if err != nil {
		t.Fatal(err)
	}
	return at.Seq + 1
}

func statsOf(t testing.TB, s *Store) series.Stats {
	t.Helper()
	stats, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stats.Bytes = 0
	return stats
}

func sameReadings(t testing.TB, got, want []series.Reading) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d readings are stored, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("reading %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// TestUnreadableHoursStay: what cannot be sealed stays, and keeps nothing else from it.
func TestUnreadableHoursStay(t *testing.T) {
	dir := t.TempDir()
	s := byHand(t, dir)
	large := annsHours(100_000, benchStart, 1)
	large.Device = schemas.MustID("large")
	for i := range int64(160_000) {
		item := large.Items[1]
		item.Seq, item.Time, item.TrunkPitch = uint64(200_000+i), item.Time+20*i, int16(i*7919%1800)
		large.Items = append(large.Items, item)
	}
	appendReadings(t, s, 1, annsHours(0, benchStart, 3), large)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, filepath.Join(dir, sealedDay().name()), "UPDATE minutes SET data = x'01ff' WHERE id = (SELECT max(id) FROM minutes WHERE (id & 0xfffffff) % 60 = 0)")
	s = byHand(t, dir)
	sealUntil(t, s, benchStart.Add(24*time.Hour))
	wantRows(t, s, 60+60, 1) // the first hour is too large, the third is damaged
	q := series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(2 * time.Hour)}
	n := 0
	if err := s.Readings(t.Context(), q, func(series.Reading) error { n++; return nil }); err != nil || n != 721+361+160_000 {
		t.Errorf("%d readings can be read, %v", n, err)
	}
}

// sealedDayOfMany fills a day with eight hours of eight wearers.
func sealedDayOfMany(t testing.TB, s *Store) {
	t.Helper()
	for i := range uint64(8) {
		b := annsHours(0, benchStart, 8)
		if i > 0 {
			b.Wearer, b.Device = schemas.MustID("w"+string('a'+rune(i))), schemas.MustID("d"+string('a'+rune(i)))
		}
		appendReadings(t, s, i+1, b)
	}
}

// TestFileIsMadeSmaller: after its last hour a day's file has hardly a free page, and is as each
// file is. Who reads it meanwhile reads all of it.
func TestFileIsMadeSmaller(t *testing.T) {
	dir := t.TempDir()
	s := byHand(t, dir)
	sealedDayOfMany(t, s)
	want, before := everything(t, s), statsOf(t, s)
	path := filepath.Join(dir, sealedDay().name())
	settleFiles(t, s)
	large := fileSize(t, path)

	reading := make(chan struct{})
	proceed, done := make(chan struct{}), make(chan error, 1)
	go func() {
		n := 0
		err := s.Readings(context.WithoutCancel(t.Context()), series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(24 * time.Hour)}, func(series.Reading) error {
			if n++; n == 1 {
				close(reading)
				<-proceed
			}
			return nil
		})
		if n != len(want) {
			err = errors.Join(err, fmt.Errorf("%d readings, want %d", n, len(want)))
		}
		done <- err
	}()
	<-reading
	sealUntil(t, s, benchStart.Add(48*time.Hour))
	close(proceed)
	if err := <-done; err != nil {
		t.Error(err)
	}
	settleFiles(t, s)
	if small := fileSize(t, path); small > large/3 {
		t.Errorf("the file has %d bytes after %d", small, large)
	}
	wantRows(t, s, 0, 64)
	sameReadings(t, everything(t, s), want)
	if after := statsOf(t, s); after != before {
		t.Errorf("statistics are %+v, were %+v", after, before)
	}
	appendReadings(t, s, 100, annsHours(0, benchStart, 8), annsHours(50_000, benchStart.Add(9*time.Hour), 1))
	if n := len(everything(t, s)); n != len(want)+361 {
		t.Errorf("%d readings, want %d: a repetition was stored, or a new one not", n, len(want)+361)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantWholeFile(t, path)
	wantNoCopies(t, dir)
	s = byHand(t, dir)
	if n := len(everything(t, s)); n != len(want)+361 {
		t.Errorf("%d readings after the next start, want %d", n, len(want)+361)
	}
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("%s has mode %o", path, mode)
	}
	return info.Size()
}

func wantWholeFile(t testing.TB, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", address(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, want := range map[string]string{
		"PRAGMA integrity_check": "ok", "PRAGMA journal_mode": "wal", "PRAGMA page_size": "4096", "PRAGMA auto_vacuum": "2",
		"PRAGMA user_version": "4", "PRAGMA application_id": "1936290935", sqlDirty: "0",
	} {
		var got string
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
}

func wantNoCopies(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, suffixNew) {
			t.Errorf("%s was left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSealingIsTakenUpAgain: what a store left is sealed by the next one, by itself.
func TestSealingIsTakenUpAgain(t *testing.T) {
	dir := t.TempDir()
	s := byHand(t, dir)
	sealedDayOfMany(t, s)
	b := annsHours(70_000, benchStart.Add(48*time.Hour), 1)
	appendReadings(t, s, 100, b)
	want := everything(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = closedTest(t, dir)
	for deadline := time.Now().Add(time.Minute); rowsOf(t, s, "minutes") > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the hours are not sealed")
		}
		sameReadings(t, everything(t, s), want)
	}
	wantRows(t, s, 0, 64)
	sameReadings(t, everything(t, s), want)
}
