package dashboard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// make makes the figures of every organisation's windows that are over.
func (w *world) make(t testing.TB) {
	t.Helper()
	for _, org := range w.registry.Orgs() {
		if err := w.maker.Make(t.Context(), org); err != nil {
			t.Fatal(err)
		}
	}
}

// An office of three is never shown, and that of sixty in groups.
func TestOfficeOverHTTP(t *testing.T) {
	w := newWorld(t, noon, staff())
	b := series.Batch{Stream: schemas.StreamRollups, Seq: 1}
	for _, p := range staff() { // an hour of a day of last week
		for m := range 60 {
			b.Rollups = append(b.Rollups, schemas.Rollup{
				Org: p.Org, Wearer: p.ID, Minute: at(10, m).AddDate(0, 0, -8).Unix() / 60, Sitting: 60, Upright: 40, Slouched: 20, Flexion: 12,
			})
		}
	}
	w.append(t, b)
	type summary struct {
		Made   time.Time
		Groups []struct{ Name string }
		Office []struct {
			Label      string
			Suppressed bool
			SittingMin *int `json:"sitting_min"`
		}
	}
	const path = "/api/v1/orgs/acme/office"
	if s := into[summary](t, get(t, w, path)); !s.Made.IsZero() || !s.Office[3].Suppressed || len(s.Groups) != 3 {
		t.Errorf("before anything was made the office is %+v", s)
	}
	w.make(t)
	s := into[summary](t, get(t, w, path))
	if len(s.Groups) != 3 || s.Groups[0].Name != "Design + Facilities" || s.Office[3].Suppressed || *s.Office[3].SittingMin != 60 || !s.Made.Equal(noon) {
		t.Errorf("acme's office is %+v", s)
	}
	body := get(t, w, "/api/v1/orgs/globex/office").body
	if small := into[summary](t, get(t, w, "/api/v1/orgs/globex/office")); len(small.Groups) != 0 || strings.Contains(body, `"suppressed":false`) {
		t.Errorf("two people's office is %s", body)
	}
}

// The heat map is of whole months, the last three by default, and the same in shape
// whether there is anything in it or not.
func TestHeatMapOverHTTP(t *testing.T) {
	w := newWorld(t, noon, few())
	var all []series.Aggregate
	for month, sitting := range map[time.Month]float64{8: 30, 9: 40, 10: 51, 11: 60} { // Tuesdays at 9 in Vienna, before the clocks change
		start := time.Date(2026, month, 4, 7, 0, 0, 0, time.UTC)
		for start.Weekday() != time.Tuesday {
			start = start.AddDate(0, 0, 1)
		}
		if month == 11 {
			start = start.Add(time.Hour)
		}
		all = append(all, series.Aggregate{
			Org: acme, Window: series.HourOfWeek, Start: start, End: start.AddDate(0, 0, 21), Made: noon, Contributors: "50+",
			SittingMin: sitting, SlouchedPct: 20, Breaks: 1.1, FlexionDeg: 9,
		}, series.Aggregate{
			Org: acme, Window: series.HourOfWeek, Start: start.Add(time.Hour), End: start.AddDate(0, 0, 21), Made: noon, Suppressed: true,
		})
	}
	if err := w.store.PutAggregates(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	type heat struct {
		From, To string
		HourK    int `json:"hour_k"`
		Made     time.Time
		Hours    [7][24]struct {
			Months     int
			SittingMin *int `json:"sitting_min"`
			Breaks     *float64
		}
	}
	const path = "/api/v1/orgs/acme/office/heatmap"
	for query, want := range map[string]string{
		"":                         "2026-08 2026-10 3 40",
		"?to=2026-09":              "2026-07 2026-09 2 35",
		"?from=2026-10":            "2026-10 2026-10 1 51",
		"?from=2026-10&to=2026-11": "2026-10 2026-11 2 56",
		"?from=2025-01&to=2026-12": "2025-01 2026-12 4 45",
	} {
		m := into[heat](t, get(t, w, path+query))
		h := m.Hours[1][9]
		if got := fmt.Sprint(m.From, " ", m.To, " ", h.Months, " ", *h.SittingMin); got != want || m.HourK != 100 || *h.Breaks != 1.1 || !m.Made.Equal(noon) {
			t.Errorf("%q: got %s, want %s; %+v", query, got, want, h)
		}
		if next := m.Hours[1][10]; next.Months != 0 || next.SittingMin != nil {
			t.Errorf("%q: the suppressed hour is %+v", query, next)
		}
	}
	body := get(t, w, "/api/v1/orgs/globex/office/heatmap").body
	if n := strings.Count(body, `"months":0,"sitting_min":null,"slouched_pct":null,"breaks":null,"flexion_deg":null`); n != 7*24 || strings.Contains(body, "made") {
		t.Errorf("of %d hours nothing is known: %.300s", n, body)
	}
}
