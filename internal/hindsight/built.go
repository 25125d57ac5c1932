package hindsight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// built is what a day's readings amount to: its minutes, and the episodes that
// began in it with all their findings, whenever those came.
type built struct {
	rollups  []schemas.Rollup
	findings map[string][]schemas.Finding // by episode, in order
}

func newBuilt() *built { return &built{findings: map[string][]schemas.Finding{}} }

// all is every finding, by episode's start.
func (b *built) all() (list []schemas.Finding) {
	for _, findings := range b.findings {
		list = append(list, findings...)
	}
	slices.SortFunc(list, func(x, y schemas.Finding) int {
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.Episode, y.Episode), x.Time.Compare(y.Time), cmp.Compare(x.ID, y.ID))
	})
	return list
}

// minute is the rollup of a minute, if there is one.
func (b *built) minute(of int64) (schemas.Rollup, bool) {
	i, ok := slices.BinarySearchFunc(b.rollups, of, func(r schemas.Rollup, of int64) int { return cmp.Compare(r.Minute, of) })
	if !ok {
		return schemas.Rollup{}, false
	}
	return b.rollups[i], true
}

// stored is what the store has of a day.
func (h *Hindsight) stored(ctx context.Context, q series.Query) (*built, error) {
	b := newBuilt()
	var err error
	if b.rollups, err = h.Store.Rollups(ctx, q); err != nil {
		return nil, fmt.Errorf("read the minutes of %s/%s: %w", q.Org, q.Wearer, err)
	}
	episodes, err := h.Store.Episodes(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the episodes of %s/%s: %w", q.Org, q.Wearer, err)
	}
	for _, e := range episodes {
		if e.Start.Before(q.From) || !e.Start.Before(q.To) {
			continue // it belongs to the day before
		}
		if b.findings[e.ID], err = h.Store.Findings(ctx, q.Org, e.ID); err != nil {
			return nil, fmt.Errorf("read the findings of %s/%s: %w", q.Org, q.Wearer, err)
		}
	}
	return b, nil
}

// collector keeps of the engine's output what belongs to a day.
type collector struct {
	from, to time.Time
	open     int // episodes of the day that are open
	built    *built
}

func (c *collector) take(out *detect.Output) {
	for i := range out.Rollups {
		c.minute(out.Rollups[i])
	}
	for i := range out.Findings {
		f := &out.Findings[i]
		if f.Start.Before(c.from) || !f.Start.Before(c.to) {
			continue
		}
		if c.built.findings[f.Episode] == nil {
			c.open++
		}
		if f.Step == schemas.Closed {
			c.open--
		}
		c.built.findings[f.Episode] = append(c.built.findings[f.Episode], *f)
	}
}

// minute keeps a minute; they come in order, and the same one comes again only
// after an open one was asked for.
func (c *collector) minute(r schemas.Rollup) {
	if start := time.Unix(r.Minute*60, 0); start.Before(c.from) || !start.Before(c.to) {
		return
	}
	if n := len(c.built.rollups); n > 0 && c.built.rollups[n-1].Minute == r.Minute {
		c.built.rollups[n-1] = r
		return
	}
	c.built.rollups = append(c.built.rollups, r)
}
