package office

import (
	"fmt"
	"time"

	"sitwell/internal/registry"
)

// window is a range of whole days that is over.
type window struct {
	label string // 2026-W46, or 2026-11-20
	days  []day  // at least one
}

// day is one day in the organisation's zone, from its first instant to that of
// the next day.
type day struct {
	label    string // 2026-11-20
	from, to time.Time
}

// date is the day of t as midnight UTC. Days are counted there, where all of them
// have 24 hours: in a zone a day may lack its midnight.
func date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dayOf is the day of a date in a zone.
func dayOf(date time.Time, zone *time.Location) day {
	y, m, d := date.Date()
	return day{label: date.Format(time.DateOnly), from: registry.DayStart(y, m, d, zone), to: registry.DayStart(y, m, d+1, zone)}
}

// lastDays are the n days before today, earliest first.
func lastDays(now time.Time, n int) []window {
	today := date(now)
	days := make([]window, 0, n)
	for i := n; i > 0; i-- {
		d := dayOf(today.AddDate(0, 0, -i), now.Location())
		days = append(days, window{label: d.label, days: []day{d}})
	}
	return days
}

// lastWeeks are the n ISO weeks before the present one, earliest first.
func lastWeeks(now time.Time, n int) []window {
	today := date(now)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	weeks := make([]window, 0, n)
	for i := n; i > 0; i-- {
		first := monday.AddDate(0, 0, -7*i)
		year, week := first.ISOWeek()
		w := window{label: fmt.Sprintf("%d-W%02d", year, week)}
		for d := range 7 {
			w.days = append(w.days, dayOf(first.AddDate(0, 0, d), now.Location()))
		}
		weeks = append(weeks, w)
	}
	return weeks
}
