package office

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// yesterday is Thursday, 9 o'clock.
var yesterday = time.Date(2026, 11, 19, 9, 0, 0, 0, time.UTC)

func (w *world) day(label string) Window {
	w.t.Helper()
	for _, d := range w.summary().Days {
		if d.Label == label {
			return d
		}
	}
	w.t.Fatalf("there is no day %s", label)
	return Window{}
}

// A window is made again each hour until 72 hours after its end, with what has come
// late, and then left.
func TestWindowsAreMadeAgainUntilTheyAreLeft(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{60}, zone: "UTC"}, friday)
	w.wear(50, yesterday, 60)
	w.wait(quiet)
	w.makes()
	if d := w.day("2026-11-19"); d.Suppressed || *d.SittingMin != 60 {
		t.Fatalf("the day is %+v", d)
	}
	w.wear(10, yesterday.Add(2*time.Hour), 60) // ten had more in their buffers
	w.wait(59 * time.Minute)
	if asked := w.makes(); len(asked) != 0 || *w.day("2026-11-19").SittingMin != 60 {
		t.Errorf("it is made again within the hour, or others are: %v", asked)
	}
	w.wait(time.Minute)
	if w.makes(); *w.day("2026-11-19").SittingMin != 72 {
		t.Errorf("an hour later the day is %+v", w.day("2026-11-19"))
	}
	w.time = time.Date(2026, 11, 23, 0, 1, 0, 0, time.UTC) // 72 hours and a minute after its end
	w.wear(10, yesterday.Add(4*time.Hour), 60)
	w.wait(quiet)
	if w.makes(); *w.day("2026-11-19").SittingMin != 84 {
		t.Errorf("72 hours later the day is %+v", w.day("2026-11-19"))
	}
	w.wait(2 * time.Hour)
	w.wear(10, yesterday.Add(6*time.Hour), 60)
	w.wait(quiet)
	asked := 0
	for _, q := range w.makes() {
		if q.From.Equal(yesterday.Truncate(24 * time.Hour)) {
			asked++
		}
	}
	if asked != 1 { // for the week, which ended a day ago
		t.Errorf("what is left is read again: %d times", asked)
	}
	if *w.day("2026-11-19").SittingMin != 84 {
		t.Errorf("what is left has changed: %+v", w.day("2026-11-19"))
	}
}

// Of a history that is loaded nothing is made before all of a day is there, and then
// at once, however long ago the day was.
func TestHistoryThatIsLoadedLaterIsMade(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{60}, zone: "UTC"}, friday)
	w.wait(quiet)
	w.makes()
	if published(w.summary()) {
		t.Fatal("an empty store has figures")
	}
	long := friday.AddDate(0, 0, -20)
	w.wait(time.Minute)
	w.wear(55, long, 60)
	w.wait(quiet - time.Second)
	if asked := w.makes(); len(asked) != 0 {
		t.Errorf("made while it still comes: %v", asked)
	}
	w.wear(60, long.Add(time.Hour), 60)
	w.wait(quiet)
	if w.makes(); *w.day("2026-10-31").SittingMin != 115 {
		t.Errorf("the day is %+v", w.day("2026-10-31"))
	}
	w.wait(30 * time.Minute) // the loading went on after a pause
	w.wear(60, long.Add(3*time.Hour), 60)
	w.wait(quiet)
	if w.makes(); *w.day("2026-10-31").SittingMin != 175 {
		t.Errorf("the day is %+v after the rest of it", w.day("2026-10-31"))
	}
	w.wait(61 * time.Minute)
	w.wear(60, long.Add(5*time.Hour), 60)
	w.wait(quiet)
	if w.makes(); *w.day("2026-10-31").SittingMin != 175 {
		t.Errorf("the day is %+v, though it was to be left", w.day("2026-10-31"))
	}
}

// While only what is past comes of an organisation, its days are there by half, however
// long the pauses are: nothing is made before its present comes, or nothing more.
func TestNothingIsMadeWhileItsOrganisationIsBehind(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"the present comes":  func(w *world) { w.wear(60, w.time.Add(-30*time.Minute), 1); w.wait(quiet) },
		"nothing more comes": func(w *world) { w.wait(idle) },
		"it takes very long": func(w *world) {
			for began := w.time; w.time.Before(began.Add(patience)); w.wait(idle / 2) {
				w.wear(1, yesterday.AddDate(0, 0, -1), 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &staff{sizes: []int{60}, zone: "UTC"}, friday)
			var v visit
			for part := range 4 {
				w.wear(60, yesterday.Add(time.Duration(2*part)*time.Hour), 60)
				w.wait(20 * time.Second)
				if v = w.call(t.Context(), w.staff.Orgs()[0], v); !v.last.IsZero() {
					t.Fatalf("after %d parts of the day figures are made", part+1)
				}
			}
			end(w)
			w.call(t.Context(), w.staff.Orgs()[0], v)
			if d := w.day("2026-11-19"); d.Suppressed || *d.SittingMin != 240 {
				t.Errorf("the day is %+v", d)
			}
		})
	}
}

// After a restart what is left stays so, and what was empty is looked at once: it
// cannot be known what came meanwhile.
func TestRestartGoesOnFromWhatIsStored(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{60}, zone: "UTC"}, friday)
	w.wear(60, friday.AddDate(0, 0, -7), 60) // Friday 13th
	w.wait(quiet)
	if first := w.makes(); len(first) < lookBack {
		t.Fatalf("%d sums were asked for at first", len(first))
	}
	w.wait(2 * time.Hour)
	w.restart()
	w.wear(60, friday.AddDate(0, 0, -8), 60) // told to nobody: an import with the maker away
	w.arrivals = newArrivals(w.time)
	w.wait(quiet)
	for _, q := range w.makes() {
		if q.From.Equal(time.Date(2026, 11, 13, 0, 0, 0, 0, time.UTC)) { // of the day, or of its week, which is over for long
			t.Errorf("what is left is read again: %v", q.From)
		}
	}
	if d := w.day("2026-11-12"); d.Suppressed {
		t.Errorf("the day that was empty is %+v", d)
	}
	w.wait(time.Minute)
	if again := w.makes(); len(again) != 0 {
		t.Errorf("nothing came, and %v were read", again)
	}
}

// A team that grows or shrinks changes the groups of weeks that are still made; what
// was stored of the former groups does not stay beside those of the new ones.
func TestGroupsOfBeforeAreTakenBack(t *testing.T) {
	s := &staff{sizes: []int{30, 12, 12}, zone: "UTC"}
	w := newWorld(t, s, time.Date(2026, 11, 17, 12, 0, 0, 0, time.UTC)) // Tuesday
	w.wear(54, w.time.AddDate(0, 0, -4), 60)
	w.wait(quiet)
	w.makes()
	s.sizes = []int{30, 17, 7} // Team 2 is too small now
	w.wait(time.Hour)
	w.makes()
	groups := map[schemas.ID]bool{}
	rows, err := w.store.Aggregates(t.Context(), series.OfficeQuery{Org: acme, Window: series.Week, From: w.time.AddDate(0, 0, -9), To: w.time})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range rows {
		if !a.Group.IsZero() && !a.Suppressed {
			groups[a.Group] = true
		}
	}
	both := pools(s.Teams(acme), s.Wearers(acme))
	if len(both) != 2 || len(groups) != 2 || !groups[both[0].key()] || !groups[both[1].key()] {
		t.Errorf("published are %v", groups)
	}
}

// A store that fails is asked again each minute, and each hour once all is made.
func TestStoreThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &staff{sizes: []int{60}, zone: "UTC"}, time.Now()) // 2000-01-01, 0:00 UTC
		defer func() {
			if err := w.store.Close(); err != nil { // within the bubble
				t.Error(err)
			}
		}()
		w.now = time.Now
		w.store.fail(errors.New("away"))
		w.wear(60, time.Now().AddDate(0, 0, -2), 60)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(4 * time.Minute) // of the bubble's clock
		synctest.Wait()
		if n := len(w.store.since()); n < 3 || n > 5 {
			t.Errorf("a store that is away was asked %d times in four minutes", n)
		}
		w.store.fail(nil)
		time.Sleep(2 * retryAfter)
		synctest.Wait()
		w.time = time.Now()
		if d := w.day("1999-12-30"); d.Suppressed {
			t.Errorf("the day is %+v", d)
		}
		w.store.since()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if again := len(w.store.since()); again != 2*3 {
			t.Errorf("%d sums were asked for in two hours, which are of three days each hour", again)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
