package transfer

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// putAtOnce is how many aggregates are stored in one step.
const putAtOnce = 1000

// eachOffice hands over what there is of each organisation's windows, one kind at a time.
func (c *copier) eachOffice(do func(q series.OfficeQuery) error) error {
	from := time.Unix(0, 0).UTC()
	if c.Keep != nil {
		from = c.Keep.Cut(series.Office, c.Now)
	}
	for _, org := range c.plan.orgs {
		for _, w := range []series.Window{series.Day, series.Week, series.HourOfWeek} {
			q := series.OfficeQuery{Org: org, Window: w, From: from, To: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
			if err := do(q); err != nil {
				return fmt.Errorf("copy aggregates of %s by the %s: %w", org, w, err)
			}
		}
	}
	return nil
}

func (c *copier) copyAggregates(ctx context.Context) error {
	return c.eachOffice(func(q series.OfficeQuery) error {
		all, err := c.From.Aggregates(ctx, q)
		for len(all) > 0 && err == nil {
			n := min(len(all), putAtOnce)
			err = c.To.PutAggregates(ctx, all[:n])
			all = all[n:]
		}
		return err
	})
}

// office names an aggregate within its organisation and window.
type office struct {
	group schemas.ID
	start int64
}

// verifyAggregates compares them whole.
func (c *copier) verifyAggregates(ctx context.Context) error {
	return c.eachOffice(func(q series.OfficeQuery) error {
		from, err := c.From.Aggregates(ctx, q)
		if err != nil {
			return err
		}
		to, err := c.To.Aggregates(ctx, q)
		if err != nil {
			return err
		}
		have := map[office]series.Aggregate{}
		for _, a := range to {
			have[office{a.Group, a.Start.Unix()}] = plain(a)
		}
		for _, a := range from {
			if have[office{a.Group, a.Start.Unix()}] != plain(a) {
				return fmt.Errorf("that of group %q from %v on: %w", a.Group, a.Start, ErrDiffers)
			}
		}
		c.report.From.Aggregates += int64(len(from))
		c.report.To.Aggregates += int64(len(to))
		return nil
	})
}

// plain is an aggregate in UTC, so that two of them can be compared.
func plain(a series.Aggregate) series.Aggregate {
	a.Start, a.End, a.Made = a.Start.UTC(), a.End.UTC(), a.Made.UTC()
	return a
}
