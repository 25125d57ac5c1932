package seriestest

import (
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// record is all that a query of a wearer gives.
type record struct {
	readings  []series.Reading
	rollups   []schemas.Rollup
	slots     []series.Slot
	episodes  []series.Episode
	findings  [][]schemas.Finding // of each episode
	decisions []schemas.Decision
}

// recordOf asks for all of it, slots by the hour.
func recordOf(t testing.TB, s series.Store, q series.Query) record {
	t.Helper()
	ctx := t.Context()
	r := record{
		readings:  stored(t, s, q),
		rollups:   must[[]schemas.Rollup](t)(s.Rollups(ctx, q)),
		slots:     must[[]series.Slot](t)(s.Slots(ctx, q, time.Hour)),
		episodes:  must[[]series.Episode](t)(s.Episodes(ctx, q)),
		decisions: must[[]schemas.Decision](t)(s.Decisions(ctx, q)),
	}
	for _, e := range r.episodes {
		r.findings = append(r.findings, must[[]schemas.Finding](t)(s.Findings(ctx, q.Org, e.ID)))
	}
	return r
}

func (r *record) empty() bool {
	return len(r.readings)+len(r.rollups)+len(r.slots)+len(r.episodes)+len(r.decisions) == 0
}

// counts are how many readings, rollups, slots, episodes and decisions it has.
func (r *record) counts() [5]int {
	return [5]int{len(r.readings), len(r.rollups), len(r.slots), len(r.episodes), len(r.decisions)}
}

// ranges: one that ends before it starts, or at its start, has nothing in it, and one of
// ten years, or of all time, has all.
func ranges(t *testing.T, open Open) {
	s := opened(t, open)
	for _, b := range everything() {
		mustAppend(t, s, b)
	}
	mustPut(t, s, aggregate(acme, schemas.ID{}, series.Day, monday))
	years := func(n int) time.Time { return monday.AddDate(n, 0, 0) }
	start, end := time.Time{}, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	whole := recordOf(t, s, between(annOf, 0, 3600))
	if want := [5]int{100, 1, 1, 1, 1}; whole.counts() != want {
		t.Fatalf("an hour has %v, want %v", whole.counts(), want)
	}
	for _, c := range []struct {
		from, to time.Time
		all      bool
	}{
		{after(3600), monday, false},
		{after(1), after(0.999), false},
		{monday, monday, false},
		{after(30), after(30), false},
		{years(5), years(-5), false},
		{end, start, false},
		{years(-10), monday, false},
		{years(1), years(11), false},
		{years(-5), years(5), true},
		{monday, years(10), true},
		{years(-10), after(3600), true},
		{start, end, true},
	} {
		q := annOf
		q.From, q.To = c.from, c.to
		got := recordOf(t, s, q)
		totals := must[[]series.Totals](t)(s.Totals(t.Context(), series.Query{Org: acme, From: c.from, To: c.to}))
		aggregates := must[[]series.Aggregate](t)(s.Aggregates(t.Context(), series.OfficeQuery{Org: acme, Window: series.Day, From: c.from, To: c.to}))
		if !c.all {
			if !got.empty() || len(totals)+len(aggregates) > 0 {
				t.Errorf("[%v, %v) has %v, %d totals, %d aggregates, want nothing", c.from, c.to, got.counts(), len(totals), len(aggregates))
			}
			continue
		}
		for i := range got.slots {
			got.slots[i].Start = whole.slots[i].Start // it counts from From
		}
		if !reflect.DeepEqual(got, whole) || len(totals) != 1 || len(aggregates) != 1 {
			t.Errorf("[%v, %v) has\n%+v, %d totals, %d aggregates, want all:\n%+v", c.from, c.to, got, len(totals), len(aggregates), whole)
		}
	}
}
