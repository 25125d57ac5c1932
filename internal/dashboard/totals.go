package dashboard

import (
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// totalsView sums a day up, in the terms of the Sedentary Behaviour Research
// Network. Minutes without a reading are in none of it.
type totalsView struct {
	SittingMin  float64 `json:"sitting_min"`
	StandingMin float64 `json:"standing_min"`
	MovingMin   float64 `json:"moving_min"`
	NotWornMin  float64 `json:"not_worn_min"`
	UprightMin  float64 `json:"upright_min"`
	SlouchedMin float64 `json:"slouched_min"`
	// SlouchedShare is slouched of judged time, 0 to 1; null where none was judged.
	SlouchedShare *float64 `json:"slouched_share"`
	FlexionDeg    *float64 `json:"flexion_deg"` // the mean over judged time
	// LongestBoutMin is the longest sitting without two minutes off the seat in
	// one piece, read from minutes and so true to about one.
	LongestBoutMin float64 `json:"longest_bout_min"`
	Breaks         int     `json:"breaks"` // bouts that a break ended
	// Unprompted are the breaks that came before anybody had to ask.
	Unprompted int `json:"unprompted_breaks"`

	SlouchEpisodes  int `json:"slouch_episodes"`
	SittingEpisodes int `json:"sitting_episodes"`
	NudgesSent      int `json:"nudges_sent"`
	NudgesHeld      int `json:"nudges_held"`
	// CorrectionS is the median time from a nudge to the correction, in
	// seconds; null where nothing was corrected.
	CorrectionS *float64 `json:"correction_s"`
}

func totals(rollups []schemas.Rollup, episodes []series.Episode, nudges []nudgeView, from, to time.Time) totalsView {
	var t totalsView
	var flexion float64
	for i := range rollups {
		o := &rollups[i]
		t.SittingMin += float64(o.Sitting) / 60
		t.StandingMin += float64(o.Standing) / 60
		t.MovingMin += float64(o.Moving) / 60
		t.NotWornMin += float64(o.NotWorn) / 60
		t.UprightMin += float64(o.Upright) / 60
		t.SlouchedMin += float64(o.Slouched) / 60
		flexion += float64(o.Flexion) * float64(o.Upright+o.Slouched) / 60
		t.Breaks += o.Breaks
	}
	if judged := t.UprightMin + t.SlouchedMin; judged > 0 {
		share, mean := t.SlouchedMin/judged, flexion/judged
		t.SlouchedShare, t.FlexionDeg = &share, &mean
	}
	t.LongestBoutMin = longestBout(rollups)
	for _, e := range episodes {
		if e.Start.Before(from) || !e.Start.Before(to) {
			continue // it is counted on the day it began
		}
		switch e.Rule {
		case schemas.RuleSlouch:
			t.SlouchEpisodes++
		case schemas.RuleSitting:
			t.SittingEpisodes++
		}
	}
	t.countNudges(nudges)
	return t
}

func (t *totalsView) countNudges(nudges []nudgeView) {
	var times []float64
	for i := range nudges {
		switch nudges[i].Status {
		case schemas.ActionHeld:
			t.NudgesHeld++
		default:
			t.NudgesSent++
		}
		if s := nudges[i].CorrectionS; s != nil {
			times = append(times, *s)
		}
	}
	if len(times) > 0 {
		slices.Sort(times)
		median := (times[(len(times)-1)/2] + times[len(times)/2]) / 2
		t.CorrectionS = &median
	}
}

const awayEnds = 120 // seconds off the seat that end a bout; R4 of the rules

// longestBout is the longest run of minutes of sitting in minutes. A minute of
// which half and more was sat through belongs to a run; one without a rollup ends
// it, for nobody knows, and so do two minutes off the seat.
func longestBout(rollups []schemas.Rollup) float64 {
	var longest, bout, away float64
	var last int64
	for i := range rollups {
		o := &rollups[i]
		if o.Minute != last+1 || away >= awayEnds || o.Breaks > 0 {
			bout, away = 0, 0
		}
		last = o.Minute
		bout += float64(o.Sitting)
		if o.Sitting < 30 {
			away += float64(o.Standing + o.Moving + o.NotWorn)
		} else {
			away = 0
		}
		longest = max(longest, bout)
	}
	return longest / 60
}
