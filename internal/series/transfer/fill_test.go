package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

var (
	acme, other = schemas.MustID("acme"), schemas.MustID("other")
	monday      = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
)

const days = 3

func open(t testing.TB, dir string) series.Store {
	t.Helper()
	s, err := sqlite.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// person is a wearer with what they have of a day: how many readings every 20 s from 9:00 on.
type person struct {
	org, wearer schemas.ID
	readings    int
}

func people() []person {
	return []person{
		{acme, schemas.MustID("ann"), 300}, {acme, schemas.MustID("bob"), 7}, {acme, schemas.MustID("carl"), 0}, {other, schemas.MustID("ann"), 40},
	}
}

// fill appends days of everybody from a day on, as a log of this name would.
func fill(t testing.TB, s series.Store, log string, from, to int) {
	t.Helper()
	for d := from; d < to; d++ {
		seq := uint64(d) + 1
		all := map[string]*series.Batch{}
		for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
			all[stream] = &series.Batch{Stream: stream, Log: log, Seq: seq}
		}
		var aggregates []series.Aggregate
		for i, p := range people() {
			if p.wearer.String() == "bob" && d%2 == 1 {
				continue // a day with nothing
			}
			p.day(all, i, d)
			start := monday.AddDate(0, 0, d)
			aggregates = append(aggregates, series.Aggregate{
				Org: p.org, Window: series.Day, Start: start, End: start.AddDate(0, 0, 1), Made: start.AddDate(0, 0, 2), Contributors: "50-99", SittingMin: float64(300 + d), SlouchedPct: 12.5,
			}, series.Aggregate{
				Org: p.org, Group: schemas.MustID("team"), Window: series.HourOfWeek, Start: start, End: start.Add(time.Hour), Suppressed: true,
			})
		}
		for _, b := range all {
			if _, err := s.Append(t.Context(), *b); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		if err := s.PutAggregates(t.Context(), aggregates); err != nil {
			t.Fatalf("put aggregates: %v", err)
		}
	}
}

// day is a day of a person: readings of two runs and of two devices in turn, some late,
// an event, minutes, an episode over midnight and one that is open, decisions.
func (p person) day(all map[string]*series.Batch, number, d int) {
	start := monday.AddDate(0, 0, d).Add(9 * time.Hour)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	batches := map[string]*schemas.Batch{}
	for i := range p.readings {
		device, boot := schemas.MustID(fmt.Sprintf("d%d-%d", number, i%2)), uint32(1+i/100)
		key := fmt.Sprint(device, boot)
		if batches[key] == nil {
			batches[key] = &schemas.Batch{Org: p.org, Wearer: p.wearer, Device: device, Boot: boot}
		}
		n := uint64(d*1000 + i)
		item := schemas.Item{Reading: schemas.Reading{
			Seq: n, Time: at(20 * i).UnixMilli(), TrunkPitch: int16(i), Motion: uint16(d), Fields: schemas.HasTrunk | schemas.HasMotion | schemas.IsWorn,
		}}
		if i%50 == 7 {
			item = schemas.Item{Reading: schemas.Reading{Seq: n, Time: item.Time}, Event: &schemas.Event{Type: schemas.EventWorn, Worn: i%100 == 7}}
		}
		batches[key].Items = append(batches[key].Items, item)
		if i%10 < 4 && i >= 20 {
			all[schemas.StreamRollups].Late = append(all[schemas.StreamRollups].Late, schemas.Late{
				Org: p.org, Wearer: p.wearer, Device: device, Boot: boot, First: n, Last: n, From: item.Time, To: item.Time,
			})
		}
	}
	for _, b := range batches {
		all[schemas.StreamReadings].Readings = append(all[schemas.StreamReadings].Readings, *b)
	}
	for i := range 30 {
		all[schemas.StreamRollups].Rollups = append(all[schemas.StreamRollups].Rollups, schemas.Rollup{
			Org: p.org, Wearer: p.wearer, Minute: at(60*i).Unix() / 60, Sitting: 30.25, Upright: 12.5, Slouched: 17.75, Flexion: float32(i), Breaks: i % 2, Bout: 12,
		})
	}
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, Org: p.org, Wearer: p.wearer, Device: schemas.MustID("d"), Rule: schemas.RuleSlouch,
		Start: at(14*3600 + number), Severity: schemas.Moderate, FlexionDeg: 21.5, Receipt: &schemas.Receipt{Engine: 2, State: []byte{1, 2, 255}},
	}
	f.Episode = schemas.EpisodeID(p.org, p.wearer, f.Rule, f.Start)
	for i, step := range []schemas.Step{schemas.Opened, schemas.Escalated, schemas.Closed} {
		f.Step, f.Level, f.Time, f.Seconds = step, i+1, f.Start.Add(time.Duration(i)*time.Hour), float64(i*3600)
		f.ID = schemas.FindingID(f.Episode, f.Step, f.Level, f.Severity)
		if step == schemas.Closed {
			f.End, f.Outcome = f.Time, schemas.Recovered
		}
		all[schemas.StreamFindings].Findings = append(all[schemas.StreamFindings].Findings, f)
	}
	left := f
	left.Rule, left.Step, left.Start, left.Time, left.End, left.Outcome, left.Level = schemas.RuleSitting, schemas.Opened, at(10), at(10), time.Time{}, "", 1
	left.Episode = schemas.EpisodeID(p.org, p.wearer, left.Rule, left.Start)
	left.ID = schemas.FindingID(left.Episode, left.Step, left.Level, left.Severity)
	all[schemas.StreamFindings].Findings = append(all[schemas.StreamFindings].Findings, left)
	for i := range 3 {
		all[schemas.StreamNudges].Decisions = append(all[schemas.StreamNudges].Decisions, schemas.Decision{
			Schema: schemas.SchemaDecision, ID: fmt.Sprintf("%s-%d", f.Episode, i), Nudge: "n", Episode: f.Episode, Org: p.org, Wearer: p.wearer,
			Device: f.Device, Rule: f.Rule, Time: at(3600 * i), Action: schemas.ActionHeld, HeldBy: "quiet", Why: "\"=why\"\n",
		})
	}
}

// contents is all that a store has, but for its statistics.
func contents(t testing.TB, s series.Store) map[string]any {
	t.Helper()
	ctx, out := t.Context(), map[string]any{}
	err := s.Wearers(ctx, func(e series.Extent) error {
		q := series.Query(e)
		name := e.Org.String() + "/" + e.Wearer.String()
		var readings []series.Reading
		if err := s.Readings(ctx, q, func(r series.Reading) error { readings = append(readings, r); return nil }); err != nil {
			return err
		}
		rollups, err := s.Rollups(ctx, q)
		if err != nil {
			return err
		}
		episodes, err := s.Episodes(ctx, q)
		if err != nil {
			return err
		}
		var findings []schemas.Finding
		for _, e := range episodes {
			f, err := s.Findings(ctx, q.Org, e.ID)
			if err != nil {
				return err
			}
			findings = append(findings, f...)
		}
		decisions, err := s.Decisions(ctx, q)
		out[name] = []any{readings, rollups, episodes, findings, decisions}
		return err
	})
	if err != nil {
		t.Fatalf("read a store: %v", err)
	}
	for _, org := range []schemas.ID{acme, other} {
		for _, w := range []series.Window{series.Day, series.Week, series.HourOfWeek} {
			all, err := s.Aggregates(ctx, series.OfficeQuery{Org: org, Window: w, From: monday.AddDate(-1, 0, 0), To: monday.AddDate(1, 0, 0)})
			if err != nil {
				t.Fatalf("read aggregates: %v", err)
			}
			for i := range all {
				all[i] = plain(all[i])
			}
			out[fmt.Sprint(org, w)] = all
		}
	}
	return out
}

func wantSame(t testing.TB, from, to series.Store) {
	t.Helper()
	want, got := contents(t, from), contents(t, to)
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("of %s there is\n%+v, want\n%+v", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d parts, want %d", len(got), len(want))
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		was, err := from.Position(t.Context(), stream)
		is, err2 := to.Position(t.Context(), stream)
		if err != nil || err2 != nil || was != is {
			t.Errorf("the position of %s is %+v, %v, in the source %+v, %v", stream, is, err2, was, err)
		}
	}
	stats := func(s series.Store) series.Stats {
		all, err := s.Stats(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Fatalf("stats: %v", err)
		}
		all.Bytes, all.Duplicates = 0, 0
		return all
	}
	if was, is := stats(from), stats(to); was != is {
		t.Errorf("stats are %+v, in the source %+v", is, was)
	}
}
