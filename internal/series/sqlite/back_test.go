package sqlite

import (
	"context"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// What the build before does with positions. It keeps no logs.
const (
	beforePosition    = `SELECT seq FROM positions WHERE stream = ?`
	beforeSetPosition = `INSERT INTO positions (stream, seq) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = ?2`
	beforeRewind      = `DELETE FROM positions WHERE stream = ?`
)

// The build before reads a file that has logs, goes on with it, and gives it back: then
// the log that was known still is, even if the other build has rewound.
func TestTheBuildBeforeGoesOn(t *testing.T) {
	s := closedTest(t, t.TempDir())
	ctx := t.Context()
	b := batchOf(40, 0, 10)
	b.Log = "first"
	if _, err := s.Append(ctx, b); err != nil {
		t.Fatal(err)
	}
	var version, seq int
	if err := s.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version != 3 {
		t.Errorf("the file's version is %d, %v; the build before knows 3", version, err)
	}
	if err := s.write.QueryRowContext(ctx, beforePosition, b.Stream).Scan(&seq); err != nil || seq != 40 {
		t.Errorf("the build before finds position %d, %v, want 40", seq, err)
	}
	before := func(query string, args ...any) {
		t.Helper()
		if _, err := s.write.ExecContext(context.WithoutCancel(ctx), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want series.Position) {
		t.Helper()
		if at, err := s.Position(ctx, b.Stream); err != nil || at != want {
			t.Errorf("position is %+v, %v, want %+v", at, err, want)
		}
	}
	before(beforeSetPosition, b.Stream, 50)
	want(series.Position{Seq: 50, Log: "first"})
	before(beforeRewind, b.Stream)
	want(series.Position{})
	before(beforeSetPosition, b.Stream, 70) // of another log, which it cannot tell
	want(series.Position{Seq: 70, Log: "first"})
	before(beforeRewind, b.Stream)
	if _, err := s.Append(ctx, series.Batch{Stream: schemas.StreamReadings, Log: "second", Seq: 2}); err != nil {
		t.Fatal(err)
	}
	want(series.Position{Seq: 2, Log: "second"})
}
