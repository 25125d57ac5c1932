package sqlite

import (
	"log/slog"
	"testing"

	"sitwell/internal/series"
	"sitwell/internal/series/seriestest"
)

func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func TestStore(t *testing.T) {
	seriestest.Run(t, func(t testing.TB, dir string) series.Store { return openTest(t, dir) })
}
