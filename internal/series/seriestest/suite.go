// Package seriestest is the conformance suite of series.Store: what the
// contract promises, tried on an implementation.
//
//	func TestStore(t *testing.T) { seriestest.Run(t, open) }
//	func TestFirst(t *testing.T) { seriestest.First(t, open) } // if it can tell what arrived first
//
// One of its tests kills child processes in mid-append. A child is the test
// binary itself, started on the calling test alone; Run then appends until it
// is killed.
package seriestest

import (
	"context"
	"os"
	"testing"

	"sitwell/internal/series"
)

// Open opens the store in dir, which exists, with all that was appended before.
// It does not close it.
type Open func(t testing.TB, dir string) series.Store

// Run proves the stores that open opens against the contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	if dir := os.Getenv(childEnv); dir != "" {
		appendUntilKilled(t, open(t, dir))
		return
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"readings come back", readBack},
		{"each reading once", onceOnly},
		{"readings about midnight", midnightReadings},
		{"any batches once each", lawOnce},
		{"replay changes nothing", replay},
		{"rewound, a log comes again", rewind},
		{"a position is of one log", logs},
		{"a position of no known log", unknownLog},
		{"late and out of order", outOfOrder},
		{"too late to be judged", lateReadings},
		{"a mark of days", lateDays},
		{"any marks and readings", lawLate},
		{"range includes from and not to", edges},
		{"rollups are replaced", rollups},
		{"less of a minute replaces no more of it", grownMinutes},
		{"a rebuild may leave less", shrunkMinutes},
		{"any minutes", lawMinutes},
		{"minutes, episodes and decisions about midnight", midnightDerived},
		{"slots", slots},
		{"any slots", lawSlots},
		{"totals", totals},
		{"episodes in any order of findings", episodes},
		{"episodes that overlap", episodeEdges},
		{"episodes without an end", openEpisodes},
		{"severity and cause", severities},
		{"findings are kept whole", findings},
		{"replacing", replace},
		{"replacing, and the log comes again", replaceRewound},
		{"replacing includes from and not to", replaceEdges},
		{"what cannot be put in place", replaceRefused},
		{"replacing where nothing is", replaceNobody},
		{"replacing what was read", replaceGuarded},
		{"replacing beside appending and reading", replaceBeside},
		{"decisions", decisions},
		{"aggregates", aggregates},
		{"years of aggregates", manyAggregates},
		{"ranges of nothing and of all", ranges},
		{"wearers", wearers},
		{"erasing", erase},
		{"erasing nobody", eraseNobody},
		{"erasing forgets", eraseForgets},
		{"erasing beside appending", eraseBeside},
		{"retention", retain},
		{"what retention is none", retainRefused},
		{"organisations are apart", organisations},
		{"reopening keeps all", reopen},
		{"a failed append changes nothing", failedAppend},
		{"what cannot be asked", badQueries},
		{"reading beside appending", concurrent},
		{"everything at once", allAtOnce},
		{"kill -9 in mid-append", kill},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// opened is a store of its own for a test, closed at its end.
func opened(t *testing.T, open Open) series.Store {
	t.Helper()
	return openedIn(t, open, t.TempDir())
}

func openedIn(t *testing.T, open Open, dir string) series.Store {
	t.Helper()
	s := open(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func mustAppend(t testing.TB, s series.Store, b series.Batch) {
	t.Helper()
	if _, err := s.Append(context.Background(), b); err != nil {
		t.Fatalf("append: %v", err)
	}
}
