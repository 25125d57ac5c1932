package office

import (
	"testing"
	"time"

	"sitwell/internal/series"
)

// Days and weeks join, each instant in one of them, where days begin without a
// midnight too, and end before today begins.
func TestWindowsJoinInAnyZone(t *testing.T) {
	for name, now := range map[string]time.Time{
		"America/Santiago": time.Date(2026, 9, 9, 3, 30, 0, 0, time.UTC), // no midnight on 2026-09-06, a Sunday; 0:30 local
		"America/Havana":   time.Date(2026, 3, 11, 15, 0, 0, 0, time.UTC),
		"Asia/Beirut":      time.Date(2026, 4, 1, 15, 0, 0, 0, time.UTC),
		"Europe/Vienna":    time.Date(2026, 11, 4, 23, 30, 0, 0, time.UTC),
		"UTC":              time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
	} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for kind, windows := range map[string][]window{"days": lastDays(now.In(loc), 28), "weeks": lastWeeks(now.In(loc), 4)} {
			var days []span
			var labels []string
			for _, w := range windows {
				days = append(days, w.spans...)
				labels = append(labels, w.first)
			}
			if len(days) != 28 || days[27].to.After(now) {
				t.Errorf("%s: %d %s until %v, it is %v", name, len(days), kind, days[27].to, now)
			}
			for i, d := range days {
				if i > 0 && !days[i-1].to.Equal(d.from) {
					t.Errorf("%s: a day begins at %v, the one before ends at %v", name, d.from, days[i-1].to)
				}
				last := d.to.Add(-time.Second)
				if kind == "days" && (d.from.Format(time.DateOnly) != labels[i] || last.Format(time.DateOnly) != labels[i]) {
					t.Errorf("%s: %s lasts from %v to %v", name, labels[i], d.from, d.to)
				}
			}
		}
	}
}

// The day whose clocks begin at 1:00 is that Sunday, and has 23 hours.
func TestDayWithoutMidnight(t *testing.T) {
	loc, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 9, 7, 12, 0, 0, 0, loc) // the Monday after
	d := lastDays(now, 1)[0]
	if d.label != "2026-09-06" || d.end.Sub(d.start()) != 23*time.Hour {
		t.Errorf("yesterday was %s, %v to %v", d.label, d.start(), d.end)
	}
	w := lastWeeks(now, 1)[0]
	if w.label != "2026-W36" || w.first != "2026-08-31" || w.last != "2026-09-06" || w.spans[6] != d.spans[0] || w.end != d.end {
		t.Errorf("last week was %s, %+v", w.label, w.spans)
	}
}

// Each minute of a month is in one hour of the week and in the one that clocks there show.
func TestHoursOfTheWeekHoldEachMinuteOnce(t *testing.T) {
	for zone, month := range map[string]time.Month{
		"Europe/Vienna": time.March, "America/New_York": time.November, "Australia/Lord_Howe": time.April, "Asia/Kathmandu": time.May,
		"America/Santiago": time.September, "Australia/Sydney": time.October, "UTC": time.February,
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		first := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)
		begin, end := dayOf(first, loc).from, dayOf(first.AddDate(0, 1, 0), loc).from
		minutes := map[int64]bool{}
		windows := hoursOfWeek(first, loc)
		for i, w := range windows {
			if !w.end.Equal(end) {
				t.Errorf("%s: %s ends at %v, its month at %v", zone, w.label, w.end, end)
			}
			if at := w.start().In(loc); (int(at.Weekday())+6)%7 != i/24 || at.Hour() != i%24 {
				t.Errorf("%s: the hour %d of the week begins at %v", zone, i, at)
			}
			for _, s := range w.spans {
				for at := s.from; at.Before(s.to); at = at.Add(time.Minute) {
					local := at.In(loc)
					if minutes[at.Unix()] || (int(local.Weekday())+6)%7 != i/24 || local.Hour() != i%24 {
						t.Fatalf("%s: %v is in %s, or twice", zone, local, w.label)
					}
					minutes[at.Unix()] = true
				}
			}
		}
		if want := int(end.Sub(begin) / time.Minute); len(minutes) != want || len(windows) != 168 {
			t.Errorf("%s: %d hours with %d minutes of %d", zone, len(windows), len(minutes), want)
		}
	}
}

// All that is over is there once, the latest first, and three whole months at least.
func TestWindowsThatAreOver(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{time.Date(2026, 11, 1, 0, 0, 0, 0, loc), time.Date(2026, 11, 30, 23, 59, 0, 0, loc), time.Date(2026, 3, 31, 12, 0, 0, 0, loc)} {
		starts := map[series.Window]map[int64]bool{series.Day: {}, series.Week: {}, series.HourOfWeek: {}}
		windows := over(now, lookBack)
		for _, w := range windows {
			if w.end.After(now) || starts[w.kind][w.start().Unix()] {
				t.Fatalf("%v: %s is there twice, or ends at %v", now, w.label, w.end)
			}
			starts[w.kind][w.start().Unix()] = true
		}
		if windows[0].label != date(now).AddDate(0, 0, -1).Format(time.DateOnly) {
			t.Errorf("%v: the first is %s", now, windows[0].label)
		}
		if n := len(starts[series.HourOfWeek]); len(starts[series.Day]) != lookBack || len(starts[series.Week]) < 17 || n < 3*168 || n > 5*168 {
			t.Errorf("%v: %d days, %d weeks, %d hours of weeks", now, len(starts[series.Day]), len(starts[series.Week]), n)
		}
	}
}
