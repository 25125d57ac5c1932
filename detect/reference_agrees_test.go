package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// judgeDay has the engine judge a day in batches of random lengths.
func judgeDay(t *Timeline, list []refItem, seed uint64) (*Wearer, *Output) {
	rng := rand.New(rand.NewPCG(seed, 8))
	w, out := NewWearer(org, person, t), &Output{Trace: true}
	for i := 0; i < len(list); {
		b := &schemas.Batch{Org: org, Wearer: person, Device: list[i].device, Boot: list[i].boot}
		for n := 1 + rng.IntN(300); i < len(list) && n > 0 && list[i].boot == b.Boot; i, n = i+1, n-1 {
			b.Items = append(b.Items, list[i].Item)
		}
		w.Take(b, out)
	}
	return w, out
}

// disagreement is the first thing in which the engine and the reference differ,
// with the day around it, or "".
//
// Load and hold are sums of thousands of fractions, so where they cross a limit
// within 5e-5 either reading may be the first beyond it.
func disagreement(timeline *Timeline, list []refItem, seed uint64) (what string, d *refDay) {
	slack := []float64{0, 1e-6, -1e-6, 5e-6, -5e-6, 2e-5, -2e-5, 5e-5, -5e-5}
	w, out := judgeDay(timeline, list, seed)
	if out.Judged != len(list) {
		return fmt.Sprintf("judged %d of %d items", out.Judged, len(list)), nil
	}
	if open, ok := w.OpenMinute(); ok {
		out.Rollups = append(out.Rollups, open)
	}
	for i := range 2*len(slack) - 1 {
		load, hold := slack[i%len(slack)], 0.0
		if i >= len(slack) {
			load, hold = hold, slack[i%len(slack)+1]
		}
		again := refJudgeWithin(timeline, list, out.Postures, load, hold)
		differs := again.differs(out)
		if differs == "" {
			return "", again
		}
		if d == nil {
			what, d = differs, again
		}
		if !strings.HasPrefix(what, "slouch") && !strings.HasPrefix(what, "load") && !strings.HasPrefix(what, "hold") {
			break
		}
	}
	return what, d
}

func (d *refDay) differs(out *Output) string {
	if what := d.signalsDiffer(out); what != "" {
		return what
	}
	for _, rule := range schemas.Rules() {
		var got []schemas.Finding
		for _, f := range out.Findings {
			if f.Rule == rule {
				got = append(got, f)
			}
		}
		if what := findingsDiffer(got, d.found[rule]); what != "" {
			return fmt.Sprintf("%s: %s", rule, what)
		}
	}
	return minutesDiffer(out.Rollups, d.minutes())
}

func (d *refDay) signalsDiffer(out *Output) string {
	if len(out.Postures) != len(d.spans) {
		return fmt.Sprintf("%d postures of %d readings", len(out.Postures), len(d.spans))
	}
	for i, got := range out.Postures {
		s := d.spans[i].after
		type signals struct {
			Time                                                                    int64
			Flexion, Lean, Curve                                                    int
			Worn, Shown, Known, CurveKnown, Moving, MotionKnown, Sitting, SittingOK bool
			Stale                                                                   bool
		}
		tenths := func(deg float32) int { return int(math.Round(float64(deg) * 10)) }
		g := signals{got.Time, tenths(got.FlexionDeg), tenths(got.LeanDeg), tenths(got.CurveDeg), got.Worn, got.Shown, got.Known, got.CurveKnown, got.Moving, got.MotionKnown, got.Sitting, got.SittingKnown, got.Stale}
		w := signals{s.at, s.flexion, s.lean, s.curve, s.worn, s.shown, s.fitted, s.curveKnown, s.moving, s.motionKnown, s.sitting, s.sittingKnown, d.stale[i]}
		if g != w {
			return fmt.Sprintf("reading %d (%s) is\n%+v, want\n%+v", i, clock(got.Time), g, w)
		}
		if load, hold := d.load[i], d.hold[i]; math.Abs(float64(got.Load)-load) > 0.0006 || math.Abs(float64(got.Hold)-hold) > 0.0006 {
			return fmt.Sprintf("reading %d (%s): load %g, hold %g, want %g, %g", i, clock(got.Time), got.Load, got.Hold, load, hold)
		}
		if math.Abs(float64(got.BoutS)-refSeconds(d.bout[i])) > 1e-2 {
			return fmt.Sprintf("reading %d (%s): bout %g s, want %g", i, clock(got.Time), got.BoutS, refSeconds(d.bout[i]))
		}
	}
	d.angles()
	for i, got := range out.Postures {
		s := d.spans[i].after
		if s.zero != nil && !math.IsNaN(s.byDefinition[0]) && !(near(float64(got.FlexionDeg), s.byDefinition[0], 0.06) && near(float64(got.LeanDeg), s.byDefinition[1], 0.06)) {
			return fmt.Sprintf("reading %d (%s) is inclined by %g and %g, want %v", i, clock(got.Time), got.FlexionDeg, got.LeanDeg, s.byDefinition)
		}
	}
	if out.Contradictions != d.contradictions {
		return fmt.Sprintf("%d contradictions, want %d", out.Contradictions, d.contradictions)
	}
	return ""
}

// clock is an event time in seconds after day0.
func clock(ms int64) string { return fmt.Sprintf("%.3f", float64(ms-day0)/1000) }

func findingsDiffer(got, want []schemas.Finding) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "missing " + telling(want[i])
		case i >= len(want):
			return "not expected " + telling(got[i])
		}
		g, w := got[i], want[i]
		// Means and sums of seconds may be rounded once more on one side.
		if math.Abs(g.FlexionDeg-w.FlexionDeg) <= 0.0501 {
			w.FlexionDeg = g.FlexionDeg
		}
		if math.Abs(g.Seconds-w.Seconds) <= 1e-6 {
			w.Seconds = g.Seconds
		}
		g.Receipt = nil
		if g != w {
			return "\ngot  " + telling(got[i]) + "\nwant " + telling(want[i])
		}
	}
	return ""
}

func telling(f schemas.Finding) string {
	return strings.Join(lines([]schemas.Finding{f}, f.Rule), "") +
		fmt.Sprintf(" [level %d, %s, %.2f degrees, %s/%d, %s]", f.Level, f.Severity, f.FlexionDeg, f.Cause, f.Seq, f.ID)
}

func minutesDiffer(got []schemas.Rollup, want map[int64]schemas.Rollup) string {
	last := int64(0)
	for _, g := range got {
		if g.Minute <= last {
			return fmt.Sprintf("minute %d after minute %d", g.Minute, last)
		}
		last = g.Minute
		w := want[g.Minute]
		delete(want, g.Minute)
		// The load is written in thousandths.
		if a, b := figures(g), figures(w); !close6(a, b) || math.Abs(float64(g.LoadPeak-w.LoadPeak)) > 0.0006 {
			return fmt.Sprintf("minute %d (%s) is\n%+v, want\n%+v", g.Minute, clock(g.Minute*60_000), g, w)
		}
	}
	for minute, w := range want {
		w.LoadPeak, w.Bout = 0, 0 // a minute in which nothing was is not worth giving out
		if w != (schemas.Rollup{Org: org, Wearer: person, Minute: minute}) {
			return fmt.Sprintf("minute %d is missing: %+v", minute, w)
		}
	}
	return ""
}

// figures is a rollup as a list of numbers.
func figures(r schemas.Rollup) []float64 {
	list := []float64{float64(r.Minute), float64(r.Breaks), float64(r.Shifts)}
	for _, f := range []float32{
		r.Sitting, r.Standing, r.Moving, r.NotWorn, r.Upright, r.Slouched, r.Flexion, r.FlexionP95,
		r.LeanLeft, r.LeanRight, r.Bent, r.Bout,
	} {
		list = append(list, float64(f))
	}
	return list
}

// close6 reports whether two lists are the same but for rounding to 24 bits.
func close6(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-6*max(10, math.Abs(a[i])) {
			return false
		}
	}
	return true
}

// Days of all kinds of devices, wearers and parameters.
func TestEngineAgreesWithReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		list, timeline := day(seed, rapid.Float64Range(0.1, 3).Draw(t, "hours"))
		if what, _ := disagreement(timeline, list, seed); what != "" {
			t.Fatal(what)
		}
	})
}

// The spells of the laws, too, which are shorter and more at the thresholds.
func TestEngineAgreesOnHabits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if what, _ := disagreement(Always(Defaults()), ofOneRun(habits(t)), 1); what != "" {
			t.Fatal(what)
		}
	})
}

// The days are worth the comparison: over a fixed run of them every rule opens,
// escalates and ends in every way it can.
func TestDaysReachEverything(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(120) {
		list, timeline := day(seed, 3)
		what, d := disagreement(timeline, list, seed)
		if what != "" {
			t.Fatalf("day %d: %s", seed, what)
		}
		for rule, found := range d.found {
			for _, f := range found {
				what := fmt.Sprint(rule, " ", f.Step, f.Level)
				seen[what]++
				switch {
				case f.Step == schemas.Closed:
					seen[fmt.Sprint(rule, " ", f.Outcome)]++
				case f.Step == schemas.Raised:
					seen[what+" "+f.Severity.String()]++
				case f.Cause != "":
					seen[what+" "+string(f.Cause)]++
				}
			}
		}
	}
	for _, want := range everything() {
		if seen[want] == 0 {
			t.Errorf("no day has %q", want)
		}
	}
}

// everything is each step, level, cause and outcome that a rule can come to.
func everything() (all []string) {
	for rule, ways := range map[schemas.Rule]string{
		schemas.RuleSlouch:      "opened1,escalated2,raised1 moderate,raised2 moderate,raised2 severe,closed1,closed2,recovered,moved,unknown",
		schemas.RuleLoad:        "opened1,escalated2,escalated3,closed1,closed2,closed3,recovered,moved,unknown",
		schemas.RuleHold:        "opened1,closed1,recovered,moved,unknown",
		schemas.RuleSitting:     "opened1,escalated2,escalated3,risen2,risen3,closed1,closed2,closed3,break,standing,unknown",
		schemas.RuleImmobility:  "opened1,escalated2,closed2,shifted,standing,moved,unknown",
		schemas.RuleLean:        "opened1 left,opened1 right,escalated2 left,escalated2 right,closed2,recovered,moved,unknown",
		schemas.RuleSudden:      "opened1 fast,opened1 sudden,closed1,momentary",
		schemas.RuleBending:     "opened1,escalated2,closed2,recovered",
		schemas.RuleHydration:   "opened1,closed1,break",
		schemas.RuleOffline:     "opened1,closed1,back",
		schemas.RuleBattery:     "opened1,closed1,charged",
		schemas.RuleCalibration: "opened1 moving,opened1 slouched,opened1 degenerate,opened1 too_few,opened1 drift,opened1 rewear,escalated2,closed2,calibrated,unknown",
	} {
		for way := range strings.SplitSeq(ways, ",") {
			all = append(all, string(rule)+" "+way)
		}
	}
	return all
}
