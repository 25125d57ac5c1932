package sqlite

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// wantNamed wants an error that names a file once and says what to do.
func wantNamed(t *testing.T, what string, err error) {
	t.Helper()
	text := fmt.Sprint(err)
	if err == nil || strings.Count(text, sealedDay().name()) != 1 || strings.Count(text, "move it away") != 1 {
		t.Errorf("%s: error is %v", what, err)
	}
}

// A damaged file of a day is told by its name; what is of other days goes on.
func TestDamagedDay(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"10 bytes":   func(b []byte) []byte { return b[:10] },
		"zeros":      func(b []byte) []byte { clear(b[:200]); return b },
		"no magic":   func(b []byte) []byte { clear(b[:10]); return b },
		"half of it": func(b []byte) []byte { return b[:len(b)/2/pageSize*pageSize] },
		"pages of noise": func(b []byte) []byte {
			for i := range b[pageSize:] {
				b[pageSize+i] = byte(i*7 + 3)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) { testDamagedDay(t, damage) })
	}
}

func testDamagedDay(t *testing.T, damage func([]byte) []byte) {
	t.Helper()
	dir := t.TempDir()
	s := openTest(t, dir)
	next := benchStart.Truncate(24*time.Hour).AddDate(0, 0, 1)
	appendReadings(t, s, 1, runFrom(0, "ann", "da", benchStart, 5000), runFrom(0, "bob", "db", benchStart, 5000))
	appendReadings(t, s, 2, runFrom(9000, "ann", "da", next.Add(time.Hour), 500), runFrom(9000, "bob", "db", next.Add(time.Hour), 500))
	path := s.pathOf(sealedDay())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, damage(mustRead(t, path)), 0o600); err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	s, err := openStore(dir, slog.New(slog.NewTextHandler(&logs, nil)), sealOptions{after: 1000 * time.Hour, every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	both := series.Query{Org: org, Wearer: ann, From: benchStart, To: next.AddDate(0, 0, 1)}
	wantNamed(t, "query", s.Readings(t.Context(), both, func(series.Reading) error { return nil }))
	wantOf(t, s, "ann", next, next.AddDate(0, 0, 1), 500)
	if stats, err := s.Stats(t.Context()); err != nil || stats.Readings < 1000 {
		t.Errorf("stats are %+v, %v", stats, err)
	}
	n := 0
	if err := s.Wearers(t.Context(), func(series.Extent) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("%d wearers, %v", n, err)
	}
	appendReadings(t, s, 3, runFrom(20_000, "ann", "da", next.Add(time.Minute), 10)) // near the damaged day
	mark := schemas.Late{Org: org, Wearer: ann, Device: schemas.MustID("da"), Boot: 1, First: 20_000, Last: 20_003, From: next.Add(time.Minute).UnixMilli(), To: next.Add(2 * time.Minute).UnixMilli()}
	appendMarks(t, s, 1, mark)
	wantOf(t, s, "ann", next, next.AddDate(0, 0, 1), 510)
	if strings.Count(logs.String(), "left out") != 1 {
		t.Errorf("the log tells %s", logs.String())
	}
	_, err = s.Append(t.Context(), series.Batch{Stream: schemas.StreamReadings, Seq: 4, Readings: []schemas.Batch{runFrom(30_000, "ann", "da", benchStart, 10)}})
	wantNamed(t, "append", err)
	done, err := s.Erase(t.Context(), org, ann, next.AddDate(1, 0, 0))
	wantNamed(t, "erase", err)
	if done.Readings < 510 {
		t.Errorf("erased %+v before it failed", done)
	}
	if err := removeFile(path); err != nil { // moved away
		t.Fatal(err)
	}
	if _, err := s.Erase(t.Context(), org, ann, next.AddDate(1, 0, 0)); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
