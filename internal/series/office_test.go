package series

import (
	"testing"
	"time"

	"sitwell/schemas"
)

// hour is the first hour of the week of a month, local time, with figures that tell n.
func hour(zone *time.Location, year int, month time.Month, d, h int, n float64) Aggregate {
	start := time.Date(year, month, d, h, 0, 0, 0, zone)
	return Aggregate{Window: HourOfWeek, Start: start.UTC(), End: start.Add(time.Hour), SittingMin: n, SlouchedPct: 2 * n, Breaks: n / 4, FlexionDeg: -n}
}

func TestHeatIsTheMeanOfMonths(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("there is no zone: %v", err)
	}
	team := schemas.MustID("team")
	teams, day, hidden := hour(zone, 2026, 3, 3, 9, 50), hour(zone, 2026, 3, 3, 9, 50), hour(zone, 2026, 5, 5, 9, 50)
	teams.Group, day.Window, hidden.Suppressed = team, Day, true
	all := []Aggregate{
		hour(zone, 2026, 3, 3, 9, 10), hour(zone, 2026, 4, 7, 9, 20), hour(zone, 2026, 6, 2, 9, 60), // Tuesdays at 9, summer time from April on
		hour(zone, 2026, 3, 1, 23, 4), // a Sunday
		teams, day, hidden,
	}
	m := Heat(all, schemas.ID{}, zone)
	want := HeatMap{}
	want[1][9] = HeatCell{Months: 3, SittingMin: 30, SlouchedPct: 60, Breaks: 7.5, FlexionDeg: -30}
	want[6][23] = HeatCell{Months: 1, SittingMin: 4, SlouchedPct: 8, Breaks: 1, FlexionDeg: -4}
	if m != want {
		t.Errorf("the heat map is\n%+v, want\n%+v", m, want)
	}
	want = HeatMap{}
	want[1][9] = HeatCell{Months: 1, SittingMin: 50, SlouchedPct: 100, Breaks: 12.5, FlexionDeg: -50}
	if m := Heat(all, team, zone); m != want {
		t.Errorf("the team's heat map is\n%+v, want\n%+v", m, want)
	}
	if m := Heat(nil, team, zone); m != (HeatMap{}) {
		t.Errorf("the heat map of nothing is %+v", m)
	}
}
