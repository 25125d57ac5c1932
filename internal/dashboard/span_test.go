package dashboard

import (
	"testing"
	"time"

	"sitwell/internal/registry"
	"sitwell/schemas"
)

// A day begins with its first instant, whether that is a midnight or not.
func TestDayThatBeginsWithoutMidnight(t *testing.T) {
	var people []registry.Wearer
	zones := map[string]string{"s": "America/Santiago", "h": "America/Havana", "b": "Asia/Beirut", "v": "Europe/Vienna", "u": "UTC"}
	for id, zone := range zones {
		people = append(people, registry.Wearer{Org: acme, ID: schemas.MustID(id), Team: idOf("Design"), Name: id, Zone: zone})
	}
	now := time.Date(2026, 9, 6, 4, 30, 0, 0, time.UTC) // 1:30 in Santiago, half an hour into the day
	w := newWorld(t, now, people)
	for _, c := range []struct{ wearer, query, date, from, to string }{
		{"s", "?date=2026-09-05", "2026-09-05", "2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z"},
		{"s", "?date=2026-09-06", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"s", "", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"h", "?date=2026-03-08", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		{"h", "?date=2026-11-01", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"b", "?date=2026-03-29", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"},
		{"v", "?date=2026-03-29", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"u", "?date=2026-02-28", "2026-02-28", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"},
	} {
		d := into[dayView](t, get(t, w, "/api/v1/orgs/acme/wearers/"+c.wearer+"/day"+c.query))
		if got := d.From.Format(time.RFC3339) + " " + d.To.Format(time.RFC3339); d.Date != c.date || got != c.from+" "+c.to {
			t.Errorf("%s %s is %s and lasts %s, want %s %s", zones[c.wearer], c.query, d.Date, got, c.from, c.to)
		}
	}
}
