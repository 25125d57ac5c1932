package sim

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// calendar is when the office works: 08:00 to 17:00 on five days of the week,
// of which today is one.
type calendar struct {
	zone    *time.Location
	daysOff [2]time.Weekday
}

// day is one wearer's working day, in ms of event time; takeOff and parcels are for
// those whose kit says so.
type day struct{ arrive, takeOff, lunch, lunchEnd, parcels, leave int64 }

// newCalendar chooses the zone in which now is between 13:30 and 14:30, so that
// it is always working hours, and days off that are not today.
func newCalendar(now time.Time) calendar {
	utc := now.UTC()
	hour := 13
	if utc.Minute() < 30 {
		hour = 14
	}
	offset := hour - utc.Hour()
	c := calendar{zone: time.FixedZone(zoneName(offset), offset*3600)}
	switch now.In(c.zone).Weekday() {
	case time.Saturday:
		c.daysOff = [2]time.Weekday{time.Sunday, time.Monday}
	case time.Sunday:
		c.daysOff = [2]time.Weekday{time.Friday, time.Saturday}
	default:
		c.daysOff = [2]time.Weekday{time.Saturday, time.Sunday}
	}
	return c
}

// zoneName is the IANA name of a fixed offset from UTC in hours, whose sign is
// the other way round.
func zoneName(offset int) string {
	if offset == 0 {
		return "Etc/UTC"
	}
	sign, n := "-", offset
	if offset < 0 {
		sign, n = "+", -offset
	}
	return "Etc/GMT" + sign + strconv.Itoa(n)
}

func (c *calendar) works(t time.Time) bool {
	d := t.Weekday()
	return d != c.daysOff[0] && d != c.daysOff[1]
}

// midnight is the local start of t's day.
func (c *calendar) midnight(t time.Time) time.Time {
	y, m, d := t.In(c.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.zone)
}

// next is the first working day that has not begun by t: a day of 08:20 to
// 16:55, more or less, with half an hour's lunch without the device, which
// makes 8 hours worn.
func (c *calendar) next(t int64, r *rand.Rand) day {
	base := c.midnight(time.UnixMilli(t))
	for !c.works(base) || base.Add(arrivesAt).UnixMilli() < t {
		base = c.midnight(base.Add(36 * time.Hour))
	}
	at := func(from time.Duration, late time.Duration) int64 {
		return base.Add(from + time.Duration(r.Int64N(int64(late)))).UnixMilli()
	}
	d := day{arrive: at(arrivesAt, 40*time.Minute), lunch: at(11*time.Hour+40*time.Minute, 20*time.Minute)}
	d.lunchEnd = d.lunch + (30*time.Minute + time.Duration(r.Int64N(int64(10*time.Minute)))).Milliseconds()
	d.leave = at(16*time.Hour+40*time.Minute, 30*time.Minute)
	d.parcels = at(14*time.Hour+30*time.Minute, 45*time.Minute)
	d.takeOff = at(9*time.Hour+30*time.Minute, 90*time.Minute)
	return d
}

const arrivesAt = 8 * time.Hour
