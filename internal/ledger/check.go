package ledger

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// checking bounds how many wearers are compared at once; the API gives four
	// exports at once.
	checking = 2
	// margin is how far around what was acknowledged it is asked for more, to see
	// what nobody sent.
	margin = time.Hour
)

// Check compares what source has with the ledger, once everything that was
// acknowledged is judged and stored. An error says that it could not be
// compared; what must not be is in the report, and in words in its Err.
func (l *Ledger) Check(ctx context.Context, source Source) (Report, error) {
	wearers := l.wearers()
	reports := make([]Report, len(wearers))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(checking)
	for i, k := range wearers {
		group.Go(func() error {
			a, err := l.account(k)
			if err != nil {
				return err
			}
			c := checker{account: a, report: &reports[i], sent: func(r reading) (schemas.ID, bool) { return l.sentFor(k, r) }}
			return c.run(inner, source)
		})
	}
	if err := group.Wait(); err != nil {
		return Report{}, fmt.Errorf("check against the ledger: %w", err)
	}
	total := Report{Sent: l.Counts().Sent}
	for i := range reports {
		total.add(&reports[i])
	}
	return total, nil
}

// checker compares one wearer.
type checker struct {
	*account

	report *Report
	sent   func(reading) (schemas.ID, bool) // for whom it was sent, and whether it was
	judged []series.Reading                 // what the pure run is given
}

func (c *checker) run(ctx context.Context, source Source) error {
	c.report.Wearers = 1
	q := series.Query{Org: c.org, Wearer: c.wearer, From: c.from.Add(-margin), To: c.to.Add(margin)}
	if len(c.acked) == 0 { // nudges alone
		q.From, q.To = time.Now().Add(-24*time.Hour), time.Now().Add(margin)
	}
	if err := c.readings(ctx, source, q); err != nil {
		return err
	}
	found := c.judge()
	if err := c.episodes(ctx, source, q, found); err != nil {
		return err
	}
	if err := c.minutes(ctx, source, q, found); err != nil {
		return err
	}
	return c.nudged(ctx, source, q, found)
}

// readings compares what is stored with what was acknowledged.
func (c *checker) readings(ctx context.Context, source Source, q series.Query) error {
	r := c.report
	times := make(map[reading]int, len(c.acked))
	err := source.Readings(ctx, q, func(s series.Reading) error {
		id := reading{s.Device, s.Boot, s.Seq}
		if times[id]++; times[id] > 1 {
			r.wrong(&r.Doubled, "%s of %s is stored %d times", id, c.wearer, times[id])
			return nil
		}
		if want, acked := c.acked[id]; !acked {
			if !c.unconfirmed(id) {
				return nil
			}
		} else if !reflect.DeepEqual(want, s.Item) {
			r.wrong(&r.Altered, "%s of %s is stored as %+v, and was sent as %+v", id, c.wearer, s.Item, want)
		}
		r.Stored++
		if s.Late {
			r.Late++
			return nil
		}
		c.judged = append(c.judged, s)
		return nil
	})
	if err != nil {
		return err
	}
	r.Acknowledged = int64(len(c.acked))
	for id, it := range c.acked {
		if times[id] > 0 {
			continue
		}
		r.wrong(&r.Lost, "%s of %s at %s was acknowledged and is not stored", id, c.wearer, it.At().Format(time.RFC3339))
		// It should have been judged, too.
		c.judged = append(c.judged, series.Reading{Device: id.device, Boot: id.boot, Item: it})
	}
	return nil
}

// unconfirmed reports whether a reading that is stored and was not acknowledged may be.
func (c *checker) unconfirmed(id reading) bool {
	r := c.report
	switch wearer, sent := c.sent(id); {
	case !sent:
		r.wrong(&r.Strange, "%s of %s is stored, and nobody sent it", id, c.wearer)
		return false
	case wearer != c.wearer:
		r.wrong(&r.Misplaced, "%s is stored for %s, and was sent for %s", id, c.wearer, wearer)
		return false
	}
	r.Unconfirmed++
	return true
}

// episodes compares the stored episodes with those of the pure run.
func (c *checker) episodes(ctx context.Context, source Source, q series.Query, found *judged) error {
	stored, err := source.Episodes(ctx, q)
	if err != nil {
		return err
	}
	r, known := c.report, map[string]bool{}
	for i := range stored {
		s := &stored[i]
		known[s.ID] = true
		want, ok := found.episodes[s.ID]
		switch {
		case !ok:
			r.wrong(&r.Extra, "episode %s of %s, %s from %s, is stored and should not be", s.ID, c.wearer, s.Rule, s.Start.Format(time.RFC3339))
		case !alike(s, want):
			r.wrong(&r.Different, "episode of %s is %+v, and should be %+v", c.wearer, *s, *want)
		default:
			r.Found++
		}
	}
	r.Episodes = len(found.episodes)
	for id, want := range found.episodes {
		if !known[id] {
			r.wrong(&r.Missing, "episode %s of %s, %s from %s, is not stored", id, c.wearer, want.Rule, want.Start.Format(time.RFC3339))
		}
	}
	return nil
}

func alike(a, b *series.Episode) bool {
	x, y := *a, *b
	if !x.Start.Equal(y.Start) || !x.End.Equal(y.End) {
		return false
	}
	x.Start, x.End, y.Start, y.End = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return x == y
}

// minutes compares the finished minutes. The one that is open may be stored, in
// part.
func (c *checker) minutes(ctx context.Context, source Source, q series.Query, found *judged) error {
	stored, err := source.Minutes(ctx, q)
	if err != nil {
		return err
	}
	r, known := c.report, map[int64]bool{}
	for _, s := range stored {
		known[s.Minute] = true
		want, ok := found.minutes[s.Minute]
		if ok {
			want.Org, want.Wearer = s.Org, s.Wearer // the API does not say them again
		}
		switch {
		case !ok && s.Minute == found.open:
		case !ok:
			r.wrong(&r.Different, "the minute at %s of %s is stored and should not be", minute(s.Minute), c.wearer)
		case !sameMinute(s, want):
			r.wrong(&r.Different, "the minute at %s of %s is %+v, and should be %+v", minute(s.Minute), c.wearer, s, want)
		default:
			r.Minutes++
		}
	}
	for m := range found.minutes {
		if !known[m] {
			r.wrong(&r.Different, "the minute at %s of %s is not stored", minute(m), c.wearer)
		}
	}
	return nil
}

// sameMinute compares a stored minute with one that the engine gave out, whose
// flexion the store rounds to a thousandth.
func sameMinute(s, want schemas.Rollup) bool {
	if math.Abs(float64(s.Flexion-want.Flexion)) > 0.001 {
		return false
	}
	want.Flexion = s.Flexion
	return s == want
}

func minute(m int64) string { return time.Unix(m*60, 0).UTC().Format("2006-01-02 15:04") }

// timeline is what live judges by where nobody has changed a parameter.
func timeline() *detect.Timeline {
	return detect.Always(detect.Defaults())
}
