package dashboard

import (
	"testing"

	"sitwell/internal/series"
	"sitwell/schemas"
)

func TestSlotsSumUpSteps(t *testing.T) {
	w := newWorld(t, noon, few())
	w.append(t, series.Batch{Stream: schemas.StreamRollups, Seq: 1, Rollups: []schemas.Rollup{
		minute(9, 30, schemas.Rollup{Sitting: 60, Upright: 30, Slouched: 30, Flexion: 20}),
		minute(9, 59, schemas.Rollup{Sitting: 30, Moving: 30, Upright: 30, Flexion: 5, Breaks: 1}),
		minute(11, 0, schemas.Rollup{NotWorn: 60}),
	}})
	got := into[struct{ Slots []slotView }](t, get(t, w, annaPath+"/slots"+span+"&every=1h")).Slots
	if len(got) != 2 {
		t.Fatalf("got %+v", got)
	}
	nine, eleven := got[0], got[1]
	if !nine.Start.Equal(at(9, 0)) || nine.Minutes != 2 || nine.SittingMin != 1.5 || nine.MovingMin != 0.5 || nine.Breaks != 1 ||
		*nine.SlouchedShare != 1.0/3 || *nine.FlexionDeg != 15 {
		t.Errorf("from nine on: %+v", nine)
	}
	if !eleven.Start.Equal(at(11, 0)) || eleven.NotWornMin != 1 || eleven.SlouchedShare != nil || eleven.FlexionDeg != nil {
		t.Errorf("from eleven on: %+v", eleven)
	}
}

func TestStepsThatCannotBe(t *testing.T) {
	w := newWorld(t, noon, few())
	for query, code := range map[string]string{
		span:                      "missing_parameter",
		span + "&every=soon":      "bad_step",
		span + "&every=90s":       "bad_step",
		span + "&every=-1h":       "bad_step",
		span + "&every=99999999h": "bad_step",
		"?from=2026-01-01T00:00:00Z&to=2026-11-20T00:00:00Z&every=1m": "range_too_long",
		"?from=2016-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&every=1h": "range_too_long",
		"?from=2026-11-20T00:00:00Z&to=2026-11-19T00:00:00Z&every=1h": "bad_range",
	} {
		if a := get(t, w, annaPath+"/slots"+query); a.status != 400 || a.code(t) != code {
			t.Errorf("%s: %d %s, want %s", query, a.status, a.body, code)
		}
	}
}
