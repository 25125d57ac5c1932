package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sitwell/internal/series"
)

// maxNamed is how many units that differ an error names.
const maxNamed = 10

// verify compares all units, those of an earlier run, too.
func (c *copier) verify(ctx context.Context) error {
	var differ []string
	compared := int64(0)
	for n, q := range c.plan.each() {
		if c.Progress != nil {
			c.Progress(Progress{Phase: Verifying, Done: n, All: c.report.Units, Readings: compared, Day: q.From})
		}
		from, to, same, err := c.compare(ctx, q)
		if err == nil && !same {
			from, to, same, err = c.again(ctx, q)
		}
		if err != nil {
			return unitError("verify", q, err)
		}
		if !same {
			differ = append(differ, fmt.Sprintf("%s/%s on %s has %+v of %+v", q.Org, q.Wearer, q.From.Format("2006-01-02"), to, from))
		}
		c.report.From.add(from)
		c.report.To.add(to)
		compared += from.Readings
	}
	if c.Progress != nil {
		c.Progress(Progress{Phase: Verifying, Done: c.report.Units, All: c.report.Units, Readings: compared})
	}
	if len(differ) > 0 {
		more := max(len(differ)-maxNamed, 0)
		return fmt.Errorf("%w: %s, and %d more", ErrDiffers, strings.Join(differ[:len(differ)-more], "; "), more)
	}
	return c.verifyAggregates(ctx)
}

// again copies a unit once more and compares it then. What the destination did not take,
// and says so, is no difference.
func (c *copier) again(ctx context.Context, q series.Query) (from, to Counts, same bool, err error) {
	c.took = series.Appended{}
	if err := c.copyUnit(ctx, q); err != nil {
		return from, to, false, err
	}
	if err := c.flush(ctx); err != nil {
		return from, to, false, err
	}
	c.report.Again++
	if from, to, same, err = c.compare(ctx, q); same || err != nil {
		return from, to, same, err
	}
	c.report.Erased, c.report.Refused, c.report.Expired = c.report.Erased+c.took.Erased, c.report.Refused+c.took.Refused, c.report.Expired+c.took.Expired
	lost := int64(c.took.Erased + c.took.Refused + c.took.Expired)
	return from, to, lost > 0 && from.beyond(to) <= lost, nil // what is left need not be exact
}

// compare reads a unit in both stores, at once.
func (c *copier) compare(ctx context.Context, q series.Query) (from, to Counts, same bool, err error) {
	var errFrom, errTo error
	was, is := digest{seed: c.seed}, digest{seed: c.seed}
	var wg sync.WaitGroup
	wg.Go(func() { from, errFrom = c.read(ctx, c.From, q, was.sink()) })
	to, errTo = c.read(ctx, c.To, q, is.sink())
	wg.Wait()
	if err := errors.Join(errFrom, errTo); err != nil {
		return from, to, false, err
	}
	same = from.beyond(to) == 0 && from.Late <= to.Late && from.Episodes <= to.Episodes
	return from, to, same && (!c.Exact || was.sum == is.sum), nil
}
