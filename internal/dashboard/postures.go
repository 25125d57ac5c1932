package dashboard

import (
	"net/http"

	"sitwell/detect"
)

// postures exports what the engine sees in a wearer's stored readings, one posture
// a line, as live saw it.
func (d *Dashboard) postures(w http.ResponseWriter, r *call) error {
	q, err := r.span(shortSpan)
	if err != nil {
		return err
	}
	e, release, err := d.startExport(w)
	if err != nil {
		return err
	}
	defer release()
	return e.finish(d.Hindsight.Postures(r.Context(), q, func(p detect.Posture) error { return e.line(p) }))
}
