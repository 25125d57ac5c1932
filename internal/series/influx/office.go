package influx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// wholeOrg is the tag of what is of the whole organisation: no identifier begins so.
const wholeOrg = "_all"

var (
	errWindow   = errors.New("it names no window, or one that does not end after it starts")
	errNoNumber = errors.New("a figure is no number, or an infinite one")
)

// PutAggregates writes a point for each, over the one that is there.
func (s *Store) PutAggregates(ctx context.Context, all []series.Aggregate) error {
	p := newPoints()
	for i := range all {
		if err := p.aggregate(&all[i]); err != nil {
			return fmt.Errorf("store aggregate of %q, %s from %v to %v: %w", all[i].Org, all[i].Window, all[i].Start, all[i].End, err)
		}
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	for i := 0; i < p.len(); i += maxPoints {
		if err := s.write(ctx, bucketOffice, p.part(i, min(i+maxPoints, p.len()))); err != nil {
			return fmt.Errorf("store aggregates: %w", err)
		}
	}
	return ctx.Err()
}

// aggregate appends an aggregate. Each has all fields, so that nothing is left of the one that
// it overwrites: of two in one request the last counts.
func (p *points) aggregate(a *series.Aggregate) error {
	window, ok := word(string(a.Window))
	switch {
	case a.Org.IsZero():
		return errNoName
	case !ok || !a.Start.Before(a.End):
		return errWindow
	case !holds(a.Start.UnixMilli()):
		return errTime
	}
	for _, v := range []float64{a.SittingMin, a.SlouchedPct, a.Breaks, a.FlexionDeg} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errNoNumber
		}
	}
	group := wholeOrg
	if !a.Group.IsZero() {
		group = a.Group.String()
	}
	made := int64(0) // for not said
	if !a.Made.IsZero() {
		made = a.Made.Unix()
	}
	p.start(measAggregates)
	p.tag(tagGroup, group)
	p.tag(tagOrg, a.Org.String())
	p.tag(tagWindow, window)
	p.int(fieldEnd, a.End.Unix())
	p.int(fieldMade, made)
	p.bool(fieldSuppressed, a.Suppressed)
	p.text(fieldContributors, a.Contributors)
	p.float(fieldSittingMin, a.SittingMin)
	p.float(fieldSlouchedPct, a.SlouchedPct)
	p.float(fieldBreaks, a.Breaks)
	p.float(fieldDegrees, a.FlexionDeg)
	p.end(a.Start.Unix() * int64(time.Second))
	return nil
}

// aggregateKey names an aggregate of an organisation and kind of window.
type aggregateKey struct {
	group string
	nanos int64
}

// aggregateFields are those that each has.
func aggregateFields() []string {
	return []string{fieldEnd, fieldMade, fieldSuppressed, fieldContributors, fieldSittingMin, fieldSlouchedPct, fieldBreaks, fieldDegrees}
}

type storedAggregate struct {
	series.Aggregate

	got got
}

// Aggregates reads those of an organisation's windows.
func (s *Store) Aggregates(ctx context.Context, q series.OfficeQuery) ([]series.Aggregate, error) {
	if q.Org.IsZero() {
		return nil, fmt.Errorf("read aggregates: %w", errNoName)
	}
	from, to := ceilSecond(q.From), ceilSecond(q.To)
	if from >= to {
		return nil, nil
	}
	stored := map[aggregateKey]*storedAggregate{}
	f := new(flux).from(s.bucket(bucketOffice), from, to, measurement(measAggregates), tagIs(tagOrg, q.Org), tagIsText(tagWindow, string(q.Window))).
		keep(colTime, colValue, colField, tagGroup)
	err := s.query(ctx, f, func(r *row) error {
		k := aggregateKey{r.text(tagGroup), r.time(colTime)}
		a := stored[k]
		if a == nil {
			k.group = strings.Clone(k.group)
			a = &storedAggregate{Aggregate: series.Aggregate{Org: q.Org, Window: q.Window, Start: time.Unix(0, k.nanos).UTC()}}
			stored[k] = a
			if k.group != wholeOrg {
				var err error
				if a.Group, err = schemas.ParseID(k.group); err != nil {
					return err
				}
			}
		}
		a.take(r)
		return nil
	})
	if err != nil {
		return nil, wrap("read aggregates", err)
	}
	all := make([]series.Aggregate, 0, len(stored))
	for _, a := range stored {
		if a.got.all(aggregateFields()) { // else it is being written
			all = append(all, a.Aggregate)
		}
	}
	slices.SortFunc(all, func(x, y series.Aggregate) int { return cmp.Or(x.Start.Compare(y.Start), x.Group.Compare(y.Group)) })
	return all, nil
}

// take takes a field.
func (a *storedAggregate) take(r *row) {
	name := r.text(colField)
	if !a.got.first(aggregateFields(), name) {
		return
	}
	switch name {
	case fieldEnd:
		a.End = time.Unix(r.int(colValue), 0).UTC()
	case fieldMade:
		if made := r.int(colValue); made != 0 {
			a.Made = time.Unix(made, 0).UTC()
		}
	case fieldSuppressed:
		a.Suppressed = r.bool(colValue)
	case fieldContributors:
		a.Contributors = strings.Clone(r.text(colValue))
	case fieldSittingMin:
		a.SittingMin = r.float(colValue)
	case fieldSlouchedPct:
		a.SlouchedPct = r.float(colValue)
	case fieldBreaks:
		a.Breaks = r.float(colValue)
	case fieldDegrees:
		a.FlexionDeg = r.float(colValue)
	}
}

// ceilSecond is a bound of a range of starts, which are whole seconds, in nanoseconds.
func ceilSecond(t time.Time) int64 {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	return min(max(seconds, 0), lastMillis/1000) * int64(time.Second)
}

func (p *points) bool(name string, v bool) { p.enc.AddField(name, lineprotocol.BoolValue(v)) }
