package hindsight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// leadIn widens a range to the past, so that an engine which knows nothing knows
// by the beginning of the range what live knew: the calibrations, one for each
// wear, the bout, the load, the last reading. It goes back one day, two, four and
// so on until the run that the range begins in is seen to begin, nothing older is
// stored, or the retention of raw readings is reached. A day is enough for all
// else: in it the load budget forgets what was before but for rounding, and no
// other count that judges goes back further.
func (h *Hindsight) leadIn(ctx context.Context, q series.Query) (series.Query, error) {
	first, err := h.first(ctx, q)
	if err != nil || first == nil {
		return q, err
	}
	wide := q
	for back := 24 * time.Hour; ; back *= 2 {
		back = min(back, schemas.MaxAge)
		wide.From = q.From.Add(-back)
		before := wide
		before.To = q.From
		begins, err := h.begins(ctx, before, runOf(first))
		if err != nil || begins || back == schemas.MaxAge {
			return wide, err
		}
	}
}

// first is the first reading of a range that was on time, nil if there is none.
func (h *Hindsight) first(ctx context.Context, q series.Query) (first *series.Reading, err error) {
	err = h.Store.Readings(ctx, q, func(r series.Reading) error {
		if r.Late {
			return nil
		}
		first = &r
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("look for the first reading of %s/%s: %w", q.Org, q.Wearer, err)
	}
	return first, nil
}

// begins reports whether a run is seen to begin in a range: something else comes
// before its first reading, or that is number 0 of it.
func (h *Hindsight) begins(ctx context.Context, q series.Query, of run) (begins bool, err error) {
	begins = false
	other := false
	err = h.Store.Readings(ctx, q, func(r series.Reading) error {
		switch {
		case r.Late:
			return nil
		case runOf(&r) != of:
			other = true
			return nil
		}
		begins = other || r.Seq == 0
		return errEnough
	})
	if err == nil {
		// None of the run lies in the range, so it begins after it.
		return other, nil
	}
	if !errors.Is(err, errEnough) {
		return false, fmt.Errorf("look for the beginning of a run of %s/%s: %w", q.Org, q.Wearer, err)
	}
	return begins, nil
}
