package replay

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
	askEvery = 200 * time.Millisecond
	// unchanged is how long the pipeline must have added nothing where it cannot
	// be said from outside whether more is to come. The detector writes the minute
	// of a wearer who fell silent within 10 s.
	unchanged = 12 * time.Second
)

// ErrBehind says that the pipeline was not through in time.
var ErrBehind = errors.New("the pipeline is not through")

// made is what the pipeline made of one recording.
type made struct {
	rollups  []schemas.Rollup
	episodes []series.Episode
	nudges   []nudge
}

// through waits until the last reading is stored and what follows from it has
// come, and returns that.
func (r *replayer) through(ctx context.Context, run *run) (made, error) {
	bounded, cancel := context.WithTimeout(ctx, r.o.Wait)
	defer cancel()
	last := &run.items[len(run.items)-1]
	missing := fmt.Sprintf("reading seq %d is not stored", last.Seq)
	err := poll(bounded, func() (bool, error) { return r.api.stored(bounded, run.id, run.boot, last) })
	var m made
	if err == nil {
		missing = "some minutes or decisions are missing"
		m, err = r.settled(bounded, run)
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return m, fmt.Errorf("wait %v for %s: %w: %s; look at the log and at `sitwell quarantine list`", r.o.Wait, run.id, ErrBehind, missing)
	}
	return m, err
}

// settled waits until every labelled second is in a rollup and every episode has
// its decisions, or nothing has come for a while.
func (r *replayer) settled(ctx context.Context, run *run) (m made, err error) {
	var changed time.Time
	err = poll(ctx, func() (bool, error) {
		next, err := r.made(ctx, run)
		if err != nil {
			return false, err
		}
		if changed.IsZero() || !next.same(&m) {
			changed = time.Now()
		}
		m = next
		return m.complete(run) || time.Since(changed) >= unchanged, nil
	})
	return m, err
}

func (r *replayer) made(ctx context.Context, run *run) (m made, err error) {
	from, to := run.span()
	if m.rollups, err = r.api.rollups(ctx, run.id, from, to); err != nil {
		return m, err
	}
	if m.episodes, err = r.api.episodes(ctx, run.id, from, to); err != nil {
		return m, err
	}
	m.nudges, err = r.api.nudges(ctx, run.id, from, to)
	return m, err
}

// span holds everything of a run: from the minute it begins in to after its end.
func (run *run) span() (from, to time.Time) {
	return run.base.Truncate(time.Minute), run.end.Add(time.Minute)
}

func (m *made) same(other *made) bool {
	return slices.Equal(m.rollups, other.rollups) && slices.Equal(m.episodes, other.episodes) && slices.Equal(m.nudges, other.nudges)
}

// complete reports whether nothing can be missing: the rollups hold each second
// of which sitting is known, and each step of an episode was decided about.
func (m *made) complete(run *run) bool {
	account := run.rec.Account(detect.Defaults().Hold)
	known := 0.0
	for i := range m.rollups {
		o := &m.rollups[i]
		known += float64(o.Sitting) + float64(o.Standing) + float64(o.Moving)
	}
	if known < (account.Seated+account.Other).Seconds()-0.1 {
		return false
	}
	for _, e := range m.episodes {
		for level := 2; level <= e.Level; level++ {
			if !slices.ContainsFunc(m.nudges, func(n nudge) bool { return n.Episode == e.ID && n.Level == level }) {
				return false
			}
		}
	}
	return true
}

// poll asks until done, an error, or the end of ctx. A busy API is asked again.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		ok, err := done()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errBusy):
		case err != nil || ok:
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
