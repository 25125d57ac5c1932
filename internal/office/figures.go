package office

import (
	"maps"
	"math"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// rule is what holds of the figures of a kind of window.
type rule struct {
	least int     // people behind a figure
	worn  float64 // seconds of worn time that make a day, or an hour, count for somebody

	// Bounds of one person's figures: beyond them the person counts as being at
	// the bound, so that nobody's day can be read off a mean. Chosen wide; there
	// is no source behind them.
	sitting, breaks float64

	step  float64       // to what breaks are rounded
	again time.Duration // how often a window is made again; see the package's doc
}

func ruleOf(kind series.Window) rule {
	switch kind {
	case series.Day:
		return rule{least: DayK, worn: 3600, sitting: 16 * 60, breaks: 40, step: 0.5, again: time.Hour}
	case series.HourOfWeek:
		return rule{least: HourK, worn: 1800, sitting: 60, breaks: 10, step: 0.1, again: 24 * time.Hour}
	default:
		return rule{least: K, worn: 3600, sitting: 16 * 60, breaks: 40, step: 0.5, again: time.Hour}
	}
}

const (
	minFlexion = -30 // bounds of one person's, as in rule
	maxFlexion = 60
)

// Figures are a group's means over people. All are null, and Suppressed true,
// where too few contributed.
type Figures struct {
	Suppressed bool `json:"suppressed"`
	// Contributors is how many people are behind the figures, as a band.
	Contributors string `json:"contributors,omitempty"`

	SittingMin  *int     `json:"sitting_min"`  // minutes sitting a day, whole
	SlouchedPct *int     `json:"slouched_pct"` // share of judged time at 15 degrees and more, whole per cent
	Breaks      *float64 `json:"breaks"`       // breaks a day, to a half
	FlexionDeg  *int     `json:"flexion_deg"`  // mean trunk flexion, whole degrees
}

// figuresOf are those of an aggregate.
func figuresOf(a *series.Aggregate) Figures {
	if a.Suppressed {
		return Figures{Suppressed: true}
	}
	sitting, slouched, flexion, breaks := whole(a.SittingMin), whole(a.SlouchedPct), whole(a.FlexionDeg), a.Breaks
	return Figures{Contributors: a.Contributors, SittingMin: &sitting, SlouchedPct: &slouched, Breaks: &breaks, FlexionDeg: &flexion}
}

// tally sums up the members of an organisation over the spans that count for them.
type tally struct {
	rule

	members map[schemas.ID]bool
	sums    map[schemas.ID]sum
}

type sum struct {
	series.Totals

	spans int
}

// add takes the totals of one more span.
func (t *tally) add(totals []series.Totals) {
	for i := range totals {
		o := &totals[i]
		if !t.members[o.Wearer] || o.Sitting+o.Standing+o.Moving < t.worn || o.Upright+o.Slouched <= 0 {
			continue
		}
		s := t.sums[o.Wearer]
		s.Sitting += o.Sitting
		s.Upright += o.Upright
		s.Slouched += o.Slouched
		s.FlexionSum += o.FlexionSum
		s.Breaks += o.Breaks
		s.spans++
		t.sums[o.Wearer] = s
	}
}

// person is one contributor's own means over the spans that count.
type person struct {
	id                                    schemas.ID
	sittingMin, slouched, breaks, flexion float64
}

// people are the contributors in the order of their names: sums of floating point
// must not depend on chance.
func (t *tally) people() []person {
	people := make([]person, 0, len(t.sums))
	for _, id := range slices.SortedFunc(maps.Keys(t.sums), schemas.ID.Compare) {
		s := t.sums[id]
		n, judged := float64(s.spans), s.Upright+s.Slouched
		people = append(people, person{
			id:         id,
			sittingMin: clamp(s.Sitting/60/n, 0, t.sitting),
			slouched:   clamp(s.Slouched/judged, 0, 1),
			breaks:     clamp(float64(s.Breaks)/n, 0, t.breaks),
			flexion:    clamp(s.FlexionSum/judged, minFlexion, maxFlexion),
		})
	}
	return people
}

// publish makes figures of people, or says that they are suppressed.
func publish(people []person, r rule) series.Aggregate {
	if len(people) < max(r.least, K) {
		return series.Aggregate{Suppressed: true}
	}
	var all person
	for _, p := range people {
		all.sittingMin += p.sittingMin
		all.slouched += p.slouched
		all.breaks += p.breaks
		all.flexion += p.flexion
	}
	n := float64(len(people))
	return series.Aggregate{
		Contributors: band(len(people)),
		SittingMin:   math.Round(all.sittingMin / n), SlouchedPct: math.Round(100 * all.slouched / n),
		Breaks: to(all.breaks/n, r.step), FlexionDeg: math.Round(all.flexion / n),
	}
}

// split publishes the figures of a week: of the office, and of each group in the
// order given. No published group has fewer than K contributors, and neither have
// the contributors that are in none of them, unless there is none.
func split(people []person, groups []*pool, r rule) (office series.Aggregate, figures []series.Aggregate) {
	parts := make([][]person, len(groups))
	outside := len(people)
	least := -1 // the smallest published group
	for i, g := range groups {
		for _, p := range people {
			if g.members[p.id] {
				parts[i] = append(parts[i], p)
			}
		}
		if n := len(parts[i]); n >= K {
			outside -= n
			if least < 0 || n < len(parts[least]) {
				least = i
			}
		}
	}
	if outside > 0 && outside < K && least >= 0 {
		parts[least] = nil
	}
	figures = make([]series.Aggregate, len(groups))
	for i := range parts {
		figures[i] = publish(parts[i], r)
	}
	return publish(people, r), figures
}

// band says roughly how many people there are.
func band(n int) string {
	switch {
	case n < 20:
		return "10-19"
	case n < 50:
		return "20-49"
	}
	return "50+"
}

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }

// to rounds to a step whose inverse is whole, so that the result has few digits.
func to(v, step float64) float64 {
	n := math.Round(1 / step)
	return math.Round(v*n) / n
}

func whole(v float64) int { return int(math.Round(v)) }
