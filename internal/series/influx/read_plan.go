package influx

import (
	"context"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// pointsAtOnce is about how many readings a query holds in memory, some 25 MB: an hour of
// them at least.
const pointsAtOnce = 100_000

const (
	nanosInHour   = int64(time.Hour)
	repeatsMillis = int64(series.Repeats / time.Millisecond)
)

// span is a range of points' times, to not included.
type span struct{ from, to int64 }

// plan says where a wearer's readings lie, so that years without any cost nothing.
type plan struct {
	spans   []span // by time, each of pointsAtOnce or an hour
	devices []schemas.ID
}

// places are the conditions of a field that each reading and each event has.
func places() cond { return both(measurements(measReadings, measEvents), field(fieldRun)) }

// plan counts a wearer's readings by the hour.
func (s *Store) plan(ctx context.Context, sc scope) (p plan, err error) {
	from, to := sc.nanos()
	hours, devices := map[int64]int64{}, map[string]bool{}
	f := new(flux).from(s.bucket(bucketRaw), from, to, places(), sc.whose()).
		windows(time.Hour, 0, countOf).keep(colTime, colValue, tagDevice)
	err = s.query(ctx, f, func(r *row) error {
		t := r.time(colTime)
		hours[floor(t, nanosInHour)] += r.int(colValue)
		devices[r.text(tagDevice)] = true
		return nil
	})
	if err != nil || len(hours) == 0 {
		return p, err
	}
	for name := range devices {
		id, err := schemas.ParseID(name)
		if err != nil {
			return p, err
		}
		p.devices = append(p.devices, id)
	}
	slices.SortFunc(p.devices, schemas.ID.Compare)
	p.divide(hours, span{from, to})
	return p, nil
}

// others are the conditions of what others have of these devices.
func (sc scope) others(devices []schemas.ID) cond {
	return both(tagIs(tagOrg, sc.org), tagIsOneOf(tagDevice, devices), tagIsNot(tagWearer, sc.wearer))
}

// divide makes the spans of the hours that have something in a range.
func (p *plan) divide(hours map[int64]int64, within span) {
	starts := make([]int64, 0, len(hours))
	for h := range hours {
		starts = append(starts, h)
	}
	slices.Sort(starts)
	points := int64(0)
	for _, h := range starts {
		n := len(p.spans)
		if n == 0 || points+hours[h] > pointsAtOnce {
			p.spans = append(p.spans, span{from: max(h, within.from)})
			points, n = 0, n+1
		}
		points += hours[h]
		p.spans[n-1].to = min(h+nanosInHour, within.to)
	}
}

// floor is n rounded down to a multiple of step.
func floor(n, step int64) int64 {
	if n%step < 0 {
		return n - n%step - step
	}
	return n - n%step
}
