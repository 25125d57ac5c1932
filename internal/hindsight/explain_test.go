package hindsight

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

func asJSON(v any) ([]byte, error) { return json.Marshal(v) }

// must fails the test on an error.
func must(t *testing.T) func([]byte, error) []byte {
	t.Helper()
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// What cannot be proved says why.
func TestExplainSaysWhyNot(t *testing.T) {
	w := newWorld(t, at(4, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, over(at(0, 9, 0), at(0, 10, 0))...)
	i := slices.IndexFunc(w.findings, func(f schemas.Finding) bool { return f.Rule == schemas.RuleSlouch && f.Level == 2 })
	for name, c := range map[string]struct {
		change func(f *schemas.Finding)
		want   Verdict
	}{
		"nothing is wrong":         {func(*schemas.Finding) {}, Same},
		"another length":           {func(f *schemas.Finding) { f.Seconds++ }, Differs},
		"another value":            {func(f *schemas.Finding) { f.Receipt.Values = map[string]float64{"dwell_s": 1} }, Differs},
		"another episode":          {func(f *schemas.Finding) { f.ID = "0123456789abcdef-escalated2" }, Missing},
		"an engine of before":      {func(f *schemas.Finding) { f.Receipt.Engine-- }, OtherEngine},
		"a finding of before":      {func(f *schemas.Finding) { f.Receipt = nil }, NoReceipt},
		"the readings are gone":    {func(f *schemas.Finding) { f.Receipt.From.Time = at(-2, 0, 0); f.Receipt.From.Boot = 9 }, Gone},
		"the last reading is gone": {func(f *schemas.Finding) { f.Receipt.To.Seq = 1 << 40 }, Gone},
	} {
		t.Run(name, func(t *testing.T) {
			f := w.findings[i]
			receipt := *f.Receipt
			f.Receipt = &receipt
			c.change(&f)
			e, err := w.Explain(t.Context(), []schemas.Finding{f}, 0)
			if err != nil || e.Replay.Verdict != c.want || (len(e.Replay.Differences) > 0) != (c.want == Differs) {
				t.Errorf("%s %+v, want %s: %v", e.Replay.Verdict, e.Replay.Differences, c.want, err)
			}
		})
	}
}

func TestFindTakesEachKindOfID(t *testing.T) {
	w := newWorld(t, at(4, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, over(at(0, 9, 0), at(0, 10, 0))...)
	slouch := w.findings[slices.IndexFunc(w.findings, func(f schemas.Finding) bool { return f.Rule == schemas.RuleSlouch })].Episode
	for id, want := range map[string]string{
		slouch: slouch + "-escalated2", slouch + "-2": slouch + "-escalated2", slouch + "-1": slouch + "-opened1",
		slouch + "-closed": slouch + "-closed", slouch + "-opened1": slouch + "-opened1",
		slouch + "-3": "", slouch + "-": slouch + "-escalated2", slouch + "-nothing": "", "": "", "-2": "", slouch[:8]: "", slouch + "-2-2": "",
	} {
		findings, which, err := w.Find(t.Context(), acme, id)
		got := ""
		if which >= 0 {
			got = findings[which].ID
		}
		if err != nil || got != want {
			t.Errorf("%q is %q, want %q: %v", id, got, want, err)
		}
		if _, which, _ := w.Find(t.Context(), anna, id); which >= 0 {
			t.Errorf("%q is found in another organisation", id)
		}
	}
}

// A curve has a bounded number of points, however long it is.
func TestCurveOfStoredReadings(t *testing.T) {
	w := newWorld(t, at(4, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, over(at(0, 9, 0), at(0, 13, 0))...)
	for i := range w.findings {
		e := proved(t, w, &w.findings[i], Same)
		if n := len(e.Curve); n > MaxPoints+1 || n < 2 {
			t.Errorf("%s over %v has %d points", w.findings[i].ID, e.Finding.Time.Sub(e.Finding.Receipt.From.Time), n)
		}
		for _, p := range e.Curve {
			if p.LeastDeg > p.FlexionDeg || p.FlexionDeg > p.MostDeg || p.Sitting != 1 || p.Worn != 1 || p.Moving != 0 || p.Load < 0 || p.Load > 1 {
				t.Fatalf("a point is %+v", p)
			}
		}
	}
}

// Limits and values are named with their units.
func TestReceiptsAreInWords(t *testing.T) {
	f := schemas.Finding{Receipt: &schemas.Receipt{
		Limits: map[string]string{"slouch_deg": "15", "slouch_nudge": "2m0s", "unknown_limit": "7"},
		Values: map[string]float64{"dwell_s": 120, "mean_flexion_deg": 22.416, "load": 0.5, "peak_dps": 190},
	}}
	var got []string
	for _, w := range words(&f) {
		got = append(got, w.Kind+" "+w.Label+": "+w.Text)
	}
	want := []string{
		"value dwell: 2 min", "value load: 0.5", "value mean flexion: 22.42 degrees", "value peak: 190 degrees/s",
		"limit forward flexion from which slouching counts: 15 degrees", "limit slouching that is worth a nudge: 2 min", "limit unknown limit: 7",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A run that has gone on for days is judged from its beginning, where it was calibrated.
func TestLeadInReachesTheCalibration(t *testing.T) {
	w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
	p := person{rng: seeded(21), boot: 5, acc: true}
	first := p.day(at(0, 8, 0), at(0, 9, 0))
	var rest []schemas.Batch
	for hour := 10; hour < 5*24+8; hour++ { // a night's silence would be another wear, and need a pose of its own
		rest = append(rest, p.accDay(at(0, hour, 0), at(0, hour, 5))...)
	}
	rest = append(rest, p.accDay(at(5, 8, 0), at(5, 9, 0))...)
	w.deliver(t, append(first, rest...)...)
	want, known := 0, 0
	for _, x := range w.postures {
		if x.Time >= at(5, 8, 10).UnixMilli() && x.Time < at(5, 9, 0).UnixMilli() {
			want++
		}
	}
	q := series.Query{Org: acme, Wearer: anna, From: at(5, 8, 10), To: at(5, 9, 0)}
	live := slices.DeleteFunc(slices.Clone(w.postures), func(p detect.Posture) bool { return p.Time < q.From.UnixMilli() || p.Time >= q.To.UnixMilli() })
	var got []detect.Posture
	err := w.Postures(t.Context(), q, func(p detect.Posture) error {
		got = append(got, p)
		if p.Known {
			known++
		}
		return nil
	})
	if err != nil || !slices.Equal(got, live) || want < 1000 || known < want*9/10 {
		t.Errorf("%d postures, %d of them known; live had %d: %v", len(got), known, want, err)
	}
}
