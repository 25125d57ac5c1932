package hindsight

import (
	"math/rand/v2"
	"slices"
	"testing"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// shuffled delivers batches as a bad network does: some twice, and some a little
// out of order, never by as much as makes them late.
func shuffled(batches []schemas.Batch, seed uint64) []schemas.Batch {
	rng := rand.New(rand.NewPCG(seed, 2))
	list := slices.Clone(batches)
	whole := func(b schemas.Batch) bool { return len(b.Items) == 20 }
	for i := 0; i < len(batches); i++ {
		if rng.IntN(10) == 0 {
			list = append(list, list[i]) // the end of the log brings duplicates
		}
		j := i + rng.IntN(4)
		if first := list[i].Items[0]; rng.IntN(5) == 0 && j < len(batches) && whole(list[j]) && first.Seq > 1 && list[j].Items[19].Time-first.Time < 110_000 {
			list[i], list[j] = list[j], list[i]
			i = j
		}
	}
	return list
}

// changing is parameters that somebody changes on the second day.
func changing(t *testing.T) *detect.Timeline {
	t.Helper()
	gentler := *detect.Defaults()
	for key, value := range map[string]string{"slouch_deg": "18", "sitting_soft": "25m", "lean_for": "3m"} {
		if err := gentler.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	return detect.NewTimeline(
		detect.Revision{Version: detect.DefaultVersion, Params: detect.Defaults()},
		detect.Revision{Version: "wearer1", From: at(1, 9, 45), Params: &gentler},
	)
}

// What hindsight sees is what live saw: the same postures, and the same findings
// by their receipts, over days with silences, walks, calibrations and duplicates.
func TestHindsightIsLive(t *testing.T) {
	w := newWorld(t, at(9, 12, 0), changing(t))
	w.deliver(t, shuffled(days(7, 4), 7)...)
	w.end(t)
	if w.late != 0 {
		t.Fatalf("%d readings are late", w.late)
	}
	if len(w.findings) < 40 {
		t.Fatalf("only %d findings: the days are too dull", len(w.findings))
	}
	t.Run("postures", func(t *testing.T) {
		from, to := at(1, 9, 30), at(1, 12, 30)
		var want, got []detect.Posture
		for _, p := range w.postures {
			if p.Time >= from.UnixMilli() && p.Time < to.UnixMilli() {
				want = append(want, p)
			}
		}
		err := w.Postures(t.Context(), series.Query{Org: acme, Wearer: anna, From: from, To: to}, func(p detect.Posture) error {
			got = append(got, p)
			return nil
		})
		if err != nil || len(want) < 10_000 || !slices.Equal(got, want) {
			t.Errorf("%d postures, live had %d; err %v", len(got), len(want), err)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Fatalf("posture %d:\n%+v\n%+v", i, got[i], want[i])
				}
			}
		}
	})
	t.Run("receipts", func(t *testing.T) {
		for i := range w.findings {
			proved(t, w, &w.findings[i], Same)
		}
	})
	t.Run("days", func(t *testing.T) {
		for n := range 4 {
			before := w.snapshot(t, at(n, 0, 0), at(n+1, 0, 0))
			r := w.recompute(t, n)
			if r.Changed() || r.Late != 0 || r.Minutes < 200 || r.Episodes == 0 {
				t.Errorf("day %d: %+v", n, r)
			}
			if after := w.snapshot(t, at(n, 0, 0), at(n+1, 0, 0)); after != before {
				t.Errorf("day %d is different afterwards", n)
			}
		}
	})
	t.Run("backtest", func(t *testing.T) {
		b, err := w.Backtest(t.Context(), series.Query{Org: acme, Wearer: anna, From: at(1, 0, 0), To: at(3, 0, 0)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range schemas.Rules() {
			if b.Then.Episodes[rule] != b.Now.Episodes[rule] {
				t.Errorf("%s: %d episodes, %d in hindsight", rule, b.Then.Episodes[rule], b.Now.Episodes[rule])
			}
		}
	})
}

// proved explains a finding and holds the verdict.
func proved(t *testing.T, w *world, f *schemas.Finding, want Verdict) Explanation {
	t.Helper()
	findings, which, err := w.Find(t.Context(), acme, f.ID)
	if err != nil || which < 0 {
		t.Fatalf("%s is not found: %v", f.ID, err)
	}
	e, err := w.Explain(t.Context(), findings, which)
	if err != nil {
		t.Fatal(err)
	}
	if e.Replay.Verdict != want {
		t.Errorf("%s %s of %s is %s, want %s: %+v", f.Rule, f.Step, f.Time, e.Replay.Verdict, want, e.Replay.Differences)
	}
	return e
}
