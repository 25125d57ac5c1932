package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"sitwell/internal/series"
)

// maxNamed is how many units that differ an error names.
const maxNamed = 10

// atOnce is how many units are compared at once: a server takes its time for each question.
const atOnce = 4

// compared is a unit and what both stores have of it.
type compared struct {
	q        series.Query
	from, to Counts
	same     bool
	err      error
}

// verify compares all units, those of an earlier run, too.
func (c *copier) verify(ctx context.Context) error {
	var differ []string
	done, read := 0, int64(0)
	tell := func(q series.Query) {
		if c.Progress != nil {
			c.Progress(Progress{Phase: Verifying, Done: done, All: c.report.Units, Readings: read, Day: q.From})
		}
	}
	tell(series.Query{})
	for some := range c.some() {
		c.compareAll(ctx, some)
		for i := range some {
			u := &some[i]
			if u.err == nil && !u.same {
				c.again(ctx, u)
			}
			if u.err != nil {
				return unitError("verify", u.q, u.err)
			}
			if !u.same {
				differ = append(differ, fmt.Sprintf("%s/%s on %s has %+v of %+v", u.q.Org, u.q.Wearer, u.q.From.Format(time.DateOnly), u.to, u.from))
			}
			c.report.From.add(u.from)
			c.report.To.add(u.to)
			done, read = done+1, read+u.from.Readings
			tell(u.q)
		}
	}
	if len(differ) > 0 {
		more := max(len(differ)-maxNamed, 0)
		return fmt.Errorf("%w: %s, and %d more", ErrDiffers, strings.Join(differ[:len(differ)-more], "; "), more)
	}
	return c.verifyAggregates(ctx)
}

// some are the units, a few at a time.
func (c *copier) some() iter.Seq[[]compared] {
	return func(yield func([]compared) bool) {
		var some []compared
		for _, q := range c.plan.each() {
			if some = append(some, compared{q: q}); len(some) < atOnce {
				continue
			}
			if !yield(some) {
				return
			}
			some = nil
		}
		if len(some) > 0 {
			yield(some)
		}
	}
}

func (c *copier) compareAll(ctx context.Context, some []compared) {
	var wg sync.WaitGroup
	for i := range some {
		wg.Go(func() { c.compare(ctx, &some[i]) })
	}
	wg.Wait()
}

// again copies a unit once more and compares it then. What the destination did not take,
// and says so, is no difference.
func (c *copier) again(ctx context.Context, u *compared) {
	c.took = series.Appended{}
	if u.err = c.copyUnit(ctx, u.q); u.err == nil {
		u.err = c.flush(ctx)
	}
	if u.err != nil {
		return
	}
	c.report.Again++
	if c.compare(ctx, u); u.same || u.err != nil {
		return
	}
	c.report.Erased, c.report.Refused, c.report.Expired = c.report.Erased+c.took.Erased, c.report.Refused+c.took.Refused, c.report.Expired+c.took.Expired
	lost := int64(c.took.Erased + c.took.Refused + c.took.Expired)
	u.same = lost > 0 && u.from.beyond(u.to) <= lost // what is left need not be exact
}

// compare reads a unit in both stores, at once.
func (c *copier) compare(ctx context.Context, u *compared) {
	var errFrom, errTo error
	was, is := digest{seed: c.seed}, digest{seed: c.seed}
	var wg sync.WaitGroup
	wg.Go(func() { u.from, errFrom = c.read(ctx, c.From, u.q, was.sink()) })
	u.to, errTo = c.read(ctx, c.To, u.q, is.sink())
	wg.Wait()
	u.err = errors.Join(errFrom, errTo)
	u.same = u.from.beyond(u.to) == 0 && u.from.Late <= u.to.Late && u.from.Episodes <= u.to.Episodes && (!c.Exact || was.sum == is.sum)
}

// findGone lists whom the destination has and the source, looked at again, has not: a
// tombstone does not travel, and an erasure may have come while the copy went on.
func (c *copier) findGone(ctx context.Context) error {
	now, err := planOf(ctx, c.From, nil)
	if err != nil {
		return err
	}
	have := map[Wearer]bool{}
	for _, e := range now.extents {
		have[Wearer{e.Org, e.Wearer}] = true
	}
	err = c.To.Wearers(ctx, func(e series.Extent) error {
		if w := (Wearer{e.Org, e.Wearer}); !have[w] {
			c.report.Gone = append(c.report.Gone, w)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the destination's wearers: %w", err)
	}
	return nil
}
