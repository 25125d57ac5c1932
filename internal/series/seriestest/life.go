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

// everything is one append of each kind.
func everything() []series.Batch {
	return []series.Batch{
		raw(5, run(1, readings(0, 100, 0, 4)...)),
		{Stream: schemas.StreamRollups, Seq: 6, Rollups: []schemas.Rollup{{Org: acme, Wearer: ann, Minute: minuteOf(0), Sitting: 60}}, Late: []schemas.Late{late(1, 20, 29)}},
		{Stream: schemas.StreamFindings, Seq: 7, Findings: []schemas.Finding{finding("e", schemas.Opened, 1)}},
		{Stream: schemas.StreamNudges, Seq: 8, Decisions: []schemas.Decision{{ID: "d", Org: acme, Wearer: ann, Time: after(1)}}},
	}
}

func reopen(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, b := range everything() {
		mustAppend(t, s, b)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	for _, b := range everything() { // behind the positions
		mustAppend(t, s, b)
		wantPosition(t, s, b.Stream, b.Seq)
	}
	mustAppend(t, s, raw(9, run(1, readings(50, 60, 200, 4)...))) // ten are new
	if n := len(stored(t, s, between(annOf, 0, 3600))); n != 110 {
		t.Errorf("%d readings, want 110", n)
	}
	wantLate(t, s, between(annOf, 0, 3600), 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
	if got := must[[]schemas.Finding](t)(s.Findings(context.Background(), acme, "e")); len(got) != 1 {
		t.Errorf("findings are %+v, want one", got)
	}
	wantStats(t, s, series.Stats{Readings: 110, Rollups: 1, Episodes: 1, Findings: 1, Decisions: 1})
}

// rewind: the position is forgotten and nothing else; the same log again
// changes nothing, and a new one adds what is new in it.
func rewind(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, b := range everything() {
		mustAppend(t, s, b)
	}
	ctx := context.Background()
	if err := s.Rewind(ctx, "nothing of this name"); err != nil {
		t.Errorf("rewinding a stream that never was gave %v", err)
	}
	if err := s.Rewind(ctx, schemas.StreamReadings); err != nil {
		t.Fatalf("rewind: %v", err)
	}
	wantPosition(t, s, schemas.StreamReadings, 0)
	wantPosition(t, s, schemas.StreamRollups, 6)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = openedIn(t, open, dir)
	wantPosition(t, s, schemas.StreamReadings, 0)
	before := everythingOf(t, s)
	for _, b := range everything() {
		if err := s.Rewind(ctx, b.Stream); err != nil {
			t.Fatalf("rewind: %v", err)
		}
		b.Seq -= 4
		mustAppend(t, s, b)
		wantPosition(t, s, b.Stream, b.Seq)
	}
	if after := everythingOf(t, s); !reflect.DeepEqual(before, after) {
		t.Errorf("the log came again and there is now\n%+v, before\n%+v", after, before)
	}
	wantStats(t, s, series.Stats{Readings: 100, Rollups: 1, Episodes: 1, Findings: 1, Decisions: 1})
	mustAppend(t, s, raw(2, run(1, readings(50, 60, 200, 4)...))) // ten are new
	wantStats(t, s, series.Stats{Readings: 110, Rollups: 1, Episodes: 1, Findings: 1, Decisions: 1})
}

// everythingOf is all that a store has of ann.
func everythingOf(t *testing.T, s series.Store) []any {
	t.Helper()
	ctx, q := context.Background(), between(annOf, 0, 3600)
	return []any{
		stored(t, s, q), must[[]schemas.Rollup](t)(s.Rollups(ctx, q)),
		must[[]series.Episode](t)(s.Episodes(ctx, q)), must[[]schemas.Finding](t)(s.Findings(ctx, acme, "e")),
		must[[]schemas.Decision](t)(s.Decisions(ctx, q)),
	}
}

// failedAppend: an append with a context that ended, of what has no name, or
// after Close, is an error and changes nothing; what follows is not confused.
func failedAppend(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Append(ended, raw(1, run(1, reading(1, 0)))); !errors.Is(err, context.Canceled) {
		t.Errorf("an append with a cancelled context gave %v", err)
	}
	bad := run(1, reading(2, 1))
	bad.Org = schemas.ID{}
	nobody := run(7, reading(1, 0))
	nobody.Wearer = schemas.ID{}
	for _, b := range []schemas.Batch{bad, nobody} {
		if _, err := s.Append(context.Background(), raw(1, run(1, reading(1, 0)), b)); err == nil {
			t.Errorf("an append of readings of %q/%q gave no error", b.Org, b.Wearer)
		}
	}
	noDevice, noWearer, backwards, beyond := late(1, 1, 2), late(1, 1, 2), late(1, 2, 1), late(1, 2, schemas.MaxSeq+1)
	noDevice.Device, noWearer.Wearer = schemas.ID{}, schemas.ID{}
	for _, l := range []schemas.Late{noDevice, noWearer, backwards, beyond} {
		if _, err := s.Append(context.Background(), marked(1, late(1, 1, 1), l)); err == nil {
			t.Errorf("an append of the mark %+v gave no error", l)
		}
	}
	wantPosition(t, s, schemas.StreamReadings, 0)
	wantPosition(t, s, schemas.StreamRollups, 0)
	wantSeqs(t, s, between(annOf, 0, 60))
	mustAppend(t, s, raw(1, run(1, reading(1, 0)))) // the same readings, now good
	wantSeqs(t, s, between(annOf, 0, 60), 1)
	wantLate(t, s, between(annOf, 0, 60))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := s.Append(context.Background(), raw(2, run(1, reading(2, 1)))); err == nil {
		t.Error("an append after Close gave no error")
	}
	s = openedIn(t, open, dir)
	wantPosition(t, s, schemas.StreamReadings, 1)
	wantSeqs(t, s, between(annOf, 0, 60), 1)
	wantStats(t, s, series.Stats{Readings: 1})
}

// badQueries: there is no way to ask without naming an organisation.
func badQueries(t *testing.T, open Open) {
	s := opened(t, open)
	ctx := context.Background()
	for _, q := range []series.Query{between(series.Query{Wearer: ann}, 0, 60), between(series.Query{Org: acme}, 0, 60)} {
		if err := s.Readings(ctx, q, func(series.Reading) error { return nil }); err == nil {
			t.Errorf("readings of %+v gave no error", q)
		}
		if _, err := s.Rollups(ctx, q); err == nil {
			t.Errorf("rollups of %+v gave no error", q)
		}
		if _, err := s.Episodes(ctx, q); err == nil {
			t.Errorf("episodes of %+v gave no error", q)
		}
		if _, err := s.Decisions(ctx, q); err == nil {
			t.Errorf("decisions of %+v gave no error", q)
		}
		if _, err := s.Slots(ctx, q, time.Minute); err == nil {
			t.Errorf("slots of %+v gave no error", q)
		}
		if err := s.Replace(ctx, q, series.Rebuilt{}); err == nil {
			t.Errorf("a replacement of %+v gave no error", q)
		}
		if _, err := s.Erase(ctx, q.Org, q.Wearer, monday); err == nil {
			t.Errorf("an erasure of %+v gave no error", q)
		}
	}
	if _, err := s.Totals(ctx, between(series.Query{Wearer: ann}, 0, 60)); err == nil {
		t.Error("totals of no organisation gave no error")
	}
	if _, err := s.Findings(ctx, schemas.ID{}, "e"); err == nil {
		t.Error("findings of no organisation gave no error")
	}
	if _, err := s.Aggregates(ctx, series.OfficeQuery{Window: series.Day, From: monday, To: after(60)}); err == nil {
		t.Error("aggregates of no organisation gave no error")
	}
}
