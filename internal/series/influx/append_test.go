package influx

import (
	"context"
	"errors"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// A large append goes through both lanes, in several requests each, and all of it is there.
func TestLargeAppend(t *testing.T) {
	b := newBench(t, nil)
	batch := inLog(7)
	for i, wearer := range []string{"a", "b", "c", "d", "e", "f"} {
		batch.Readings = append(batch.Readings, wear(schemas.MustID(wearer), chest, uint32(i), uint64(i)*999_990, 9000))
	}
	if done := b.append(batch); done != (series.Appended{}) {
		t.Errorf("the append came to %+v", done)
	}
	b.wantStored(6 * 9000)
	b.wantPosition(schemas.StreamReadings, series.Position{Seq: 7, Log: "log"})
	batch.Seq = 8 // the same again, from a log that was read from its beginning
	b.append(batch)
	b.wantStored(6 * 9000)
}

// Readings of one millisecond do not overwrite each other, of however many runs.
func TestOneMillisecond(t *testing.T) {
	b := newBench(t, nil)
	batch := inLog(1)
	for boot := range uint32(20) {
		run := wear(ann, chest, boot, 5, 50)
		for i := range run.Items {
			run.Items[i].Time = monday.UnixMilli()
		}
		batch.Readings = append(batch.Readings, run)
	}
	b.append(batch)
	b.wantStored(20 * 50)
}

// An erased wearer's things of before the tombstone are dropped and counted, also by a
// store that was open already, and the others' are stored.
func TestErasedAreDropped(t *testing.T) {
	b := newBench(t, nil)
	b.append(inLog(1, wear(ann, chest, 1, 0, 10), wear(bob, hip, 1, 0, 10)))
	other := newBenchOn(t, b.server, func(o *Options) { o.Prefix = b.options.Prefix })
	before := monday.Add(15 * time.Second).UnixMilli()
	other.bury(acme, ann, before)
	other.bury(acme, ann, before-5000) // puts nothing back
	b.store.writes.Lock()
	b.store.state.read = time.Time{} // the time in which it counts is over
	b.store.writes.Unlock()
	batch := inLog(2, wear(ann, chest, 1, 10, 10), wear(bob, hip, 1, 10, 10))
	batch.Late = []schemas.Late{
		{Org: acme, Wearer: ann, Device: chest, Boot: 1, First: 10, Last: 11, From: before - 5000, To: before - 4000},
		{Org: acme, Wearer: ann, Device: chest, Boot: 1, First: 14, Last: 15, From: before - 1000, To: before},
	}
	minute := before / millisInMin
	batch.Rollups = []schemas.Rollup{{Org: acme, Wearer: ann, Minute: minute, Sitting: 60}, {Org: acme, Wearer: ann, Minute: minute + 1, Sitting: 60}}
	if done := b.append(batch); done != (series.Appended{Erased: 5 + 1 + 1}) {
		t.Errorf("the append came to %+v, want 7 erased things", done)
	}
	b.wantStored(10 + 10 + 5 + 10)
	b.again()
	if done := b.append(inLog(3, wear(ann, chest, 1, 0, 20))); done.Erased != 15 {
		t.Errorf("the append came to %+v, want 15 erased things", done)
	}
}

func (b *bench) bury(org, wearer schemas.ID, before int64) {
	b.tb.Helper()
	b.store.writes.Lock()
	defer b.store.writes.Unlock()
	if err := b.store.bury(b.tb.Context(), org, wearer, before); err != nil {
		b.tb.Fatal(err)
	}
}

// What has no place in the store is an error before anything is written.
func TestNoPlace(t *testing.T) {
	b := newBench(t, nil)
	good := wear(ann, chest, 1, 0, 10)
	far := wear(ann, chest, 1, 10, 1)
	far.Items[0].Time = maxMillis + 1
	finding := schemas.Finding{ID: "x", Episode: "e", Org: acme, Wearer: ann, Rule: schemas.RuleSlouch, Start: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		name string
		set  func(*series.Batch)
		want error
	}{
		{"a reading after 2262", func(s *series.Batch) { s.Readings = append(s.Readings, far) }, errTime},
		{"a minute before 1970", func(s *series.Batch) { s.Rollups = []schemas.Rollup{{Org: acme, Wearer: ann, Minute: -1}} }, errTime},
		{"a minute after 2262", func(s *series.Batch) { s.Rollups = []schemas.Rollup{{Org: acme, Wearer: ann, Minute: maxMinute + 1}} }, errTime},
		{"nobody's minute", func(s *series.Batch) { s.Rollups = []schemas.Rollup{{Org: acme, Minute: 1}} }, errNoName},
		{"a finding after 2262", func(s *series.Batch) { s.Findings = []schemas.Finding{finding} }, errTime},
		{"nobody's finding", func(s *series.Batch) { s.Findings = []schemas.Finding{{Org: acme}} }, errNoName},
		{"nobody's decision", func(s *series.Batch) { s.Decisions = []schemas.Decision{{Wearer: ann}} }, errNoName},
		{"a mark of a time after 2262", func(s *series.Batch) {
			s.Late = []schemas.Late{{Org: acme, Wearer: ann, Device: chest, From: 0, To: maxMillis + 1}}
		}, errTime},
	} {
		batch := inLog(1, good)
		c.set(&batch)
		if _, err := b.store.Append(t.Context(), batch); !errors.Is(err, c.want) {
			t.Errorf("%s: the error is %v, want %v", c.name, err, c.want)
		}
	}
	b.wantStored(0)
	b.wantPosition(schemas.StreamReadings, series.Position{})
}

// Rules, actions and texts that no build of today has come back, and break nothing.
func TestForeignWords(t *testing.T) {
	b := newBench(t, nil)
	batch := series.Batch{Stream: `a stream, "of"=any name\`, Log: `l"o\g`, Seq: 3}
	for i, word := range []string{`a,b=c d\`, "", "other", "line\nbreak", "Größe", "x\x00y"} {
		batch.Findings = append(batch.Findings, schemas.Finding{
			Schema: schemas.SchemaFinding, ID: "f" + word, Episode: "e" + word, Org: acme, Wearer: ann, Device: chest, Rule: schemas.Rule(word),
			Step: schemas.Opened, Level: 1, Start: monday.Add(time.Duration(i) * time.Second), Time: monday, Cause: schemas.Cause(word), Outcome: schemas.Outcome(word),
		})
		batch.Decisions = append(batch.Decisions, schemas.Decision{
			Schema: schemas.SchemaDecision, ID: "d" + word, Org: acme, Wearer: ann, Action: schemas.Action(word), Time: monday.Add(time.Duration(i) * time.Second),
		})
	}
	if _, err := b.store.Append(t.Context(), batch); err == nil {
		t.Error("a stream whose name ends in a backslash is taken")
	}
	batch.Stream = `a stream, "of"=any name`
	if _, err := b.store.Append(t.Context(), series.Batch{Stream: batch.Stream, Log: "a\nb", Seq: 1}); err == nil {
		t.Error("a log whose name has two lines is taken")
	}
	if done := b.append(batch); done != (series.Appended{}) {
		t.Errorf("the append came to %+v", done)
	}
	b.wantPosition(batch.Stream, series.Position{Seq: 3, Log: batch.Log})
	stats, err := b.store.Stats(t.Context())
	if want := (series.Stats{Episodes: 6, Findings: 6, Decisions: 6}); err != nil || stats != want {
		t.Errorf("stats are %+v, %v, want %+v", stats, err, want)
	}
}

// An append that is cancelled or comes after Close says so.
func TestCancelledAndClosed(t *testing.T) {
	b := newBench(t, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.store.Append(ended, inLog(1, wear(ann, chest, 1, 0, 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Append(t.Context(), inLog(1)); !errors.Is(err, errClosed) {
		t.Errorf("the error is %v, want %v", err, errClosed)
	}
	if _, err := b.store.Position(t.Context(), "x"); !errors.Is(err, errClosed) {
		t.Errorf("the error is %v, want %v", err, errClosed)
	}
}
