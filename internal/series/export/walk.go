package export

import (
	"context"
	"fmt"
	"iter"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const day = 24 * time.Hour

// record is what is exported.
type record struct {
	series.Reader
	series.Extent

	progress func(done, all int)
	done     int // steps
	all      int
}

func newRecord(s series.Reader, e series.Extent, passes int, progress func(done, all int)) *record {
	r := &record{Reader: s, Extent: e, progress: progress}
	for range r.days() {
		r.all += passes
	}
	r.step(0)
	return r
}

// days are the days of the record, the last one cut where the record ends.
func (r *record) days() iter.Seq[series.Query] {
	return func(yield func(series.Query) bool) {
		for from := r.From; from.Before(r.To); from = from.Add(day) {
			to := from.Add(day)
			if to.After(r.To) {
				to = r.To
			}
			if !yield(series.Query{Org: r.Org, Wearer: r.Wearer, From: from, To: to}) {
				return
			}
		}
	}
}

func (r *record) step(n int) {
	r.done += n
	if r.progress != nil {
		r.progress(r.done, r.all)
	}
}

// eachDay calls do for each day, and ends with the context.
func (r *record) eachDay(ctx context.Context, do func(series.Query) error) error {
	for q := range r.days() {
		err := ctx.Err()
		if err == nil {
			err = do(q)
		}
		if err != nil {
			return fmt.Errorf("export %s/%s, %s: %w", r.Org, r.Wearer, q.From.UTC().Format(time.DateOnly), err)
		}
		r.step(1)
	}
	return nil
}

// episodes calls each for the episodes that start in a day, by start.
func (r *record) episodes(ctx context.Context, q series.Query, each func(*series.Episode) error) error {
	all, err := r.Episodes(ctx, q)
	if err != nil {
		return err
	}
	for i := range all {
		if e := &all[i]; !e.Start.Before(q.From) && e.Start.Before(q.To) {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// findings calls each for those of an episode. Another wearer's episode may have the same name.
func (r *record) findings(ctx context.Context, episode string, each func(*schemas.Finding) error) error {
	all, err := r.Findings(ctx, r.Org, episode)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Wearer == r.Wearer {
			if err := each(&all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// text is a time as it is written: UTC, with the fraction that it has.
func text(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func textOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return text(t)
}
