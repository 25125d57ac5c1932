package registry_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/internal/registry"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestDayStart(t *testing.T) {
	for _, c := range []struct {
		zone  string
		month time.Month
		day   int
		want  string
		hours float64
	}{
		{"UTC", 3, 29, "2026-03-29T00:00:00Z", 24},
		{"Europe/Vienna", 11, 20, "2026-11-20T00:00:00+01:00", 24},
		{"Europe/Vienna", 3, 29, "2026-03-29T00:00:00+01:00", 23},
		{"Europe/Vienna", 10, 25, "2026-10-25T00:00:00+02:00", 25},
		{"America/Santiago", 9, 5, "2026-09-05T00:00:00-04:00", 24},
		{"America/Santiago", 9, 6, "2026-09-06T01:00:00-03:00", 23}, // no midnight
		{"America/Santiago", 4, 4, "2026-04-04T00:00:00-03:00", 25}, // 23:00 comes twice
		{"America/Santiago", 4, 5, "2026-04-05T00:00:00-04:00", 24},
		{"America/Havana", 3, 8, "2026-03-08T01:00:00-04:00", 23},  // no midnight
		{"America/Havana", 11, 1, "2026-11-01T00:00:00-04:00", 25}, // midnight comes twice
		{"Asia/Beirut", 3, 29, "2026-03-29T01:00:00+03:00", 23},    // no midnight
		{"Asia/Beirut", 10, 25, "2026-10-25T00:00:00+02:00", 24},
		{"Pacific/Kiritimati", 1, 32, "2026-02-01T00:00:00+14:00", 24},
		{"Pacific/Pago_Pago", 13, 1, "2027-01-01T00:00:00-11:00", 24},
	} {
		loc := zone(t, c.zone)
		from, to := registry.DayStart(2026, c.month, c.day, loc), registry.DayStart(2026, c.month, c.day+1, loc)
		if got := from.Format(time.RFC3339); got != c.want || from.Location() != loc {
			t.Errorf("%s %d-%d begins at %s, want %s", c.zone, c.month, c.day, got, c.want)
		}
		if got := to.Sub(from).Hours(); got != c.hours {
			t.Errorf("%s %d-%d has %v hours, want %v", c.zone, c.month, c.day, got, c.hours)
		}
	}
	apia := zone(t, "Pacific/Apia") // it went over the date line and left a day out
	if from, to := registry.DayStart(2011, 12, 30, apia), registry.DayStart(2011, 12, 31, apia); !from.Equal(to) {
		t.Errorf("the day left out has %v", to.Sub(from))
	}
}

// Every instant is of the day that it says: from its start until the next one's.
func TestDaysHoldTheirInstants(t *testing.T) {
	names := []string{"America/Santiago", "America/Havana", "Asia/Beirut", "Europe/Vienna", "UTC", "Africa/Cairo", "Asia/Kathmandu"}
	rapid.Check(t, func(rt *rapid.T) {
		loc := zone(t, rapid.SampledFrom(names).Draw(rt, "zone"))
		at := time.Unix(rapid.Int64Range(1_500_000_000, 2_500_000_000).Draw(rt, "at"), 0).In(loc)
		y, m, d := at.Date()
		from, to := registry.DayStart(y, m, d, loc), registry.DayStart(y, m, d+1, loc)
		if at.Before(from) || !at.Before(to) {
			rt.Errorf("%v is not in its day, %v to %v", at, from, to)
		}
		if before := from.Add(-time.Second); from.Day() != d || before.Day() == d {
			rt.Errorf("the day of %v begins at %v, after %v", at, from, before)
		}
	})
}
