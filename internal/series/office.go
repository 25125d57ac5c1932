package series

import (
	"time"

	"sitwell/schemas"
)

// Window is a kind of window that an office's aggregates are made of.
type Window string

// The windows. Each is over before it is made.
const (
	Day  Window = "day"
	Week Window = "week" // an ISO week, from Monday on
	// HourOfWeek is one hour of a weekday over a calendar month: all Tuesdays from 9 to
	// 10 of November. Its start is the first of them.
	HourOfWeek Window = "hour_of_week"
)

// Aggregate is what may be known of a group in a window: never of fewer than its
// makers' minimum of people. One that is suppressed says nothing but that.
type Aggregate struct {
	Org    schemas.ID
	Group  schemas.ID // zero for the whole organisation
	Window Window
	Start  time.Time // its first instant, whole seconds
	End    time.Time // the first instant behind it
	// Made is when it was made, whole seconds: what was stored by then is in it. By it
	// its maker knows, after a restart, whether it has to be made again.
	Made time.Time

	Suppressed bool
	// Contributors is how many people are behind the figures, as a band.
	Contributors string
	SittingMin   float64 // minutes sitting, a day or an hour
	SlouchedPct  float64 // share of judged time slouched, per cent
	Breaks       float64 // breaks, a day or an hour
	FlexionDeg   float64 // mean trunk flexion, degrees
}

// OfficeQuery is a range of windows of an organisation, of all groups together.
type OfficeQuery struct {
	Org      schemas.ID
	Window   Window
	From, To time.Time
}

// HeatMap is the hours of a week, Monday first, local time.
type HeatMap [7][24]HeatCell

// HeatCell is the mean of the months that have a figure for an hour of the week.
type HeatCell struct {
	Months      int // 0 where nothing may be known
	SittingMin  float64
	SlouchedPct float64
	Breaks      float64
	FlexionDeg  float64
}

// Heat is the heat map of a group, zero for the whole organisation, from its
// aggregates of HourOfWeek; others are passed over. Each month weighs the same.
func Heat(all []Aggregate, group schemas.ID, zone *time.Location) HeatMap {
	var m HeatMap
	for i := range all {
		a := &all[i]
		if a.Window != HourOfWeek || a.Group != group || a.Suppressed {
			continue
		}
		at := a.Start.In(zone)
		m[(int(at.Weekday())+6)%7][at.Hour()].add(a)
	}
	return m
}

// add takes one more month into the mean.
func (c *HeatCell) add(a *Aggregate) {
	c.Months++
	n := float64(c.Months)
	c.SittingMin += (a.SittingMin - c.SittingMin) / n
	c.SlouchedPct += (a.SlouchedPct - c.SlouchedPct) / n
	c.Breaks += (a.Breaks - c.Breaks) / n
	c.FlexionDeg += (a.FlexionDeg - c.FlexionDeg) / n
}
