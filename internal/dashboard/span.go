package dashboard

import (
	"time"

	"sitwell/internal/registry"
	"sitwell/internal/series"
)

const (
	hoursOfDays = 24 * time.Hour
	longSpan    = 400 * hoursOfDays // the retention of rollups
	shortSpan   = 31 * hoursOfDays  // just over that of raw readings
)

// Times outside of these years are mistakes.
const firstYear, lastYear = 2000, 2100

// span reads from and to, RFC 3339 times at most so far apart.
func (r *call) span(longest time.Duration) (series.Query, error) {
	from, err := r.time("from")
	if err != nil {
		return series.Query{}, err
	}
	to, err := r.time("to")
	if err != nil {
		return series.Query{}, err
	}
	switch {
	case !from.Before(to):
		return series.Query{}, badRequest("bad_range", "The range ends before it begins, or at once. Give a later time as to.")
	case to.Sub(from) > longest:
		return series.Query{}, badRequest("range_too_long", "The range has %d days; at most %d are given at once. Ask for it in parts.",
			int(to.Sub(from)/hoursOfDays), int(longest/hoursOfDays))
	}
	return about(r.person, from, to), nil
}

func (r *call) time(name string) (time.Time, error) {
	text := r.query.Get(name)
	if text == "" {
		return time.Time{}, badRequest("missing_parameter", "Give from and to, such as 2026-11-20T08:00:00Z: %s is missing.", name)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < firstYear || at.Year() > lastYear {
		return time.Time{}, badRequest("bad_time", "%s is no RFC 3339 time such as 2026-11-20T08:00:00Z. A + in it must be escaped as %%2B.", name)
	}
	return at.UTC(), nil
}

// date reads the day in the wearer's zone, today by default, as its begin and end.
// With changes of the clock it has 23 to 25 hours, and need not begin at midnight.
func (r *call) date(now time.Time) (from, to time.Time, err error) {
	day := now.In(r.zone)
	if text := r.query.Get("date"); text != "" {
		day, err = time.Parse(time.DateOnly, text)
		if err != nil || day.Year() < firstYear || day.Year() > lastYear {
			return from, to, badRequest("bad_date", "date is no day such as 2026-11-20.")
		}
	}
	y, m, n := day.Date()
	return registry.DayStart(y, m, n, r.zone), registry.DayStart(y, m, n+1, r.zone), nil
}
