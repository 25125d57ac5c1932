package dashboard

import (
	"slices"
	"time"

	"sitwell/detect"
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
	// LongestBoutMin is the longest sitting bout; one that began the day before counts
	// with all of its length.
	LongestBoutMin float64 `json:"longest_bout_min"`
	Breaks         int     `json:"breaks"` // bouts that a break ended
	Shifts         int     `json:"shifts"` // posture shifts on the seat
	// ShiftsAnHour is of sitting whose posture was judged; null under a quarter of an hour of it.
	ShiftsAnHour *float64 `json:"shifts_an_hour"`
	LoadPeak     float64  `json:"load_peak"` // the highest load budget, 0 to 1

	LeanLeftMin  float64 `json:"lean_left_min"` // over 10 degrees
	LeanRightMin float64 `json:"lean_right_min"`
	// LeanIndex is |left - right| / (left + right), 0 to 1; null where there was none.
	LeanIndex *float64 `json:"lean_index"`
	// OneSided is left or right where leaning is flagged as one-sided.
	OneSided schemas.Cause `json:"one_sided,omitempty"`
	// BentShare is the share of judged time bent by 60 degrees and more, 0 to 1, and
	// BentMuch whether it is flagged; null where none was judged.
	BentShare *float64 `json:"bent_share"`
	BentMuch  bool     `json:"bent_much"`

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
	var d detect.Day
	for i := range rollups {
		d.Add(&rollups[i])
	}
	t := totalsOf(&d)
	for _, e := range episodes {
		if e.Start.Before(from) || !e.Start.Before(to) {
			continue // it is counted on the day it began
		}
		switch e.Rule {
		case schemas.RuleSlouch:
			t.SlouchEpisodes++
		case schemas.RuleSitting:
			t.SittingEpisodes++
		default: // no total counts it
		}
	}
	t.countNudges(nudges)
	return t
}

func totalsOf(d *detect.Day) totalsView {
	return totalsView{
		SittingMin: d.Sitting / 60, StandingMin: d.Standing / 60, MovingMin: d.Moving / 60, NotWornMin: d.NotWorn / 60,
		UprightMin: d.Upright / 60, SlouchedMin: d.Slouched / 60,
		SlouchedShare: ifKnown(d.SlouchedShare()), FlexionDeg: ifKnown(d.Flexion()),
		LongestBoutMin: d.LongestBout / 60, Breaks: d.Breaks, Shifts: d.Shifts, ShiftsAnHour: ifKnown(d.ShiftsAnHour()), LoadPeak: d.LoadPeak,
		LeanLeftMin: d.LeanLeft / 60, LeanRightMin: d.LeanRight / 60, LeanIndex: ifKnown(d.LeanIndex()), OneSided: d.OneSided(),
		BentShare: ifKnown(d.BentShare()), BentMuch: d.BentMuch(),
	}
}

// ifKnown is null in JSON for what is not known.
func ifKnown(v float64, known bool) *float64 {
	if !known {
		return nil
	}
	return &v
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
