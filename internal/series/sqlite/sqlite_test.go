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

// closedTest is a store that the test's end closes.
func closedTest(t testing.TB, dir string) *Store {
	t.Helper()
	s := openTest(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	seriestest.Run(t, func(t testing.TB, dir string) series.Store {
		t.Helper()
		return openTest(t, dir)
	})
}
