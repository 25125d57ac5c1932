package dashboard

import (
	"net/http"
	"time"

	"sitwell/internal/series"
)

// maxSlots bounds an answer: a year by the hour is just under it.
const maxSlots = 10_000

// slotView sums one step of a range up.
type slotView struct {
	Start time.Time `json:"start"`
	// Minutes is how many minutes with readings are in it.
	Minutes       int      `json:"minutes"`
	SittingMin    float64  `json:"sitting_min"`
	StandingMin   float64  `json:"standing_min"`
	MovingMin     float64  `json:"moving_min"`
	NotWornMin    float64  `json:"not_worn_min"`
	UprightMin    float64  `json:"upright_min"`
	SlouchedMin   float64  `json:"slouched_min"`
	SlouchedShare *float64 `json:"slouched_share"` // of judged time, 0 to 1; null where none was judged
	FlexionDeg    *float64 `json:"flexion_deg"`    // the mean over judged time
	Breaks        int      `json:"breaks"`
}

// slots are a wearer's minutes of a range summed up in steps: a day by the hour, a
// year by the day. Steps that have no minute are left out.
func (d *Dashboard) slots(w http.ResponseWriter, r *call) error {
	q, err := r.span(longSpan)
	if err != nil {
		return err
	}
	every, err := r.every(q)
	if err != nil {
		return err
	}
	list, err := d.Store.Slots(r.Context(), q, every)
	views := make([]slotView, len(list))
	for i := range list {
		views[i] = slotOf(&list[i])
	}
	return answerList(w, q, "slots", views, err)
}

// every reads the length of a step.
func (r *call) every(q series.Query) (time.Duration, error) {
	text := r.query.Get("every")
	every, err := time.ParseDuration(text)
	switch {
	case text == "":
		return 0, badRequest("missing_parameter", "Give every, the length of a step, such as 15m or 24h.")
	case err != nil || every < time.Minute || every > longSpan || every%time.Minute != 0:
		return 0, badRequest("bad_step", "every is no length of whole minutes such as 15m or 24h, at most %dh.", int(longSpan/time.Hour))
	case q.To.Sub(q.From) > maxSlots*every:
		return 0, badRequest("range_too_long", "The range has over %d steps of that length. Ask for longer ones, or in parts.", maxSlots)
	}
	return every, nil
}

func slotOf(s *series.Slot) slotView {
	v := slotView{
		Start: s.Start, Minutes: s.Minutes, Breaks: s.Breaks,
		SittingMin: s.Sitting / 60, StandingMin: s.Standing / 60, MovingMin: s.Moving / 60, NotWornMin: s.NotWorn / 60,
		UprightMin: s.Upright / 60, SlouchedMin: s.Slouched / 60,
	}
	if judged := s.Upright + s.Slouched; judged > 0 {
		share, flexion := s.Slouched/judged, s.FlexionSum/judged
		v.SlouchedShare, v.FlexionDeg = &share, &flexion
	}
	return v
}
