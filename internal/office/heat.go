package office

import (
	"context"
	"time"

	"sitwell/internal/auth"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// HeatMap is an organisation's week, hour by hour, over calendar months.
type HeatMap struct {
	Org   schemas.ID `json:"org"`
	Zone  string     `json:"zone"`   // in which hours are counted
	HourK int        `json:"hour_k"` // the fewest people behind any figure
	From  string     `json:"from"`   // the first month, 2026-09
	To    string     `json:"to"`     // the last one
	Made  time.Time  `json:"made,omitzero"`
	// Hours are Monday to Sunday, and of each day the hours that begin at 0 to 23.
	Hours [7][24]Hour `json:"hours"`
}

// Hour is an hour of the week: the mean over the months that have figures of it.
type Hour struct {
	Months      int      `json:"months"`       // how many have, 0 where nothing may be known
	SittingMin  *int     `json:"sitting_min"`  // minutes sitting of the 60
	SlouchedPct *int     `json:"slouched_pct"` // share of judged time at 15 degrees and more
	Breaks      *float64 `json:"breaks"`       // breaks in the hour, to a tenth
	FlexionDeg  *int     `json:"flexion_deg"`  // mean trunk flexion
}

// HeatMap is that of some calendar months, each given by any day of it, both
// included. A month that is not over yet has no figures.
func (o *Office) HeatMap(ctx context.Context, scope auth.Scope, zone *time.Location, from, to time.Time) (HeatMap, error) {
	first, last := monthOf(date(from)), monthOf(date(to))
	m := HeatMap{Org: scope.Org(), Zone: zone.String(), HourK: HourK, From: first.Format("2006-01"), To: last.Format("2006-01")}
	q := series.OfficeQuery{Org: scope.Org(), Window: series.HourOfWeek, From: dayOf(first, zone).from, To: dayOf(last.AddDate(0, 1, 0), zone).from}
	all, err := o.store.Aggregates(ctx, q)
	if err != nil {
		return HeatMap{}, err
	}
	for i := range all {
		if a := &all[i]; a.Group.IsZero() && a.Made.After(m.Made) {
			m.Made = a.Made
		}
	}
	heat := series.Heat(all, schemas.ID{}, zone)
	for weekday := range heat {
		for hour := range heat[weekday] {
			m.Hours[weekday][hour] = hourOf(heat[weekday][hour])
		}
	}
	return m, nil
}

func hourOf(c series.HeatCell) Hour {
	if c.Months == 0 {
		return Hour{}
	}
	sitting, slouched, flexion := whole(c.SittingMin), whole(c.SlouchedPct), whole(c.FlexionDeg)
	breaks := to(c.Breaks, ruleOf(series.HourOfWeek).step)
	return Hour{Months: c.Months, SittingMin: &sitting, SlouchedPct: &slouched, Breaks: &breaks, FlexionDeg: &flexion}
}
