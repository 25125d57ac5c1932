package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sitwell/schemas"
)

// stored is an item as a store keeps it, with the run it is of.
type stored struct {
	run
	item schemas.Item
}

// proven judges what a store holds between the two ends of a receipt again and
// gives the finding of the same ID.
func proven(t *rapid.T, f *schemas.Finding, kept []stored, timeline *Timeline) schemas.Finding {
	r := f.Receipt
	w, err := Resume(f.Org, f.Wearer, r.From, r.State, timeline)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(kept, func(s stored) bool { return s.run == run{r.From.Device, r.From.Boot} && s.item.Seq == r.From.Seq })
	last := slices.IndexFunc(kept, func(s stored) bool { return s.run == run{r.To.Device, r.To.Boot} && s.item.Seq == r.To.Seq })
	if first < 0 || last < first {
		t.Fatalf("the receipt goes from %+v to %+v", r.From, r.To)
	}
	out := &Output{}
	for _, s := range kept[first : last+1] {
		b := batch([]schemas.Item{s.item})
		b.Device, b.Boot = s.device, s.boot
		w.Retrace(b, out)
	}
	i := slices.IndexFunc(out.Findings, func(g schemas.Finding) bool { return g.ID == f.ID })
	if i < 0 {
		t.Fatalf("judged again it is not found: %+v by %+v", *f, *f.Receipt)
	}
	return out.Findings[i]
}

// Every finding is found again from its receipt alone, bit for bit: through
// disorder, losses, readings that come too late, new runs of the device and
// parameters that change.
func TestReceiptsProveTheirFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := habits(t)
		if len(list) == 0 {
			return
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 9))
		strict := Defaults()
		strict.SlouchDeg, strict.SlouchNudge, strict.SittingLevels[0] = 12, time.Minute, 10*time.Minute
		timeline := NewTimeline(Revision{Version: DefaultVersion, Params: Defaults()},
			Revision{Version: "wearer1", From: time.UnixMilli(list[rng.IntN(len(list))].Time), Params: strict})
		kept := runs(list, rng)
		w, out, seen := NewWearer(org, person, timeline), &Output{}, map[run]bool{}
		for _, s := range deliver(kept, rng) {
			b := batch([]schemas.Item{s.item})
			b.Device, b.Boot = s.device, s.boot
			was := w.run
			w.Take(b, out)
			if w.run != was && seen[w.run] {
				return // a run that came back: what a store holds does not tell when
			}
			seen[w.run] = true
			if rng.IntN(300) == 0 {
				w = resumed(t, w)
			}
		}
		late := func(s stored) bool {
			return slices.ContainsFunc(out.Late, func(l schemas.Late) bool {
				return l.Device == s.device && l.Boot == s.boot && s.item.Seq >= l.First && s.item.Seq <= l.Last
			})
		}
		kept = slices.DeleteFunc(kept, late)
		for i := range out.Findings {
			f := &out.Findings[i]
			want, got := inJSON(t, *f), inJSON(t, proven(t, f, kept, timeline))
			if got != want {
				t.Fatalf("judged again it is\n%s\nwant\n%s", got, want)
			}
			// These may have begun long before, or by the device's own count.
			early := []schemas.Rule{schemas.RuleSitting, schemas.RuleBattery, schemas.RuleCalibration, schemas.RuleHydration}
			if from := f.Receipt.From.Time; from.After(f.Start) && !slices.Contains(early, f.Rule) {
				t.Fatalf("the receipt begins at %s, after the episode's start: %+v", from, *f)
			}
		}
	})
}

func inJSON(t *rapid.T, f schemas.Finding) string {
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// runs cuts items into runs of a device, which each count anew, and loses some.
func runs(list []schemas.Item, rng *rand.Rand) (kept []stored) {
	at := run{chest, 7}
	first := list[0].Seq
	for _, it := range list {
		if rng.IntN(1000) == 0 {
			at.boot, first = at.boot+1, it.Seq
		}
		it.Seq -= first
		if rng.IntN(50) > 0 {
			kept = append(kept, stored{at, it})
		}
	}
	return kept
}

// deliver gives items out of order by up to three minutes, some of them twice.
func deliver(kept []stored, rng *rand.Rand) (all []stored) {
	type delivery struct {
		stored
		at int64
	}
	var list []delivery
	for _, s := range kept {
		for range 1 + rng.IntN(5)/4 {
			at := s.item.Time
			if rng.IntN(20) == 0 {
				at += rng.Int64N(180_000)
			}
			list = append(list, delivery{s, at})
		}
	}
	slices.SortStableFunc(list, func(a, b delivery) int { return cmp.Compare(a.at, b.at) })
	for _, d := range list {
		all = append(all, d.stored)
	}
	return all
}

func TestReceiptSaysWhatWasJudged(t *testing.T) {
	p := Defaults()
	p.SlouchNudge = 90 * time.Second
	up := leaned(0, 0)
	list := items(500*time.Millisecond, walking(30), slouched(100))
	for i := range list {
		r := &list[i].Reading
		r.Acc, r.Fields = leaned(float64(r.TrunkPitch)/10, 0), r.Fields&^schemas.HasTrunk|schemas.HasAcc
	}
	list[0] = calibrated(1, 0, schemas.Seated, &up)
	w, out := NewWearer(org, person, NewTimeline(Revision{Version: "org3", Params: p})), &Output{}
	w.Take(batch(list), out)
	i := slices.IndexFunc(out.Findings, func(f schemas.Finding) bool { return f.Rule == schemas.RuleSlouch && f.Step == schemas.Escalated })
	if i < 0 {
		t.Fatal("no nudge")
	}
	f := out.Findings[i]
	r := f.Receipt
	if r.Engine != Engine || r.RuleNumber != "R1" || r.Version != 2 || r.Parameters != "org3" || r.Limits["slouch_nudge"] != "1m30s" || r.Limits["slouch_deg"] != "15" {
		t.Errorf("the rule is %+v", r)
	}
	if len(r.Limits) != 9 || r.Values["dwell_s"] != 90 || !near(r.Values["mean_flexion_deg"], 20, 0.5) {
		t.Errorf("the values are %v of %v", r.Values, r.Limits)
	}
	if r.Zero == nil || r.Zero.Pose != schemas.Seated || r.Zero.Upright != up {
		t.Errorf("the calibration is %+v", r.Zero)
	}
	if r.From.Seq != 1 || r.From.Boot != 7 || r.From.Device != chest || r.To.Seq != f.Seq || !r.To.Time.Equal(f.Time) {
		t.Errorf("the readings are %+v to %+v", r.From, r.To)
	}
}

// A receipt begins where nothing was under way, not at the beginning of all time.
func TestReceiptsBeginLate(t *testing.T) {
	_, out := judge(items(500*time.Millisecond, slouched(40), standing(600), slouched(40), upright(10)))
	for _, f := range out.Findings {
		if ago := f.Start.Sub(f.Receipt.From.Time); ago < 0 || ago > time.Minute {
			t.Errorf("%s of an episode since %s begins %s before it", f.ID, f.Start, ago)
		}
	}
	if len(out.Findings) != 4 {
		t.Errorf("%d findings, want 4", len(out.Findings))
	}
}

func TestDamagedReceipt(t *testing.T) {
	var a anchor
	a.cast(NewWearer(org, person, Always(Defaults())), 1, day0, 0)
	state := a.state
	for i := range state {
		bad := slices.Clone(state)
		bad[i] = 0xff
		w, err := Resume(org, person, schemas.Place{Device: chest}, bad, Always(Defaults()))
		if err != nil {
			continue
		}
		w.Retrace(batch(items(time.Second, slouched(70), walking(130))), &Output{Trace: true})
	}
	if _, err := Resume(org, person, schemas.Place{Device: chest}, state[:5], Always(Defaults())); err != nil {
		t.Errorf("a short state reads as zeros: %v", err)
	}
}

func TestEveryRuleHasANumber(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range schemas.Rules() {
		number, version := RuleVersion(rule)
		if version < 1 || number == "" {
			t.Errorf("%s is rule %q, version %d", rule, number, version)
		}
		seen[number] = true
	}
	for i := range 10 {
		if number := fmt.Sprintf("R%d", i+1); i+1 != 10 && !seen[number] {
			t.Errorf("there is no rule %s", number)
		}
	}
}
