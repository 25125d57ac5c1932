package sqlite

import (
	"testing"

	"sitwell/internal/series"
	"sitwell/internal/series/seriestest"
)

func TestFirst(t *testing.T) {
	seriestest.First(t, func(t testing.TB, dir string) series.Store {
		t.Helper()
		return openTest(t, dir)
	})
}
