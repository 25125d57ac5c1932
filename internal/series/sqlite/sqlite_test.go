package sqlite

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/seriestest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openTest is a store that seals whatever it can, without rest, beside what a test does.
func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := openStore(dir, discard(), sealOptions{every: time.Millisecond})
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
	var sealed atomic.Int64 // hours that stores had when they were opened
	seriestest.Run(t, func(t testing.TB, dir string) series.Store {
		t.Helper()
		s := openTest(t, dir)
		sealed.Add(inAll(t, s, "hours"))
		return s
	})
	t.Cleanup(func() {
		if sealed.Load() == 0 && !testing.Short() && !t.Failed() {
			t.Error("nothing was sealed beside what the suite does")
		}
	})
}
