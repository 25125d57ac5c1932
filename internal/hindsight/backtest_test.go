package hindsight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Stricter parameters find more, gentler ones less, and each row has what happened
// beside what would have come.
func TestBacktestIsBesideWhatHappened(t *testing.T) {
	w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, days(13, 3)...)
	q := series.Query{Org: acme, Wearer: anna, From: at(1, 0, 0), To: at(3, 0, 0)}
	try := func(rules map[string]string) Backtest {
		t.Helper()
		var told []time.Duration
		b, err := w.Backtest(t.Context(), q, rules, func(done, total time.Duration) {
			if done > total {
				t.Errorf("%v of %v is done", done, total)
			}
			told = append(told, done)
		})
		if err != nil || len(told) < 100 || !slices.IsSorted(told) {
			t.Fatalf("told %d times: %v", len(told), err)
		}
		return b
	}
	asIs := try(nil)
	strict, gentle := try(map[string]string{"slouch_nudge": "1m", "slouch_open": "10s"}), try(map[string]string{"slouch_deg": "30", "slouch_nudge": "15m"})
	count := func(b Backtest) (n int) {
		for _, row := range b.Rows {
			if row.Rule == schemas.RuleSlouch {
				n++
			}
		}
		return n
	}
	if count(gentle) >= count(asIs) || count(asIs) >= count(strict) {
		t.Errorf("nudges about slouching: gentle %d, as it was %d, strict %d", count(gentle), count(asIs), count(strict))
	}
	if now, then := asIs.Now.Episodes[schemas.RuleSlouch], asIs.Then.Episodes[schemas.RuleSlouch]; now != then || now == 0 {
		t.Errorf("%d slouches, then %d", now, then)
	}
	if asIs.Days != 2 || asIs.Zone != vienna || asIs.Now.Sent == 0 || len(asIs.Rows) < asIs.Now.Sent {
		t.Errorf("%+v", asIs)
	}
	for _, row := range asIs.Rows {
		if row.Now == nil || row.Then != nil || row.Time.Before(q.From) || !row.Time.Before(q.To) {
			t.Errorf("no nudge was stored, and a row is %+v", row)
		}
	}
}

func TestBacktestRefusesParameters(t *testing.T) {
	w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
	q := series.Query{Org: acme, Wearer: anna, From: at(1, 0, 0), To: at(3, 0, 0)}
	for key, c := range map[string]struct{ value, says string }{
		"slouch_deg": {"31", "12 to 30"}, "sitting_soft": {"5m", "10m to 1h"}, "colour": {"red", "no parameter"}, "hydration": {"yes", "on or off"},
		"upright_deg": {"16", "upright_deg is over slouch_deg"},
	} {
		_, err := w.Backtest(t.Context(), q, map[string]string{key: c.value}, nil)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v", key, c.value, err)
		}
	}
	if _, err := w.Backtest(t.Context(), series.Query{Org: acme, Wearer: belt, From: q.From, To: q.To}, nil, nil); err == nil {
		t.Error("a wearer nobody knows is tried")
	}
}

// Parameters are tried over those of each time, not over the defaults.
func TestTriedOverWhatCountedThen(t *testing.T) {
	mine := *detect.Defaults()
	if err := mine.Set("slouch_deg", "20"); err != nil {
		t.Fatal(err)
	}
	then := detect.NewTimeline(detect.Revision{Version: "default", Params: detect.Defaults()}, detect.Revision{Version: "wearer1", From: at(1, 9, 0), Params: &mine})
	got, err := tried(then, map[string]string{"slouch_open": "20s"})
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[time.Time]string{at(1, 8, 59): "default+tried 15 20s", at(1, 9, 0): "wearer1+tried 20 20s"} {
		version, p := got.At(when)
		if said := fmt.Sprint(version, " ", p.Get("slouch_deg"), " ", p.Get("slouch_open")); said != want {
			t.Errorf("at %s: %s, want %s", when, said, want)
		}
	}
	if same, err := tried(then, nil); same != then || err != nil {
		t.Errorf("nothing to try: %v, %v", same, err)
	}
	if _, err := tried(then, map[string]string{"upright_deg": "18"}); err == nil {
		t.Error("what does not work with the first revision is taken")
	}
}

// A nudge that was held and decided anew counts as decided last; what followed it
// is no nudge.
func TestNudgesAreJoinedOfDecisions(t *testing.T) {
	q := series.Query{From: at(0, 0, 0), To: at(1, 0, 0)}
	decide := func(nudge string, action schemas.Action, minute int) schemas.Decision {
		return schemas.Decision{ID: nudge + string(action), Nudge: nudge, Action: action, Rule: schemas.RuleSlouch, Level: 2, Time: at(0, 9, minute)}
	}
	list := nudged(q, []schemas.Decision{
		decide("a", schemas.ActionHeld, 1), decide("b", schemas.ActionSent, 2), decide("a", schemas.ActionSent, 5), decide("b", schemas.ActionHeld, 6),
		decide("b", schemas.ActionReplied, 7), decide("c", schemas.ActionCounted, 8), decide("d", schemas.ActionAmbiguous, 9),
		{Nudge: "e", Action: schemas.ActionSent, Time: at(1, 0, 0)},
	})
	var got []string
	for _, n := range list {
		got = append(got, fmt.Sprint(n.ID, " ", n.Status, " ", n.Time.Minute()))
	}
	if want := []string{"a sent 5", "b sent 2", "d ambiguous 9"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
