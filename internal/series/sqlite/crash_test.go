package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// copyFolder copies what a folder's files have at this moment, as a crash leaves them; locks
// and shared memory are none of it.
func copyFolder(t testing.TB, to, from string) {
	t.Helper()
	if err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, from)
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case strings.HasSuffix(path, suffixSHM):
			return nil
		}
		return os.WriteFile(filepath.Join(to, rel), mustRead(t, path), 0o600)
	}); err != nil {
		t.Fatal(err)
	}
}

var errCrash = errors.New("a crash")

// crash appends a batch and fails before the index is committed, when so many files are.
func crash(t *testing.T, s *Store, batch series.Batch, files int) {
	t.Helper()
	err := s.change(t.Context(), func(ctx context.Context, c *changing) error {
		ended := c.ended
		c.ended = func() error { // is asked before each file
			if files--; files < 0 {
				return errCrash
			}
			return ended()
		}
		_, err := c.append(ctx, &batch)
		return errors.Join(err, errCrash)
	})
	if !errors.Is(err, errCrash) {
		t.Fatalf("error is %v", err)
	}
}

// overMidnight is n readings, one in 4 s, about the midnight after benchStart.
func overMidnight(position, seq uint64, n int) series.Batch {
	w := newWearable(1, benchStart.Add(15*time.Hour-20*time.Minute))
	w.seq, w.at = seq, w.at+int64(seq)*4000
	return series.Batch{Stream: schemas.StreamReadings, Seq: position, Readings: []schemas.Batch{w.next(n, 4*time.Second)}}
}

// A crash between the files of an append: the same again, or cut otherwise, puts it right,
// and nothing counts twice.
func TestCrashBetweenFiles(t *testing.T) {
	for files := range 3 {
		for name, again := range map[string][]series.Batch{
			"the same":  {overMidnight(10, 0, 600)},
			"in pieces": {overMidnight(4, 0, 200), overMidnight(9, 200, 390), overMidnight(12, 500, 130)},
			"more":      {overMidnight(20, 0, 900)},
		} {
			s := openTest(t, t.TempDir())
			crash(t, s, overMidnight(10, 0, 600), files)
			if at, err := s.Position(t.Context(), schemas.StreamReadings); err != nil || at.Seq != 0 {
				t.Errorf("position is %+v, %v", at, err)
			}
			want := int64(0)
			for _, b := range again {
				if _, err := s.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				items := b.Readings[0].Items
				want = int64(items[len(items)-1].Seq) + 1
			}
			stats, err := s.Stats(t.Context())
			if err != nil || stats.Readings != want {
				t.Errorf("%s after %d files: stats are %+v, %v, want %d readings", name, files, stats, err, want)
			}
			if name == "the same" && stats.Duplicates != 0 {
				t.Errorf("after %d files %d are duplicates that never came twice", files, stats.Duplicates)
			}
			var seqs []uint64
			q := series.Query{Org: org, Wearer: schemas.MustID("w001"), From: benchStart, To: benchStart.AddDate(0, 0, 2)}
			if err := s.Readings(t.Context(), q, func(r series.Reading) error { seqs = append(seqs, r.Seq); return nil }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(seqs)
			if n := int64(len(slices.Compact(seqs))); n != want || int64(len(seqs)) != want {
				t.Errorf("%s after %d files: %d readings are found, %d of them different, want %d", name, files, len(seqs), n, want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// After a rewind, files take again what they had.
func TestRewoundFilesTakeAgain(t *testing.T) {
	s := closedTest(t, t.TempDir())
	day := series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.Add(time.Hour)}
	b := series.Batch{Stream: schemas.StreamRollups, Seq: 7, Rollups: []schemas.Rollup{busyMinute(ann, benchStart.Unix()/60)}}
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), day, series.Rebuilt{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Rewind(t.Context(), b.Stream); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Rollups(t.Context(), day); err != nil || len(got) != 1 {
		t.Errorf("rollups are %+v, %v", got, err)
	}
}

// A replacement that a crash has left in the journal is made when the store is opened, and
// before anything else is changed.
func TestReplacementIsFinished(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	minute := benchStart.Unix() / 60
	if _, err := s.Append(t.Context(), series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{busyMinute(ann, minute)}}); err != nil {
		t.Fatal(err)
	}
	q := series.Query{Org: org, Wearer: ann, From: benchStart, To: benchStart.AddDate(0, 0, 2)}
	f := testFinding("0123456789abcdef", schemas.Opened, noise(1))
	next := busyMinute(ann, minute+dayMinutes)
	r, err := rebuild(q, series.Rebuilt{Rollups: []schemas.Rollup{next}, Findings: []schemas.Finding{f}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.change(t.Context(), func(ctx context.Context, c *changing) error { return c.note(ctx, r) }); err != nil {
		t.Fatal(err)
	}
	other := closedTest(t, dir) // as the next process does it
	for _, s := range []*Store{other, s} {
		if got, err := s.Rollups(t.Context(), q); err != nil || len(got) != 1 || got[0] != next {
			t.Errorf("rollups are %+v, %v, want %+v", got, err, next)
		}
		if got, err := s.Findings(t.Context(), org, f.Episode); err != nil || len(got) != 1 {
			t.Errorf("findings are %+v, %v", got, err)
		}
	}
	if err := s.change(t.Context(), func(ctx context.Context, c *changing) error { return c.note(ctx, r) }); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Append(t.Context(), series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{busyMinute(ann, minute)}}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Rollups(t.Context(), q); err != nil || len(got) != 2 {
		t.Errorf("rollups are %+v, %v, want the one that came after the replacement, too", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
