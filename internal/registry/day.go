package registry

import "time"

// DayStart is the first instant of a day in a zone. Where the clocks jump over
// midnight, as in Santiago on 2026-09-06, the day begins at 1:00; where midnight
// comes twice, at the first. A day that a zone left out is empty: it begins when
// the next one does. Days out of a month's range are counted on, as time.Date
// does, so that the next day's start is the end of this one.
//
// time.Date alone will not do: of a midnight that does not exist it makes a time
// of the evening before.
func DayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	utc := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	// No zone is a whole day off UTC, so this is before the day begins anywhere.
	at := utc.AddDate(0, 0, -1).In(zone)
	for {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		midnight := utc.Add(-time.Duration(offset) * time.Second).In(zone) // as clocks of this offset show it
		switch {
		case midnight.Before(start):
			return start // they were set on past it
		case end.IsZero() || midnight.Before(end):
			return midnight
		}
		at = end
	}
}
