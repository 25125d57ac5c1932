package dashboard

import (
	"net/http"

	"sitwell/internal/series"
)

// rollups are a wearer's minutes of a range.
func (d *Dashboard) rollups(w http.ResponseWriter, r *call) error {
	q, err := r.span(shortSpan)
	if err != nil {
		return err
	}
	list, err := d.Store.Rollups(r.Context(), q)
	return answerList(w, q, "rollups", orEmpty(list), err)
}

// episodes are a wearer's episodes that overlap a range.
func (d *Dashboard) episodes(w http.ResponseWriter, r *call) error {
	q, err := r.span(longSpan)
	if err != nil {
		return err
	}
	list, err := d.Store.Episodes(r.Context(), q)
	return answerList(w, q, "episodes", orEmpty(list), err)
}

// nudges are a wearer's nudges of a range, each with what followed it.
func (d *Dashboard) nudges(w http.ResponseWriter, r *call) error {
	q, err := r.span(longSpan)
	if err != nil {
		return err
	}
	list, _, err := d.joinedNudges(r.Context(), q)
	return answerList(w, q, "nudges", orEmpty(list), err)
}

func answerList(w http.ResponseWriter, q series.Query, name string, list any, err error) error {
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"org": q.Org, "wearer": q.Wearer, "from": q.From, "to": q.To, name: list})
	return nil
}
