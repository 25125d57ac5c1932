package office

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/internal/registry"
)

func TestSummaryOfAnOffice(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{30, 7, 19, 4}, zone: "Europe/Vienna"}, friday)
	w.wear(60, friday.AddDate(0, 0, -10), 90) // Tuesday of the last week
	w.wear(50, friday.AddDate(0, 0, -9), 60)
	w.wait(quiet)
	w.makes()
	s := w.summary()
	if len(s.Groups) != 3 || s.Groups[1].Name != "Team 1 + Team 3" || s.Groups[0].Name != "Team 0" || !s.Made.Equal(w.time.Truncate(time.Second)) {
		t.Fatalf("made at %v, groups: %+v", s.Made, s.Groups)
	}
	last := s.Office[len(s.Office)-1]
	if last.Label != "2026-W46" || last.From != "2026-11-09" || last.To != "2026-11-15" || last.Contributors != "50+" {
		t.Errorf("the last week is %+v", last)
	}
	// 50 people had 75 minutes a day on average, 10 had 90.
	if *last.SittingMin != 78 || *last.SlouchedPct != 33 || *last.Breaks != 2.5 || *last.FlexionDeg != 12 {
		t.Errorf("its figures are %d, %d, %v, %d", *last.SittingMin, *last.SlouchedPct, *last.Breaks, *last.FlexionDeg)
	}
	if got := s.Groups[1].Weeks[3]; got.Contributors != "10-19" || got.Suppressed {
		t.Errorf("the pooled teams' week is %+v", got)
	}
	if !s.Office[0].Suppressed {
		t.Errorf("a week in which nobody wore anything has figures: %+v", s.Office[0])
	}
	days := map[string]Window{}
	for _, d := range s.Days {
		days[d.Label] = d
	}
	if d := days["2026-11-10"]; d.Suppressed || *d.SittingMin != 90 {
		t.Errorf("Tuesday is %+v", d)
	}
	if d := days["2026-11-12"]; !d.Suppressed || d.SittingMin != nil {
		t.Errorf("a day on which nobody wore anything is %+v", d)
	}
}

// Nothing of today or of this week is read at all, whatever the zone.
func TestSummaryIsNeverLive(t *testing.T) {
	for _, zone := range []string{"Pacific/Auckland", "Europe/Vienna", "America/Los_Angeles", "UTC"} {
		w := newWorld(t, &staff{sizes: []int{60}, zone: zone}, friday.Add(-210*time.Minute))
		local := w.time.In(w.zone())
		today := registry.DayStart(local.Year(), local.Month(), local.Day(), w.zone())
		w.wear(60, today, 60)
		w.wait(quiet)
		for _, q := range w.makes() {
			if q.To.After(today) {
				t.Fatalf("%s: read to %s, though today began at %s", zone, q.To, today)
			}
		}
		s := w.summary()
		if got, want := s.Days[len(s.Days)-1].Label, today.AddDate(0, 0, -1).Format(time.DateOnly); got != want {
			t.Errorf("%s: the last day is %s, not %s", zone, got, want)
		}
		if published(s) {
			t.Errorf("%s: today is in %+v", zone, s)
		}
	}
}

func published(s Summary) bool {
	b, _ := json.Marshal(s)
	return bytes.Contains(b, []byte(`"suppressed":false`))
}

// Nine people: the same shape as of an office where nobody wore anything, also in
// what is stored.
func TestSmallOfficeIsSuppressedInTheSameShape(t *testing.T) {
	var shown, stored [2][]byte
	for i, people := range []int{9, 0} {
		w := newWorld(t, &staff{sizes: []int{5, 4, 6}, zone: "UTC"}, friday)
		w.wear(people, friday.AddDate(0, 0, -10), 60)
		w.wait(quiet)
		w.makes()
		shown[i], _ = json.Marshal(w.summary())
		all, err := w.stored(t.Context(), acme, over(w.time, lookBack))
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range all {
			for _, a := range of {
				b, _ := json.Marshal(a)
				stored[i] = append(stored[i], b...)
			}
		}
		slices.Sort(stored[i])
	}
	if !bytes.Equal(shown[0], shown[1]) || !bytes.Equal(stored[0], stored[1]) {
		t.Errorf("nine people can be told from nobody:\n%s\n%s", shown[0], shown[1])
	}
	if !strings.Contains(string(shown[0]), `"Team 0 + Team 1 + Team 2"`) || strings.Contains(string(shown[0]), `"suppressed":false`) {
		t.Errorf("something is published: %s", shown[0])
	}
}

func TestDaysNeedMorePeopleThanWeeks(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{80}, zone: "UTC"}, friday)
	w.wear(49, friday.AddDate(0, 0, -10), 60)
	w.wait(quiet)
	w.makes()
	s := w.summary()
	if s.Office[3].Suppressed {
		t.Error("a week of 49 people is suppressed")
	}
	for _, d := range s.Days {
		if !d.Suppressed {
			t.Fatalf("the day %s of 49 people is published", d.Label)
		}
	}
}

// Somebody who does not belong to the organisation any more is in no figure of it.
func TestOnlyMembersCount(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{9}, zone: "UTC"}, friday)
	w.wear(30, friday.AddDate(0, 0, -10), 60)
	w.wait(quiet)
	w.makes()
	if s := w.summary(); published(s) {
		t.Errorf("nine of thirty are members, and there is %+v", s)
	}
}

// The hours of a week need a hundred people, and are those of the clocks in the
// organisation's zone, summer or winter.
func TestHeatMapOfMonths(t *testing.T) {
	w := newWorld(t, &staff{sizes: []int{120}, zone: "Europe/Vienna"}, friday)
	for _, at := range []time.Time{
		time.Date(2026, 9, 9, 7, 0, 0, 0, time.UTC), // Wednesday, 9 in Vienna
		time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC),
		time.Date(2026, 10, 28, 8, 0, 0, 0, time.UTC), // the clocks went back on the 25th
		time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC),  // a month that is not over
	} {
		w.wear(HourK, at, 30)
	}
	w.wear(HourK-1, time.Date(2026, 10, 29, 8, 0, 0, 0, time.UTC), 30) // of too few
	w.wear(HourK, time.Date(2026, 10, 30, 8, 0, 0, 0, time.UTC), 29)   // of too little time
	w.wait(quiet)
	w.makes()
	m, err := New(w.store, w.staff).HeatMap(t.Context(), w.scope(), w.zone(), friday.AddDate(0, -2, 0), friday)
	if err != nil {
		t.Fatal(err)
	}
	if m.From != "2026-09" || m.To != "2026-11" || m.HourK != HourK || m.Zone != "Europe/Vienna" {
		t.Errorf("the map is %s to %s, of %d people, in %s", m.From, m.To, m.HourK, m.Zone)
	}
	for weekday := range m.Hours {
		for hour, h := range m.Hours[weekday] {
			switch {
			case weekday == 2 && hour == 9:
				if h.Months != 2 || *h.SittingMin != 30 || *h.SlouchedPct != 33 || *h.Breaks != 1 || *h.FlexionDeg != 12 {
					t.Errorf("Wednesday at 9 is %+v", h)
				}
			case h != Hour{}:
				t.Errorf("the weekday %d at %d is %+v", weekday, hour, h)
			}
		}
	}
}

var _ Organisations = (*registry.Registry)(nil)
