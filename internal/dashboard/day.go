package dashboard

import (
	"cmp"
	"net/http"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// dayView is a wearer's day.
type dayView struct {
	Org    schemas.ID `json:"org"`
	Wearer wearerView `json:"wearer"`
	Date   string     `json:"date"`
	Zone   string     `json:"zone"`
	From   time.Time  `json:"from"` // the first instant of the day in the zone
	To     time.Time  `json:"to"`   // that of the next day
	Today  bool       `json:"today"`

	Minutes  minutesView      `json:"minutes"`
	Totals   totalsView       `json:"totals"`
	Episodes []series.Episode `json:"episodes"`
	Nudges   []nudgeView      `json:"nudges"`
}

// minutesView is the minutes for which there is a rollup as columns of the same
// length, for charts; the units are those of schemas.Rollup.
type minutesView struct {
	Minute   []int64    `json:"minute"` // since 1970, UTC
	Sitting  []float32  `json:"sitting_s"`
	Standing []float32  `json:"standing_s"`
	Moving   []float32  `json:"moving_s"`
	NotWorn  []float32  `json:"not_worn_s"`
	Upright  []float32  `json:"upright_s"`
	Slouched []float32  `json:"slouched_s"`
	Flexion  []*float32 `json:"flexion_deg"` // null where no posture was judged
	Breaks   []int      `json:"breaks"`

	FlexionP95 []*float32 `json:"flexion_p95_deg"` // null where no posture was judged
	LeanLeft   []float32  `json:"lean_left_s"`
	LeanRight  []float32  `json:"lean_right_s"`
	Bent       []float32  `json:"bent_s"`
	LoadPeak   []float32  `json:"load_peak"`
	Shifts     []int      `json:"shifts"`
	Bout       []float32  `json:"bout_s"`
}

func (d *Dashboard) day(w http.ResponseWriter, r *call) error {
	now := d.now()
	from, to, err := r.date(now)
	if err != nil {
		return err
	}
	q := about(r.person, from, to)
	rollups, err := d.Store.Rollups(r.Context(), q)
	if err != nil {
		return err
	}
	episodes, err := d.Store.Episodes(r.Context(), q)
	if err != nil {
		return err
	}
	nudges, spontaneous, err := d.joinedNudges(r.Context(), q)
	if err != nil {
		return err
	}
	view := dayView{
		Org: r.org.ID, Wearer: viewOf(r.wearer, d.teamNames(r), r.org.Zone),
		Date: from.Format(time.DateOnly), Zone: cmp.Or(r.zone.String(), "UTC"), From: from.UTC(), To: to.UTC(),
		Today:   !now.Before(from) && now.Before(to),
		Minutes: columns(rollups), Episodes: orEmpty(episodes), Nudges: nudges,
	}
	view.Totals = totals(rollups, episodes, nudges, from, to)
	view.Totals.Unprompted = spontaneous
	writeJSON(w, http.StatusOK, view)
	return nil
}

func columns(rollups []schemas.Rollup) minutesView {
	n := len(rollups)
	m := minutesView{
		Minute: make([]int64, n), Sitting: make([]float32, n), Standing: make([]float32, n), Moving: make([]float32, n),
		NotWorn: make([]float32, n), Upright: make([]float32, n), Slouched: make([]float32, n),
		Flexion: make([]*float32, n), Breaks: make([]int, n),
		FlexionP95: make([]*float32, n), LeanLeft: make([]float32, n), LeanRight: make([]float32, n), Bent: make([]float32, n),
		LoadPeak: make([]float32, n), Shifts: make([]int, n), Bout: make([]float32, n),
	}
	for i := range rollups {
		o := &rollups[i]
		m.Minute[i], m.Breaks[i] = o.Minute, o.Breaks
		m.Sitting[i], m.Standing[i], m.Moving[i], m.NotWorn[i] = o.Sitting, o.Standing, o.Moving, o.NotWorn
		m.Upright[i], m.Slouched[i] = o.Upright, o.Slouched
		m.LeanLeft[i], m.LeanRight[i], m.Bent[i] = o.LeanLeft, o.LeanRight, o.Bent
		m.LoadPeak[i], m.Shifts[i], m.Bout[i] = o.LoadPeak, o.Shifts, o.Bout
		if o.Upright+o.Slouched > 0 {
			m.Flexion[i], m.FlexionP95[i] = &o.Flexion, &o.FlexionP95
		}
	}
	return m
}

// orEmpty makes a list that JSON writes as [] and not as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
