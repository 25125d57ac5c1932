package seriestest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// dayOf is the extent of a wearer from a day after monday's on to another, in days.
func dayOf(org, wearer schemas.ID, from, to int) series.Extent {
	day := monday.Truncate(24 * time.Hour)
	return series.Extent{Org: org, Wearer: wearer, From: day.AddDate(0, 0, from), To: day.AddDate(0, 0, to)}
}

func wantWearers(t testing.TB, s series.Store, want ...series.Extent) {
	t.Helper()
	var got []series.Extent
	if err := s.Wearers(t.Context(), func(e series.Extent) error {
		e.From, e.To = e.From.UTC(), e.To.UTC()
		got = append(got, e)
		return nil
	}); err != nil {
		t.Fatalf("wearers: %v", err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("wearers are\n%+v, want\n%+v", got, want)
	}
}

// wearers: each of whom there is something, of whatever kind, with the days of it.
func wearers(t *testing.T, open Open) {
	s := opened(t, open)
	wantWearers(t, s)
	carl, dora, emil := schemas.MustID("carl"), schemas.MustID("dora"), schemas.MustID("emil")
	bobs := run(2, reading(1, midnight), reading(2, midnight-0.001))
	bobs.Wearer = bob
	theirs := run(1, reading(1, 50*3600))
	theirs.Org = other
	mustAppend(t, s, raw(1, theirs, bobs, run(1, reading(1, 0))))
	carls := schemas.Rollup{Org: acme, Wearer: carl, Minute: minuteOf(midnight - 60), Sitting: 1}
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{carls, sitting(-72*3600, 1)}})
	doras := of(dora, from("e", midnight-10, schemas.Closed, 1)) // it ends on the day after
	mustAppend(t, s, found(1, doras))
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{
		{Schema: schemas.SchemaDecision, ID: "d", Org: acme, Wearer: emil, Time: after(midnight), Action: schemas.ActionSent},
		{Schema: schemas.SchemaDecision, ID: "d", Org: acme, Wearer: ann, Time: after(400 * 24 * 3600), Action: schemas.ActionSent},
	}})
	wantWearers(t, s, dayOf(acme, ann, -3, 401), dayOf(acme, bob, 0, 2), dayOf(acme, carl, 0, 1), dayOf(acme, dora, 0, 1),
		dayOf(acme, emil, 1, 2), dayOf(other, ann, 2, 3))
	calls := 0
	err := s.Wearers(t.Context(), func(series.Extent) error { calls++; return errStop })
	if !errors.Is(err, errStop) || calls != 1 {
		t.Errorf("an error of each gave %v after %d calls, want %v after 1", err, calls, errStop)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wearers(ended, func(series.Extent) error { return nil }); err == nil {
		t.Error("wearers with a cancelled context gave no error")
	}
}

// thirty is a store with something of each kind at 0:00 and at 23:59:59.999, or in the
// last minute, of each of thirty days; the last one is monday's.
func thirty(t testing.TB, s series.Store) {
	t.Helper()
	for i := range 30 {
		seq, start := uint64(i)+1, midnight-float64(30-i)*24*3600
		end := start + 24*3600 - 0.001
		mustAppend(t, s, raw(seq, run(1, reading(10*seq, start), reading(10*seq+1, end))))
		mustAppend(t, s, series.Batch{
			Stream: schemas.StreamRollups, Seq: seq, Rollups: []schemas.Rollup{sitting(start, 1), sitting(end-59.999, 1)},
			Late: []schemas.Late{lateAt(1, 10*seq+1, 10*seq+1, end, end)},
		})
		one, two := after(start).Format(time.DateOnly)+"-one", after(start).Format(time.DateOnly)+"-two"
		mustAppend(t, s, found(seq, from(one, start, schemas.Opened, 1), from(two, end, schemas.Opened, 1), from(two, end, schemas.Closed, 2)))
		decide := func(id string, at float64) schemas.Decision {
			return schemas.Decision{Schema: schemas.SchemaDecision, ID: id, Org: acme, Wearer: ann, Device: chest, Time: after(at), Action: schemas.ActionSent}
		}
		mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: seq, Decisions: []schemas.Decision{decide(one, start), decide(two, end)}})
		mustPut(t, s, aggregate(acme, schemas.ID{}, series.Day, after(start)), aggregate(acme, team, series.Day, after(end).Truncate(time.Second)))
	}
}

// retain: of each class all UTC days that ended longer ago than it is kept are gone, and
// nothing else is; once more changes nothing.
func retain(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	thirty(t, s)
	wantStats(t, s, series.Stats{Readings: 60, Rollups: 60, Episodes: 60, Findings: 90, Decisions: 60, Aggregates: 60})
	const day = 24 * time.Hour
	keep := series.Retention{series.Raw: 2 * day, series.Rollups: 10*day + time.Hour, series.Events: 5*day + 9*time.Hour, series.Office: 20*day + 9*time.Hour + 1}
	days := map[series.Class]int{series.Raw: 3, series.Rollups: 11, series.Events: 6, series.Office: 22} // monday's counts
	want := func() {
		t.Helper()
		q, office := ever(annOf), series.OfficeQuery{Org: acme, Window: series.Day, From: ever(annOf).From, To: ever(annOf).To}
		first := func(c series.Class) time.Time { return after(midnight).AddDate(0, 0, -days[c]) }
		r := recordOf(t, s, q)
		if got := [3]int{len(r.readings), len(r.rollups), len(r.decisions)}; got != [3]int{6, 22, 12} ||
			!r.readings[0].At().Equal(first(series.Raw)) || r.rollups[0].Minute*60 != first(series.Rollups).Unix() || !r.decisions[0].Time.Equal(first(series.Events)) {
			t.Errorf("there are %v readings, rollups, decisions from %v on", got, r)
		}
		wantLate(t, s, q, 281, 291, 301)
		if len(r.episodes) != 12 || !r.episodes[0].Start.Equal(first(series.Events)) {
			t.Errorf("episodes are %+v, want 12 from %v on", r.episodes, first(series.Events))
		}
		gone := first(series.Events).AddDate(0, 0, -1).Format(time.DateOnly) + "-two" // it ended on a day that is kept
		if got := must[[]schemas.Finding](t)(s.Findings(t.Context(), acme, gone)); len(got) > 0 {
			t.Errorf("findings that are too old are there: %+v", got)
		}
		all := must[[]series.Aggregate](t)(s.Aggregates(t.Context(), office))
		if len(all) != 44 || !all[0].Start.Equal(first(series.Office)) {
			t.Errorf("there are %d aggregates, want 44 from %v on", len(all), first(series.Office))
		}
		wantStats(t, s, series.Stats{Readings: 6, Rollups: 22, Episodes: 12, Findings: 18, Decisions: 12, Aggregates: 44})
		wantWearers(t, s, dayOf(acme, ann, -10, 1))
	}
	for range 2 {
		if err := s.Retain(t.Context(), keep, monday); err != nil {
			t.Fatalf("retain: %v", err)
		}
		want()
	}
	wantPosition(t, s, schemas.StreamReadings, 30)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	want()
	mustAppend(t, s, raw(31, run(1, reading(1000, midnight-3600)), run(1, reading(301, midnight-0.001)))) // one is new
	wantSeqs(t, s, between(annOf, 0, 2*midnight), 1000, 301)
	// Nothing is that old.
	if err := s.Retain(t.Context(), series.DefaultRetention(), monday); err != nil {
		t.Fatalf("retain: %v", err)
	}
	wantStats(t, s, series.Stats{Readings: 7, Rollups: 22, Episodes: 12, Findings: 18, Decisions: 12, Aggregates: 44})
}

// retainRefused: a retention that leaves a class out, or keeps it for less than a day,
// removes nothing.
func retainRefused(t *testing.T, open Open) {
	s := opened(t, open)
	mustAppendAll(t, s, whole(acme, ann, chest, 1, 0))
	short, unknown := series.DefaultRetention(), series.DefaultRetention()
	short[series.Rollups] = time.Hour
	unknown["other"] = 24 * time.Hour
	for _, r := range []series.Retention{nil, {}, short, unknown, {series.Raw: 24 * time.Hour}} {
		if err := s.Retain(t.Context(), r, monday.AddDate(50, 0, 0)); err == nil {
			t.Errorf("the retention %v gave no error", r)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Retain(ended, series.DefaultRetention(), monday.AddDate(50, 0, 0)); err == nil {
		t.Error("a retention with a cancelled context gave no error")
	}
	wantStats(t, s, wholeStats(1))
	if err := s.Retain(t.Context(), series.DefaultRetention(), monday.AddDate(50, 0, 0)); err != nil {
		t.Errorf("retain: %v", err)
	}
	wantStats(t, s, series.Stats{})
	wantWearers(t, s)
}
