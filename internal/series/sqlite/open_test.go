package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// alter runs SQL on a file, as another program would.
func alter(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", address(path, "rwc"))
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
	text := bytes.Repeat([]byte("not a database\n"), 1000)
	mine := fmt.Sprintf("PRAGMA application_id = %d;", applicationID)
	for _, c := range []struct {
		name, file, sql string
		want            error
	}{
		{"newer", FileName, mine + "PRAGMA user_version = 5; CREATE TABLE t (a)", ErrVersion},
		{"newer in its log", FileName, "PRAGMA journal_mode = WAL;" + mine + "PRAGMA user_version = 99; CREATE TABLE t (a)", ErrVersion},
		{"another program's", FileName, "PRAGMA user_version = 1; CREATE TABLE bookmarks (url)", ErrForeign},
		{"newer in the old place", OldFileName, mine + "PRAGMA user_version = 5; CREATE TABLE t (a)", ErrVersion},
		{"another program's in the old place", OldFileName, "PRAGMA user_version = 1; CREATE TABLE bookmarks (url)", ErrForeign},
		{"no database", FileName, "", nil},
		{"no database in the old place", OldFileName, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			if c.sql != "" {
				alter(t, path, c.sql)
			} else if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			before := mustRead(t, path)
			_, err := Open(dir, discard())
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), c.file) {
				t.Errorf("error is %v, want %v with the folder and the file", err, c.want)
			}
			if !bytes.Equal(before, mustRead(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A file of a day that is another's, or newer, fails what needs it and is left as it is.
func TestForeignDay(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want error
	}{
		{fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 5; CREATE TABLE t (a)", applicationID), ErrVersion},
		{"CREATE TABLE bookmarks (url)", ErrForeign},
	} {
		s := closedTest(t, t.TempDir())
		path := s.pathOf(fileKey{series.Raw, dayOf(benchStart.UnixMilli())})
		alter(t, path, c.sql)
		before := mustRead(t, path)
		if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "raw/2026-11-02.db") {
			t.Errorf("error is %v, want %v with the file", err, c.want)
		}
		err := s.Readings(t.Context(), annsHour, func(series.Reading) error { return nil })
		if !errors.Is(err, c.want) {
			t.Errorf("error of a query is %v, want %v", err, c.want)
		}
		if !bytes.Equal(before, mustRead(t, path)) {
			t.Error("the file was changed")
		}
		if at, err := s.Position(t.Context(), schemas.StreamReadings); err != nil || at.Seq != 0 {
			t.Errorf("position is %+v, %v", at, err)
		}
	}
}

// A folder that has lost its index is refused: nobody knows who was erased.
func TestNoIndex(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(dir, discard()); !errors.Is(err, ErrNoIndex) {
			t.Errorf("error is %v, want %v", err, ErrNoIndex)
		}
	}
}

// filesOf are all files of a folder, by their path in it.
func filesOf(t testing.TB, dir string) map[string]fs.FileInfo {
	t.Helper()
	all := map[string]fs.FileInfo{}
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() {
			return nil // gone again
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all[strings.TrimPrefix(path, dir+"/")] = info
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOpensAsItShould(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20?c#d[x]*", "e")
	s := openTest(t, dir)
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	day := fileKey{series.Raw, dayOf(benchStart.UnixMilli())}
	if err := s.with(t.Context(), day, func(f *file) error {
		for pragma, want := range map[string]int{
			"synchronous": 2, "secure_delete": 1, "page_size": pageSize, "user_version": schemaVersion, "foreign_keys": 0, "auto_vacuum": 2,
			"application_id": applicationID, "wal_autocheckpoint": 0, "temp_store": 2,
		} {
			var got int
			if err := f.write.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %d, %v, want %d", pragma, got, err, want)
			}
		}
		var mode string
		if err := f.write.conn.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("journal_mode is %s, %v", mode, err)
		}
		if _, err := f.read.ExecContext(t.Context(), "DELETE FROM minutes"); err == nil {
			t.Error("a read connection can write")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	files := filesOf(t, dir)
	for _, name := range []string{FileName, FileName + "-wal", officeName, OldFileName, day.name(), day.name() + "-wal"} {
		if info, ok := files[name]; !ok || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v", name, info)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openTest(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(filesOf(t, dir))); !slices.Equal(got, []string{FileName, officeName, day.name(), OldFileName}) {
		t.Errorf("a closed store has the files %v", got)
	}
}

// What a crash left of a file that was not whole is removed, and no day.
func TestTidies(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"2026-11-02.db.new", "2026-11-02.db.sealed.new", "2026-11-02.db.sealed.new-journal"} {
		if err := os.WriteFile(filepath.Join(dir, "raw", name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := closedTest(t, dir)
	wantNoCopies(t, dir)
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	wantReadings(t, s, 10, 0)
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
		t.Helper()
		if err := s.with(t.Context(), fileKey{series.Raw, dayOf(benchStart.UnixMilli())}, func(f *file) error {
			f.write.mu.Lock()
			defer f.write.mu.Unlock()
			if err := f.write.connect(context.Background()); err != nil {
				return err
			}
			_, err := f.write.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	big := batchOf(2, 50, 30_000)
	for range 3 {
		limit(1) // no more than there are
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
	got := planOf(t, s, series.Rollups, sqlTotals)
	if strings.Contains(got, "SCAN") || strings.Contains(got, "TEMP") || !strings.Contains(got, "SEARCH r USING INTEGER PRIMARY KEY") {
		t.Errorf("plan is %s", got)
	}
}

// planOf is how SQLite would run a query on a file of a class, in one line.
func planOf(t *testing.T, s *Store, class series.Class, text string) (plan string) {
	t.Helper()
	key := fileKey{class, 1}
	if err := s.change(t.Context(), func(ctx context.Context, c *changing) error {
		return c.in(ctx, key, func(context.Context, *fileTx) error { return nil })
	}); err != nil {
		t.Fatal(err)
	}
	type step struct {
		id, parent, unused int
		detail             string
	}
	var steps []step
	if err := s.with(t.Context(), key, func(f *file) (err error) {
		steps, err = query(t.Context(), s, f, func(r *step) []any { return []any{&r.id, &r.parent, &r.unused, &r.detail} },
			"EXPLAIN QUERY PLAN "+regexp.MustCompile(`\?\d`).ReplaceAllString(text, "'1'"))
		return err
	}); err != nil {
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
