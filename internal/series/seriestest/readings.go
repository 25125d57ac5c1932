package seriestest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// readBack: every field of readings and events, by time and then sequence.
func readBack(t *testing.T, open Open) {
	s := opened(t, open)
	full := schemas.Item{Reading: schemas.Reading{
		Seq: schemas.MaxSeq, Time: after(59.999).UnixMilli(), TrunkPitch: -1800, TrunkRoll: 1800, LumbarPitch: 1, HeadPitch: -1,
		Acc: [3]int16{-16000, 16000, 7}, Motion: 16000, Steps: 60000, SittingS: 604800, Battery: 100, Quality: 1,
		Fields: schemas.HasTrunk | schemas.HasAcc | schemas.HasLumbar | schemas.HasHead | schemas.HasMotion |
			schemas.HasSitting | schemas.HasSittingS | schemas.IsWorn | schemas.HasSteps | schemas.HasBattery | schemas.HasQuality,
	}}
	upright := [3]int16{20, 990, -100}
	calibrate := schemas.Item{
		Reading: schemas.Reading{Seq: 7, Time: after(60).UnixMilli()},
		Event:   &schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &upright},
	}
	button := schemas.Item{Reading: schemas.Reading{Seq: 6, Time: after(60).UnixMilli()}, Event: &schemas.Event{Type: schemas.EventButton}}
	const boot = 1<<32 - 1
	mustAppend(t, s, raw(3, run(boot, reading(5, 60), full, calibrate, button)))
	want := []series.Reading{
		{Device: chest, Boot: boot, Item: full},
		{Device: chest, Boot: boot, Item: reading(5, 60)},
		{Device: chest, Boot: boot, Item: button},
		{Device: chest, Boot: boot, Item: calibrate},
	}
	if got := stored(t, s, between(annOf, 0, 3600)); !reflect.DeepEqual(got, want) {
		t.Errorf("readings are\n%+v, want\n%+v", got, want)
	}
	calls := 0
	err := s.Readings(context.Background(), between(annOf, 0, 3600), func(series.Reading) error { calls++; return errStop })
	if !errors.Is(err, errStop) || calls != 1 {
		t.Errorf("an error of each gave %v after %d calls, want %v after 1", err, calls, errStop)
	}
}

// replay: a batch at or behind the position is dropped, whatever it holds.
func replay(t *testing.T, open Open) {
	s := opened(t, open)
	mustAppend(t, s, raw(10, run(1, reading(1, 0))))
	for i, seq := range []uint64{10, 9, 0} {
		b := raw(seq, run(1, reading(uint64(i)+2, float64(i+1)), reading(1, 0)))
		if got, err := s.Append(context.Background(), b); err != nil || got != (series.Appended{}) {
			t.Errorf("a batch that is dropped came to %+v, %v, want nothing", got, err)
		}
	}
	wantSeqs(t, s, between(annOf, 0, 60), 1)
	wantPosition(t, s, schemas.StreamReadings, 10)
	wantPosition(t, s, schemas.StreamRollups, 0)
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 4}) // streams count for themselves
	wantPosition(t, s, schemas.StreamRollups, 4)
	wantPosition(t, s, schemas.StreamReadings, 10)
	mustAppend(t, s, raw(11, run(1, reading(2, 1))))
	wantSeqs(t, s, between(annOf, 0, 60), 1, 2)
}

// outOfOrder: hours of late readings, and appends that go back and forth, all
// in order when they are read.
func outOfOrder(t *testing.T, open Open) {
	s := opened(t, open)
	all := readings(0, 600, 0, 30) // five hours
	var seq uint64
	for _, part := range []int{4, 0, 5, 2, 1, 3} {
		for i := range 3 { // three messages of each part, their readings interleaved and backwards
			var items []schemas.Item
			for j := 99 - i; j >= 0; j -= 3 {
				items = append(items, all[part*100+j])
			}
			seq++
			mustAppend(t, s, raw(seq, run(1, items...)))
		}
	}
	got := stored(t, s, between(annOf, 0, 5*3600))
	if len(got) != len(all) {
		t.Fatalf("%d readings, want %d", len(got), len(all))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i].Item, all[i]) {
			t.Fatalf("reading %d is %+v, want %+v", i, got[i].Item, all[i])
		}
	}
}

// edges: From counts, To does not, to the millisecond.
func edges(t *testing.T, open Open) {
	s := opened(t, open)
	mustAppend(t, s, raw(1, run(1, reading(1, 59.999), reading(2, 60), reading(3, 60.001), reading(4, 119.999), reading(5, 120))))
	for _, c := range []struct {
		from, to float64
		want     []uint64
	}{
		{60, 120, []uint64{2, 3, 4}},
		{59.999, 60, []uint64{1}},
		{60, 60.001, []uint64{2}},
		{60.0005, 120.0005, []uint64{3, 4, 5}},
		{120, 120.001, []uint64{5}},
		{60, 60, nil},
		{120, 60, nil},
		{121, 1e6, nil},
	} {
		wantSeqs(t, s, between(annOf, c.from, c.to), c.want...)
	}
	ever := annOf
	ever.To = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) // From is the year 1
	wantSeqs(t, s, ever, 1, 2, 3, 4, 5)
}

// organisations: the same names in two organisations are different people.
func organisations(t *testing.T, open Open) {
	s := opened(t, open)
	mine, theirs := run(1, reading(1, 0)), run(1, reading(1, 1), reading(2, 2))
	theirs.Org = other
	mustAppend(t, s, raw(1, mine, theirs))
	of := func(org schemas.ID, level int) schemas.Finding {
		f := finding("e1", schemas.Opened, level)
		f.Org = org
		return f
	}
	mustAppend(t, s, found(1, of(acme, 1), of(other, 2)))
	theirLate := late(1, 1, 1)
	theirLate.Org = other
	mustAppend(t, s, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{
		{Org: acme, Wearer: ann, Minute: minuteOf(0), Sitting: 10}, {Org: other, Wearer: ann, Minute: minuteOf(0), Sitting: 20},
	}, Late: []schemas.Late{theirLate}})
	mustAppend(t, s, series.Batch{Stream: schemas.StreamNudges, Seq: 1, Decisions: []schemas.Decision{
		{ID: "d", Org: acme, Wearer: ann, Time: after(0), Why: "mine"}, {ID: "d", Org: other, Wearer: ann, Time: after(0), Why: "theirs"},
	}})
	ctx := context.Background()
	for _, c := range []struct {
		q       series.Query
		seqs    []uint64
		late    []uint64
		level   int
		sitting float64
		why     string
	}{
		{annOf, []uint64{1}, nil, 1, 10, "mine"},
		{annOf2, []uint64{1, 2}, []uint64{1}, 2, 20, "theirs"},
	} {
		q := between(c.q, 0, 3600)
		wantSeqs(t, s, q, c.seqs...)
		wantLate(t, s, q, c.late...)
		if f := must[[]schemas.Finding](t)(s.Findings(ctx, q.Org, "e1")); len(f) != 1 || f[0].Level != c.level || f[0].Org != q.Org {
			t.Errorf("findings of %s are %+v", q.Org, f)
		}
		if e := must[[]series.Episode](t)(s.Episodes(ctx, q)); len(e) != 1 || e[0].Level != c.level {
			t.Errorf("episodes of %s are %+v", q.Org, e)
		}
		if r := must[[]schemas.Rollup](t)(s.Rollups(ctx, q)); len(r) != 1 || !near(float64(r[0].Sitting), c.sitting) || r[0].Org != q.Org {
			t.Errorf("rollups of %s are %+v", q.Org, r)
		}
		if d := must[[]schemas.Decision](t)(s.Decisions(ctx, q)); len(d) != 1 || d[0].Why != c.why {
			t.Errorf("decisions of %s are %+v", q.Org, d)
		}
		if sums := must[[]series.Totals](t)(s.Totals(ctx, q)); len(sums) != 1 || !near(sums[0].Sitting, c.sitting) {
			t.Errorf("totals of %s are %+v", q.Org, sums)
		}
	}
	if f := must[[]schemas.Finding](t)(s.Findings(ctx, schemas.MustID("third"), "e1")); len(f) != 0 {
		t.Errorf("findings of a third organisation are %+v", f)
	}
	if err := s.Replace(ctx, between(annOf2, 0, 3600), series.Rebuilt{}); err != nil {
		t.Errorf("replace: %v", err)
	}
	wantStats(t, s, series.Stats{Readings: 3, Rollups: 1, Episodes: 1, Findings: 1, Decisions: 2}) // acme's are there
	if e := must[[]series.Episode](t)(s.Episodes(ctx, between(annOf, 0, 3600))); len(e) != 1 {
		t.Errorf("episodes of %s are %+v", acme, e)
	}
	wantSeqs(t, s, between(series.Query{Org: schemas.MustID("third"), Wearer: ann}, 0, 3600))
	if i := slices.IndexFunc(stored(t, s, between(annOf, 0, 3600)), func(r series.Reading) bool { return r.Time != monday.UnixMilli() }); i >= 0 {
		t.Error("another organisation's reading is there")
	}
}
