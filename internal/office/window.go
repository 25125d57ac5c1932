package office

import (
	"fmt"
	"time"
)

// window is a range of whole days that is over.
type window struct {
	label    string // 2026-W46, or 2026-11-20
	from, to time.Time
	days     []time.Time // the midnights that begin its days
}

// midnight begins the day of t in its zone.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// lastDays are the n days before today, earliest first.
func lastDays(now time.Time, n int) []window {
	today := midnight(now)
	days := make([]window, 0, n)
	for i := n; i > 0; i-- {
		day := today.AddDate(0, 0, -i)
		days = append(days, window{
			label: day.Format(time.DateOnly), from: day, to: day.AddDate(0, 0, 1), days: []time.Time{day},
		})
	}
	return days
}

// lastWeeks are the n ISO weeks before the present one, earliest first.
func lastWeeks(now time.Time, n int) []window {
	today := midnight(now)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	weeks := make([]window, 0, n)
	for i := n; i > 0; i-- {
		from := monday.AddDate(0, 0, -7*i)
		year, week := from.ISOWeek()
		w := window{label: fmt.Sprintf("%d-W%02d", year, week), from: from, to: from.AddDate(0, 0, 7)}
		for d := range 7 {
			w.days = append(w.days, from.AddDate(0, 0, d))
		}
		weeks = append(weeks, w)
	}
	return weeks
}
