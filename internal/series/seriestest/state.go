package seriestest

import (
	"context"
	"errors"
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func mustState(t testing.TB, s series.Store, q series.Query) series.State {
	t.Helper()
	return must[series.State](t)(series.StateOf(context.Background(), s, q))
}

// replaceGuarded: what was made from a state is put in place of that state alone.
func replaceGuarded(t *testing.T, open Open) {
	ctx, five := context.Background(), between(annOf, 0, 300)
	for name, c := range map[string]struct {
		batch   series.Batch
		changes bool
	}{
		"nothing":                         {marked(2), false},
		"a reading":                       {raw(2, run(1, readings(100, 1, 299, 1)...)), true},
		"a reading again":                 {raw(2, run(1, readings(7, 1, 299, 1)...)), false},
		"a reading after the range":       {raw(2, run(1, readings(100, 1, 300, 1)...)), false},
		"a reading of another wearer":     {raw(2, schemas.Batch{Org: acme, Wearer: bob, Device: spare, Items: readings(1, 1, 10, 1)}), false},
		"a mark":                          {marked(2, late(1, 10, 10)), true},
		"a mark of what is marked":        {marked(2, late(1, 3, 9)), false},
		"a mark of what is not stored":    {marked(2, late(1, 1000, 2000)), false},
		"a minute":                        {series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(60, 11)}}, true},
		"a minute as it was":              {series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(60, 10)}}, false},
		"a minute after the range":        {series.Batch{Stream: schemas.StreamRollups, Seq: 2, Rollups: []schemas.Rollup{sitting(300, 11)}}, false},
		"an episode":                      {found(2, from("new", 299, schemas.Opened, 1)), true},
		"the end of an episode":           {found(2, from("inside", 10, schemas.Closed, 3)), true},
		"a finding that was there":        {found(2, from("inside", 10, schemas.Opened, 1)), false},
		"the end of one from before":      {found(2, from("before", -40, schemas.Closed, 2)), false},
		"an episode after the range":      {found(2, from("new", 300, schemas.Opened, 1)), false},
		"an episode of another wearer":    {found(2, of(bob, from("new", 299, schemas.Opened, 1))), false},
		"a decision, which nothing is of": {series.Batch{Stream: schemas.StreamNudges, Seq: 2, Decisions: []schemas.Decision{{ID: "e", Org: acme, Wearer: ann, Time: after(40)}}}, false},
	} {
		s := ten(t, open)
		with := rebuilt()
		with.Was = mustState(t, s, five)
		mustAppend(t, s, c.batch)
		before := outline(t, s, ann)
		err := s.Replace(ctx, five, with)
		if !c.changes {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, series.ErrChanged) {
			t.Errorf("%s: the error is %v, want %v", name, err, series.ErrChanged)
		}
		wantOutline(t, s, ann, before)
		with.Was = mustState(t, s, five) // of now
		mustReplace(t, s, five, with)
		if with.Was == mustState(t, s, five) {
			t.Errorf("%s: the state is the same after a replacement", name)
		}
	}
	// Of a wearer of whom nothing is stored there is a state, too.
	s := opened(t, open)
	with := rebuilt()
	with.Was = mustState(t, s, five)
	mustAppend(t, s, raw(1, run(1, readings(0, 1, 0, 1)...)))
	if err := s.Replace(ctx, five, with); !errors.Is(err, series.ErrChanged) {
		t.Errorf("after the first reading: the error is %v, want %v", err, series.ErrChanged)
	}
	wantOutline(t, s, ann, "")
}
