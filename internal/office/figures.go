package office

import (
	"maps"
	"math"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	minWorn = 3600.0 // seconds of worn time that make a contributor of a day

	// Bounds of one person's figures: beyond them the person counts as being at
	// the bound, so that nobody's day can be read off a mean. Chosen wide; there
	// is no source behind them.
	maxSittingMin = 16 * 60
	maxBreaks     = 40
	minFlexion    = -30
	maxFlexion    = 60
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

// person is one contributor's own means over the days that count.
type person struct {
	id                                    schemas.ID
	sittingMin, slouched, breaks, flexion float64
}

// contributors are the people with at least one day that counts, and each one's
// means over those days, in the order of their names: sums of floating point must
// not depend on chance.
func contributors(days []map[schemas.ID]series.Totals) []person {
	sums := map[schemas.ID]series.Totals{}
	counts := map[schemas.ID]int{}
	for _, day := range days {
		for id, t := range day {
			s := sums[id]
			s.Sitting += t.Sitting
			s.Upright += t.Upright
			s.Slouched += t.Slouched
			s.FlexionSum += t.FlexionSum
			s.Breaks += t.Breaks
			sums[id] = s
			counts[id]++
		}
	}
	people := make([]person, 0, len(sums))
	for _, id := range slices.SortedFunc(maps.Keys(sums), schemas.ID.Compare) {
		s := sums[id]
		n, judged := float64(counts[id]), s.Upright+s.Slouched
		people = append(people, person{
			id:         id,
			sittingMin: clamp(s.Sitting/60/n, 0, maxSittingMin),
			slouched:   clamp(s.Slouched/judged, 0, 1),
			breaks:     clamp(float64(s.Breaks)/n, 0, maxBreaks),
			flexion:    clamp(s.FlexionSum/judged, minFlexion, maxFlexion),
		})
	}
	return people
}

// counting keeps of a day's totals those of its contributors.
func counting(totals []series.Totals) map[schemas.ID]series.Totals {
	day := make(map[schemas.ID]series.Totals, len(totals))
	for _, t := range totals {
		if t.Sitting+t.Standing+t.Moving >= minWorn && t.Upright+t.Slouched > 0 {
			day[t.Wearer] = t
		}
	}
	return day
}

// publish makes figures of people, or says that they are suppressed.
func publish(people []person, least int) Figures {
	if len(people) < max(least, K) {
		return Figures{Suppressed: true}
	}
	var sum person
	for _, p := range people {
		sum.sittingMin += p.sittingMin
		sum.slouched += p.slouched
		sum.breaks += p.breaks
		sum.flexion += p.flexion
	}
	n := float64(len(people))
	sitting, slouched := round(sum.sittingMin/n), round(100*sum.slouched/n)
	breaks, flexion := math.Round(2*sum.breaks/n)/2, round(sum.flexion/n)
	return Figures{
		Contributors: band(len(people)),
		SittingMin:   &sitting, SlouchedPct: &slouched, Breaks: &breaks, FlexionDeg: &flexion,
	}
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

func round(v float64) int { return int(math.Round(v)) }
