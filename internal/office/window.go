package office

import (
	"fmt"
	"slices"
	"time"

	"sitwell/internal/registry"
	"sitwell/internal/series"
)

// window is what figures are made of: a day, a week, or an hour of the week by month.
type window struct {
	kind        series.Window
	label       string // 2026-W46, 2026-11-20, or 2026-11 Monday 9
	first, last string // its first and last day
	spans       []span // at least one: the days, or the hours
	end         time.Time
}

func (w *window) start() time.Time { return w.spans[0].from }

// span is a stretch of time that is summed at once.
type span struct{ from, to time.Time }

// date is the day of t as midnight UTC. Days are counted there, where all of them
// have 24 hours: in a zone a day may lack its midnight.
func date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// monday is the date of the Monday of a date's week.
func monday(date time.Time) time.Time { return date.AddDate(0, 0, -(int(date.Weekday())+6)%7) }

// monthOf is the date of the first of a date's month.
func monthOf(date time.Time) time.Time { return date.AddDate(0, 0, 1-date.Day()) }

// dayOf is the day of a date in a zone, from its first instant to that of the next day.
func dayOf(date time.Time, zone *time.Location) span {
	y, m, d := date.Date()
	return span{registry.DayStart(y, m, d, zone), registry.DayStart(y, m, d+1, zone)}
}

// daysBetween are the days of from <= date < to.
func daysBetween(from, to time.Time, zone *time.Location) []window {
	var days []window
	for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
		label := d.Format(time.DateOnly)
		if s := dayOf(d, zone); s.from.Before(s.to) { // a zone may have left a day out
			days = append(days, window{kind: series.Day, label: label, first: label, last: label, spans: []span{s}, end: s.to})
		}
	}
	return days
}

// weeksBetween are the ISO weeks from one Monday to before another.
func weeksBetween(from, to time.Time, zone *time.Location) []window {
	var weeks []window
	for first := from; first.Before(to); first = first.AddDate(0, 0, 7) {
		days := daysBetween(first, first.AddDate(0, 0, 7), zone)
		year, week := first.ISOWeek()
		w := window{kind: series.Week, label: fmt.Sprintf("%d-W%02d", year, week), first: days[0].first, last: days[len(days)-1].last, end: days[len(days)-1].end}
		for i := range days {
			w.spans = append(w.spans, days[i].spans...)
		}
		weeks = append(weeks, w)
	}
	return weeks
}

// hoursOfWeek are the hours of the week of a calendar month, Monday first. An hour
// that a change of the clocks leaves out is missing that once, one that comes twice
// counts as two.
func hoursOfWeek(month time.Time, zone *time.Location) []window {
	var cells [7][24][]span
	for d := month; d.Month() == month.Month(); d = d.AddDate(0, 0, 1) {
		weekday := (int(d.Weekday()) + 6) % 7
		eachHour(dayOf(d, zone), zone, func(hour int, s span) { cells[weekday][hour] = append(cells[weekday][hour], s) })
	}
	last := month.AddDate(0, 1, -1)
	var list []window
	for weekday := range cells {
		for hour := range cells[weekday] {
			if spans := cells[weekday][hour]; len(spans) > 0 {
				label := fmt.Sprintf("%s %s %d", month.Format("2006-01"), time.Weekday((weekday+1)%7), hour)
				list = append(list, window{kind: series.HourOfWeek, label: label, first: month.Format(time.DateOnly), last: last.Format(time.DateOnly), spans: spans, end: dayOf(last, zone).to})
			}
		}
	}
	return list
}

// eachHour calls each for the hours of the clock that a day has.
func eachHour(day span, zone *time.Location, each func(hour int, s span)) {
	for at := day.from.In(zone); at.Before(day.to); {
		past := time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
		next := at.Add(time.Hour - past)
		if _, change := at.ZoneBounds(); !change.IsZero() && change.Before(next) {
			next = change.In(zone)
		}
		if next.After(day.to) {
			next = day.to.In(zone)
		}
		each(at.Hour(), span{at, next})
		at = next
	}
}

// lastDays are the n days before today, earliest first.
func lastDays(now time.Time, n int) []window {
	today := date(now)
	return daysBetween(today.AddDate(0, 0, -n), today, now.Location())
}

// lastWeeks are the n ISO weeks before the present one, earliest first.
func lastWeeks(now time.Time, n int) []window {
	present := monday(date(now))
	return weeksBetween(present.AddDate(0, 0, -7*n), present, now.Location())
}

// over are all windows that were over by now and ended in the days before, those of
// each kind latest first. The hours of the week come last: they are most work.
func over(now time.Time, days int) []window {
	today := date(now)
	oldest := today.AddDate(0, 0, -days)
	list := daysBetween(oldest, today, now.Location())
	slices.Reverse(list)
	weeks := weeksBetween(monday(oldest), monday(today), now.Location())
	slices.Reverse(weeks)
	list = append(list, weeks...)
	for m := monthOf(today).AddDate(0, -1, 0); !m.AddDate(0, 1, 0).Before(oldest); m = m.AddDate(0, -1, 0) {
		list = append(list, hoursOfWeek(m, now.Location())...)
	}
	return list
}
