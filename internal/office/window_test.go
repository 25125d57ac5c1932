package office

import (
	"testing"
	"time"
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
			var days []day
			for _, w := range windows {
				days = append(days, w.days...)
			}
			if len(days) != 28 || days[27].to.After(now) {
				t.Errorf("%s: %d %s until %v, it is %v", name, len(days), kind, days[27].to, now)
			}
			for i, d := range days {
				if i > 0 && !days[i-1].to.Equal(d.from) {
					t.Errorf("%s: %s begins at %v, the one before ends at %v", name, d.label, d.from, days[i-1].to)
				}
				last := d.to.Add(-time.Second)
				if d.from.Format(time.DateOnly) != d.label || last.Format(time.DateOnly) != d.label {
					t.Errorf("%s: %s lasts from %v to %v", name, d.label, d.from, d.to)
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
	if d.label != "2026-09-06" || d.days[0].to.Sub(d.days[0].from) != 23*time.Hour {
		t.Errorf("yesterday was %s, %v to %v", d.label, d.days[0].from, d.days[0].to)
	}
	w := lastWeeks(now, 1)[0]
	if w.label != "2026-W36" || w.days[0].label != "2026-08-31" || w.days[6] != d.days[0] {
		t.Errorf("last week was %s, %+v", w.label, w.days)
	}
}
