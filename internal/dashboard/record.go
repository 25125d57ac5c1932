package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sitwell/internal/series"
	exporting "sitwell/internal/series/export" // export is what is under way here
)

// record exports all that is stored of a wearer, as JSON lines or as a zip of tables.
func (d *Dashboard) record(w http.ResponseWriter, r *call) error {
	write, media, ending := exporting.JSONLines, jsonLines, "jsonl"
	switch r.query.Get("format") {
	case "", "jsonl":
	case "csv":
		write, media, ending = exporting.CSV, "application/zip", "zip"
	default:
		return badRequest("bad_format", "format is jsonl or csv.")
	}
	e, release, err := d.startExport(w)
	if err != nil {
		return err
	}
	defer release()
	extent, err := d.extent(r)
	if err != nil {
		return err
	}
	e.media = media
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", r.wearer.ID.String()+"."+ending))
	return e.finish(write(r.Context(), e.buf, d.Store, extent, nil))
}

var errFound = errors.New("found")

// extent is where a wearer's record begins and ends.
func (d *Dashboard) extent(r *call) (series.Extent, error) {
	extent := series.Extent{Org: r.wearer.Org, Wearer: r.wearer.ID}
	err := d.Store.Wearers(r.Context(), func(e series.Extent) error {
		if e.Org == extent.Org && e.Wearer == extent.Wearer {
			extent = e
			return errFound
		}
		return context.Cause(r.Context())
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return extent, err
}
