package hindsight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// anchorBack is how far before a day a receipt with the engine's state is looked
	// for, anchorEpisodes in how many episodes at most.
	anchorBack     = 7 * dayAfter
	anchorEpisodes = 64
)

// begin starts the engine before a day: best from the last state that a receipt
// noted before it, which is exactly what live had; else blank, with a lead-in.
func (h *Hindsight) begin(ctx context.Context, d *dayJob) (job, error) {
	receipt, err := h.anchor(ctx, d)
	if err != nil {
		return job{}, err
	}
	if receipt != nil {
		w, err := detect.Resume(d.Org, d.ID, receipt.From, receipt.State, d.timeline)
		kept := h.holds(ctx, d.query, receipt.From)
		if err == nil && kept { // a damaged state is no reason not to begin without it
			q := d.query
			q.From = receipt.From.Time.Add(-disorder)
			return job{query: q, wearer: w, start: &receipt.From, catchUp: true}, nil
		}
	}
	wide, err := h.leadIn(ctx, d.query)
	return job{query: wide, wearer: detect.NewWearer(d.Org, d.ID, d.timeline), catchUp: true}, err
}

// holds reports whether a reading is stored, and was on time.
func (h *Hindsight) holds(ctx context.Context, q series.Query, at schemas.Place) bool {
	q.From, q.To = at.Time, at.Time.Add(time.Millisecond)
	err := h.Store.Readings(ctx, q, func(r series.Reading) error {
		if isAt(&r, &at) && !r.Late {
			return errEnough
		}
		return nil
	})
	return errors.Is(err, errEnough)
}

// anchor is the receipt with the last state of before the day, nil if there is none.
func (h *Hindsight) anchor(ctx context.Context, d *dayJob) (last *schemas.Receipt, err error) {
	q := d.query
	q.From, q.To = d.query.From.Add(-anchorBack), d.query.From
	if kept := h.now().Add(-schemas.MaxAge); q.From.Before(kept) {
		q.From = kept
	}
	if !q.From.Before(q.To) {
		return nil, nil
	}
	episodes, err := h.Store.Episodes(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("look for the engine's state before %s: %w", d.report.Day, err)
	}
	for i, e := range slices.Backward(episodes) {
		if i < len(episodes)-anchorEpisodes {
			break
		}
		findings, err := h.Store.Findings(ctx, d.Org, e.ID)
		if err != nil {
			return nil, fmt.Errorf("look for the engine's state before %s: %w", d.report.Day, err)
		}
		for i := range findings {
			r := findings[i].Receipt
			if usable(r, q) && (last == nil || last.From.Time.Before(r.From.Time)) {
				last = r
			}
		}
	}
	return last, nil
}

// usable reports whether a receipt's state is from a range, of this engine.
func usable(r *schemas.Receipt, q series.Query) bool {
	return r != nil && r.Engine == detect.Engine && len(r.State) > 0 && !r.From.Time.Before(q.From) && r.From.Time.Before(q.To)
}
