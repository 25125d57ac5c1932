package dashboard

import (
	"net/http"
	"time"
)

const (
	maxMonths = 24 // the retention of an office's figures
	usual     = 3  // months that are shown where none are named
)

// office is the summary of an organisation; package office says what is in it.
func (d *Dashboard) office(w http.ResponseWriter, r *call) error {
	summary, err := d.Office.Summary(r.Context(), r.scope, r.zone, d.now())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, summary)
	return nil
}

// heatMap is an organisation's week, hour by hour, over some months.
func (d *Dashboard) heatMap(w http.ResponseWriter, r *call) error {
	from, to, err := r.months(d.now())
	if err != nil {
		return err
	}
	m, err := d.Office.HeatMap(r.Context(), r.scope, r.zone, from, to)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, m)
	return nil
}

// months reads the first and the last of some calendar months, by default the three
// before the present one in the organisation's zone. It gives a day of each, in UTC.
func (r *call) months(now time.Time) (from, to time.Time, err error) {
	y, m, _ := now.In(r.zone).Date()
	to = time.Date(y, m-1, 1, 0, 0, 0, 0, time.UTC)
	if to, err = r.month("to", to); err != nil {
		return from, to, err
	}
	if from, err = r.month("from", to.AddDate(0, 1-usual, 0)); err != nil {
		return from, to, err
	}
	switch n := 12*(to.Year()-from.Year()) + int(to.Month()) - int(from.Month()) + 1; {
	case n < 1:
		return from, to, badRequest("bad_range", "The last month is before the first. Give a later one as to.")
	case n > maxMonths:
		return from, to, badRequest("range_too_long", "The range has %d months; at most %d are given at once. Ask for it in parts.", n, maxMonths)
	}
	return from, to, nil
}

func (r *call) month(name string, usual time.Time) (time.Time, error) {
	text := r.query.Get(name)
	if text == "" {
		return usual, nil
	}
	month, err := time.Parse("2006-01", text)
	if err != nil || month.Year() < firstYear || month.Year() > lastYear {
		return month, badRequest("bad_month", "%s is no month such as 2026-11.", name)
	}
	return month, nil
}
