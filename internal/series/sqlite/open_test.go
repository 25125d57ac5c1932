package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// alter runs SQL on the file of a folder, as another program would.
func alter(t *testing.T, dir, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", address(filepath.Join(dir, FileName), "rwc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusesAndLeavesAlone(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      error
	}{
		{"newer", fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE t (a)", applicationID, schemaVersion+1), ErrVersion},
		{"newer in its log", fmt.Sprintf("PRAGMA journal_mode = WAL; PRAGMA application_id = %d; PRAGMA user_version = 99; CREATE TABLE t (a)", applicationID), ErrVersion},
		{"another program's", "PRAGMA user_version = 1; CREATE TABLE bookmarks (url)", ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			alter(t, dir, c.sql)
			before, err := os.ReadFile(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error is %v, want %v with the folder", err, c.want)
			}
			after, err := os.ReadFile(filepath.Join(dir, FileName))
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed, %v", err)
			}
		})
	}
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		text := bytes.Repeat([]byte("not a database\n"), 1000)
		if err := os.WriteFile(filepath.Join(dir, FileName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("no error")
		}
		if after, err := os.ReadFile(filepath.Join(dir, FileName)); err != nil || !bytes.Equal(after, text) {
			t.Errorf("the file was changed, %v", err)
		}
	})
}

func TestOpensAsItShould(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20?c#d", "e")
	s := closedTest(t, dir)
	for pragma, want := range map[string]int{
		"synchronous": 2, "secure_delete": 1, "page_size": pageSize, "user_version": schemaVersion, "foreign_keys": 0,
	} {
		var got int
		if err := s.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", pragma, got, err, want)
		}
	}
	var mode string
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode is %s, %v", mode, err)
	}
	if _, err := s.read.ExecContext(t.Context(), "DELETE FROM minutes"); err == nil {
		t.Error("a read connection can write")
	}
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(filepath.Join(dir, FileName+suffix))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", FileName+suffix, info.Mode(), err)
		}
	}
}

// batchOf is n readings from seq on, one in 4 s.
func batchOf(position, seq uint64, n int) series.Batch {
	w := newWearable(1, benchStart)
	w.seq = seq
	w.at = benchStart.UnixMilli() + int64(seq)*4000
	return series.Batch{Stream: schemas.StreamReadings, Seq: position, Readings: []schemas.Batch{w.next(n, 4*time.Second)}}
}

func wantReadings(t *testing.T, s *Store, n, duplicates int64) {
	t.Helper()
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Readings != n || stats.Duplicates != duplicates {
		t.Errorf("stats are %+v, %v, want %d readings and %d duplicates", stats, err, n, duplicates)
	}
	found := int64(0)
	q := series.Query{Org: org, Wearer: schemas.MustID("w001"), From: benchStart.Add(-time.Hour), To: benchStart.AddDate(0, 0, 9)}
	if err := s.Readings(t.Context(), q, func(series.Reading) error { found++; return nil }); err != nil || found != n {
		t.Errorf("%d readings are found, %v, want %d", found, err, n)
	}
}

// Two stores on one file: what one remembers of it is not taken for the truth
// when the other has written.
func TestAnotherProcessWrites(t *testing.T) {
	dir := t.TempDir()
	a, b := closedTest(t, dir), closedTest(t, dir)
	for i, s := range []*Store{a, b, a, a, b} {
		if _, err := s.Append(t.Context(), batchOf(uint64(i)+1, uint64(i)*100, 200)); err != nil { // half of it is new
			t.Fatal(err)
		}
	}
	wantReadings(t, a, 600, 400)
	day := series.Query{Org: org, Wearer: schemas.MustID("w001"), From: benchStart, To: benchStart.AddDate(0, 0, 1)}
	for i, s := range []*Store{b, a, a, b} { // as a rebuild beside a running recorder does
		minute := benchStart.Unix()/60 + int64(i)
		if err := s.Replace(t.Context(), day, series.Rebuilt{Rollups: []schemas.Rollup{busyMinute(day.Wearer, minute), busyMinute(day.Wearer, minute+1)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Append(t.Context(), batchOf(uint64(i)+6, 600+uint64(i)*100, 100)); err != nil {
			t.Fatal(err)
		}
	}
	wantReadings(t, b, 1000, 400)
	if got, err := a.Rollups(t.Context(), day); err != nil || len(got) != 2 || got[0] != busyMinute(day.Wearer, benchStart.Unix()/60+3) {
		t.Errorf("rollups are %+v, %v", got, err)
	}
}

// A disk that is full: nothing of the append is there, and once there is room
// the same append succeeds.
func TestDiskFull(t *testing.T) {
	s := closedTest(t, t.TempDir())
	if _, err := s.Append(t.Context(), batchOf(1, 0, 100)); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		if _, err := s.write.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // no more than there are
	big := batchOf(2, 50, 30_000)
	for range 3 {
		if _, err := s.Append(t.Context(), big); err == nil {
			t.Fatal("an append to a full disk gave no error")
		}
	}
	wantReadings(t, s, 100, 0)
	limit(1 << 30)
	if _, err := s.Append(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	wantReadings(t, s, 30_050, 50)
}

// An organisation's sums must read its wearers' ranges, not the whole table.
func TestTotalsPlan(t *testing.T) {
	s := closedTest(t, t.TempDir())
	got := plan(t, s, sqlTotals, "acme", 1, 2)
	if strings.Contains(got, "SCAN") || strings.Contains(got, "TEMP") || !strings.Contains(got, "SEARCH r USING INTEGER PRIMARY KEY") {
		t.Errorf("plan is %s", got)
	}
}

// plan is how SQLite would run a query, in one line.
func plan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	type step struct {
		id, parent, unused int
		detail             string
	}
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	steps, err := collect(rows, err, func(r *step) []any { return []any{&r.id, &r.parent, &r.unused, &r.detail} })
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range steps {
		lines = append(lines, s.detail)
	}
	return strings.Join(lines, "; ")
}

// fromHex is the content of a file of testdata, which is written in hex.
func fromHex(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
