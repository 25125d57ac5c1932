package series

import (
	"strings"
	"testing"
	"time"
)

func TestRetentionIsChecked(t *testing.T) {
	if err := DefaultRetention().Validate(); err != nil {
		t.Errorf("the default retention: %v", err)
	}
	for _, c := range []struct {
		name   string
		change func(Retention)
		want   []string
	}{
		{"a class is missing", func(r Retention) { delete(r, Events) }, []string{"events"}},
		{"none is there", func(r Retention) { clear(r) }, []string{"raw", "rollups", "events", "office"}},
		{"less than a day", func(r Retention) { r[Raw] = day - 1 }, []string{"raw", "23h59m59.999999999s"}},
		{"less than nothing", func(r Retention) { r[Office] = -day }, []string{"office"}},
		{"an unknown class", func(r Retention) { r["readings"] = day }, []string{"only [raw rollups events office]"}},
	} {
		r := DefaultRetention()
		c.change(r)
		err := r.Validate()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %v, want %q in it", c.name, err, want)
			}
		}
	}
}

// A UTC day is kept as long as a moment of it is: in whatever zone now is.
func TestCutIsTheStartOfADay(t *testing.T) {
	r := Retention{Raw: 2 * day, Rollups: day + time.Hour, Events: day, Office: day}
	zone := time.FixedZone("here", 10*3600)
	for _, c := range []struct {
		class Class
		now   time.Time
		want  string
	}{
		{Raw, time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC), "2026-03-08T00:00:00Z"},
		{Raw, time.Date(2026, 3, 10, 23, 59, 59, 0, time.UTC), "2026-03-08T00:00:00Z"},
		{Raw, time.Date(2026, 3, 10, 9, 0, 0, 0, zone), "2026-03-07T00:00:00Z"},
		{Rollups, time.Date(2026, 3, 10, 0, 30, 0, 0, time.UTC), "2026-03-08T00:00:00Z"},
		{Rollups, time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC), "2026-03-09T00:00:00Z"},
	} {
		if got := r.Cut(c.class, c.now).Format(time.RFC3339); got != c.want {
			t.Errorf("at %v %s is kept from %s on, want %s", c.now, c.class, got, c.want)
		}
	}
}
