package seriestest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

var team = schemas.MustID("team-7")

// aggregate is one of a window of an hour whose figures tell its start.
func aggregate(org, group schemas.ID, window series.Window, start time.Time) series.Aggregate {
	n := float64(start.Unix() / 60 % 50)
	return series.Aggregate{
		Org: org, Group: group, Window: window, Start: start, End: start.Add(time.Hour), Made: start.Add(7 * time.Hour), Contributors: "10-19",
		SittingMin: 40.125 + n, SlouchedPct: 12.375, Breaks: 1.5, FlexionDeg: -3.0625,
	}
}

func suppressed(a series.Aggregate) series.Aggregate {
	return series.Aggregate{Org: a.Org, Group: a.Group, Window: a.Window, Start: a.Start, End: a.End, Suppressed: true}
}

func mustPut(t testing.TB, s series.Store, all ...series.Aggregate) {
	t.Helper()
	if err := s.PutAggregates(t.Context(), all); err != nil {
		t.Fatalf("put aggregates: %v", err)
	}
}

func wantAggregates(t testing.TB, s series.Store, q series.OfficeQuery, want ...series.Aggregate) {
	t.Helper()
	got := must[[]series.Aggregate](t)(s.Aggregates(t.Context(), q))
	for i := range got {
		got[i].Start, got[i].End, got[i].Made = got[i].Start.UTC(), got[i].End.UTC(), got[i].Made.UTC()
	}
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("aggregates of %+v are\n%+v, want\n%+v", q, got, want)
	}
}

// aggregates: they come back by start and then group, the whole organisation first; one
// takes the place of that of the same organisation, group, window and start, all of it.
func aggregates(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	whole := schemas.ID{}
	day := func(start float64) series.Aggregate { return aggregate(acme, whole, series.Day, after(start)) }
	teams := aggregate(acme, team, series.Day, after(3600))
	theirs, week := day(3600), day(3600)
	theirs.Org, week.Window, week.SittingMin = other, series.Week, 9
	hours := aggregate(acme, whole, series.HourOfWeek, after(3600))
	mustPut(t, s, day(7200), teams, day(3600), theirs, week, hours)
	mustPut(t, s)
	query := func(org schemas.ID, w series.Window, from, to float64) series.OfficeQuery {
		return series.OfficeQuery{Org: org, Window: w, From: after(from), To: after(to)}
	}
	all := query(acme, series.Day, 0, 9000)
	wantAggregates(t, s, all, day(3600), teams, day(7200))
	wantAggregates(t, s, query(acme, series.Day, 3600, 7200), day(3600), teams)
	wantAggregates(t, s, query(acme, series.Day, 3600.001, 7200.001), day(7200))
	wantAggregates(t, s, query(other, series.Day, 0, 9000), theirs)
	wantAggregates(t, s, query(acme, series.Week, 0, 9000), week)
	wantAggregates(t, s, query(acme, series.HourOfWeek, 0, 9000), hours)
	wantAggregates(t, s, query(schemas.MustID("third"), series.Day, 0, 9000))

	// A figure that may not be known any more is gone, and another window's stays.
	longer := teams
	longer.End, longer.SittingMin, longer.Contributors = after(9000), 0, "20-49"
	mustPut(t, s, suppressed(day(3600)), longer)
	wantAggregates(t, s, all, suppressed(day(3600)), longer, day(7200))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	wantAggregates(t, s, all, suppressed(day(3600)), longer, day(7200))
	wantAggregates(t, s, query(acme, series.Week, 0, 9000), week)
	mustPut(t, s, suppressed(teams), day(3600), suppressed(teams), teams) // the last counts
	wantAggregates(t, s, all, day(3600), teams, day(7200))
	wantStats(t, s, series.Stats{Aggregates: 6})

	nobodys := day(3600)
	nobodys.Org = schemas.ID{}
	if err := s.PutAggregates(t.Context(), []series.Aggregate{suppressed(day(7200)), nobodys}); err == nil {
		t.Error("aggregates of no organisation gave no error")
	}
	wantAggregates(t, s, all, day(3600), teams, day(7200))
}

// years of hours of the week, as an office has: many at once, in whatever zone.
func manyAggregates(t *testing.T, open Open) {
	s := opened(t, open)
	zone := time.FixedZone("here", -5*3600-1800)
	var all []series.Aggregate
	for i := range 24 * 7 * 12 {
		a := aggregate(acme, schemas.ID{}, series.HourOfWeek, after(float64(3600*i)).In(zone))
		a.Contributors = fmt.Sprint(i)
		all = append(all, a)
	}
	mustPut(t, s, all...)
	mustPut(t, s, all...)
	for i := range all {
		all[i].Start, all[i].End, all[i].Made = all[i].Start.UTC(), all[i].End.UTC(), all[i].Made.UTC()
	}
	q := series.OfficeQuery{Org: acme, Window: series.HourOfWeek, From: monday.AddDate(-5, 0, 0), To: monday.AddDate(5, 0, 0)}
	wantAggregates(t, s, q, all...)
	q.From, q.To = after(3600*100), after(3600*200)
	wantAggregates(t, s, q, all[100:200]...)
	wantStats(t, s, series.Stats{Aggregates: int64(len(all))})
}
