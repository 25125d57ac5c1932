package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sitwell/detect"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// figures is what the engine makes of an office's history, in which nobody
// reacts to anything.
type figures struct {
	findings         int
	episodes, nudges map[schemas.Rule]int // nudges: findings worth one
	causes           map[schemas.Cause]int
	seated, worn     map[*sim.Wearer]float64 // seconds
	shifts           map[*sim.Wearer]int
}

func officeFigures(t *testing.T, seed uint64) *figures {
	t.Helper()
	g := &figures{
		episodes: map[schemas.Rule]int{}, nudges: map[schemas.Rule]int{}, causes: map[schemas.Cause]int{},
		seated: map[*sim.Wearer]float64{}, worn: map[*sim.Wearer]float64{}, shifts: map[*sim.Wearer]int{},
	}
	o := sim.NewOffice(seed, starts[0])
	judges := map[*sim.Wearer]*detect.Wearer{}
	err := o.History(t.Context(), func(w *sim.Wearer, items []schemas.Item) error {
		if judges[w] == nil {
			judges[w] = detect.NewWearer(o.Org, w.ID, judgedBy)
		}
		var out detect.Output
		judges[w].Take(&schemas.Batch{Org: o.Org, Wearer: w.ID, Device: w.Device, Boot: w.Boot(), Items: items}, &out)
		g.take(w, &out)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *figures) take(w *sim.Wearer, out *detect.Output) {
	g.findings += len(out.Findings)
	for i := range out.Findings {
		switch f := &out.Findings[i]; f.Step {
		case schemas.Opened:
			g.episodes[f.Rule]++
			g.causes[f.Cause]++
		case schemas.Escalated:
			g.nudges[f.Rule]++
		default:
		}
	}
	for i := range out.Rollups {
		r := &out.Rollups[i]
		g.seated[w] += float64(r.Sitting)
		g.worn[w] += float64(r.Sitting + r.Standing + r.Moving)
		g.shifts[w] += r.Shifts
	}
}

// table says what a wearer's day of eight hours has.
func (g *figures) table() (text string, nudges float64) {
	var b strings.Builder
	days, episodes := 0.0, 0
	for _, s := range g.worn {
		days += s / (8 * 3600)
	}
	_, _ = fmt.Fprintf(&b, "%d findings in %.0f days of 8 h worn; a day:\n%-16s%10s%8s\n", g.findings, days, "rule", "episodes", "nudges")
	for _, rule := range schemas.Rules() {
		_, _ = fmt.Fprintf(&b, "%-16s%10.2f%8.2f\n", rule, float64(g.episodes[rule])/days, float64(g.nudges[rule])/days)
		episodes += g.episodes[rule]
		nudges += float64(g.nudges[rule]) / days
	}
	_, _ = fmt.Fprintf(&b, "%-16s%10.2f%8.2f\n", "all", float64(episodes)/days, nudges)
	return b.String(), nudges
}

func TestAnOfficeLooksLikePeople(t *testing.T) {
	g := officeFigures(t, 1)
	text, nudges := g.table()
	t.Log("\n" + text)
	if nudges < 4 || nudges > 15 {
		t.Errorf("%.1f nudges a wearer and day, if nobody reacts to any; about ten are meant", nudges)
	}
	var rates []float64
	for w, s := range g.seated {
		rates = append(rates, float64(g.shifts[w])/s*3600)
	}
	slices.Sort(rates)
	t.Logf("posture shifts an hour seated: %.0f", rates)
	// Recorded people: 21 at the median.
	if median := rates[len(rates)/2]; median < 14 || median > 28 || rates[0] < 3 || rates[len(rates)-1] > 80 {
		t.Errorf("posture shifts an hour are %.0f", rates)
	}
	for _, rule := range schemas.Rules() {
		if asleep := rule == schemas.RuleHydration; (g.episodes[rule] == 0) != asleep {
			t.Errorf("%d episodes of %s in two weeks", g.episodes[rule], rule)
		}
	}
	for _, cause := range []schemas.Cause{
		schemas.Left, schemas.Right, schemas.Fast, schemas.Sudden, schemas.WhileMoving, schemas.Drift, schemas.Rewear,
	} {
		if g.causes[cause] == 0 {
			t.Errorf("no episode has the cause %s in two weeks", cause)
		}
	}
}
