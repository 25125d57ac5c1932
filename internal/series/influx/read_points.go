package influx

import (
	"context"
	"strings"

	"sitwell/schemas"
)

// column is a field of a device's points, by time.
type column struct {
	nanos  []int64
	values []int64
	texts  []string // of a field of texts, in place of values
	next   int      // where at goes on
}

// at is a column's value at a time. Times are asked in their order.
func (c *column) at(nanos int64) (i int, ok bool) {
	if c == nil {
		return 0, false
	}
	for c.next < len(c.nanos) && c.nanos[c.next] < nanos {
		c.next++
	}
	return c.next, c.next < len(c.nanos) && c.nanos[c.next] == nanos
}

// columns are the fields of a device's points of one measurement.
type columns map[string]*column

func (c columns) times() []int64 {
	if run := c[fieldRun]; run != nil {
		return run.nanos
	}
	return nil
}

// ints reads the fields of the point of a time. whole says, once they are read, whether
// all were there: of a point that is being written one field comes after the other.
func (c columns) ints(nanos int64, whole *bool) ints {
	return func(name string) int64 {
		col := c[name]
		i, ok := col.at(nanos)
		if !ok {
			*whole = *whole && name == fieldSeqHigh // left out where it is 0
			return 0
		}
		return col.values[i]
	}
}

// worn is what is stored of a device in a span.
type worn struct {
	readings, events columns
	others           map[string]columns // by wearer: places of readings and events alike
}

// The parts of the answer.
const (
	partReadings = "r"
	partEvents   = "e"
	partOthers   = "o"
	partLate     = "l"
	partEarly    = "x"
)

// points reads all points of a span, by device, and with the first span the marks. A device
// that was passed on may send again what its server's answer did not reach: what others
// have of it is read, too, as far as it names readings.
func (s *Store) points(ctx context.Context, sc scope, p *plan, of span, marks lateMarks) (map[string]*worn, error) {
	b, f := s.bucket(bucketRaw), new(flux)
	f.from(b, of.from, of.to, measurement(measReadings), sc.whose()).keep(colTime, colValue, colField, tagDevice).yield(partReadings)
	f.from(b, of.from, of.to, measurement(measEvents), sc.whose()).keep(colTime, colValue, colField, tagDevice).yield(partEvents)
	f.from(b, of.from, of.to, measurements(measReadings, measEvents), fields(fieldRun, fieldSeqHigh), sc.others(p.devices)).
		keep(colTime, colValue, colField, tagDevice, tagWearer, colMeasurement).yield(partOthers)
	if marks != nil {
		s.marks(f, sc, p.devices)
	}
	g, early := gathering{devices: map[string]*worn{}}, sc.from
	if err := s.query(ctx, f, func(r *row) error {
		switch r.text(colResult) {
		case partLate:
			return marks.take(r, sc)
		case partEarly:
			ms, _ := split(r.time(colTime))
			early = min(early, ms)
			return nil
		}
		return g.take(r)
	}); err != nil {
		return nil, err
	}
	if early < sc.from-longMillis {
		return g.devices, marks.early(ctx, s, sc, p.devices, early)
	}
	return g.devices, nil
}

// gathering puts rows into columns. Those of one column come one after the other.
type gathering struct {
	devices map[string]*worn
	key     columnKey // of into
	into    *column
}

// columnKey tells the columns of an answer from each other; others' events are
// a kind of wearer of their own.
type columnKey struct{ part, device, field, wearer, measurement string }

func (g *gathering) take(r *row) error {
	key := columnKey{r.text(colResult), r.text(tagDevice), r.text(colField), r.text(tagWearer), r.text(colMeasurement)}
	if g.into == nil || key != g.key {
		g.key = columnKey{
			strings.Clone(key.part), strings.Clone(key.device), strings.Clone(key.field), strings.Clone(key.wearer), strings.Clone(key.measurement),
		}
		g.into = g.column()
	}
	t := r.time(colTime)
	if n := len(g.into.nanos); n > 0 && t <= g.into.nanos[n-1] {
		return nil // told twice, see distinct
	}
	g.into.nanos = append(g.into.nanos, t)
	if key.part == partEvents && (key.field == fieldBody || key.field == fieldType) {
		g.into.texts = append(g.into.texts, strings.Clone(r.text(colValue)))
		return nil
	}
	g.into.values = append(g.into.values, r.int(colValue))
	return nil
}

// column is where the present row goes.
func (g *gathering) column() *column {
	w := g.devices[g.key.device]
	if w == nil {
		w = &worn{readings: columns{}, events: columns{}, others: map[string]columns{}}
		g.devices[g.key.device] = w
	}
	in := w.readings
	switch g.key.part {
	case partEvents:
		in = w.events
	case partOthers:
		whose := g.key.wearer + " " + g.key.measurement
		if in = w.others[whose]; in == nil {
			in = columns{}
			w.others[whose] = in
		}
	}
	if in[g.key.field] == nil {
		in[g.key.field] = &column{}
	}
	return in[g.key.field]
}

// reading is the reading of a time; ok is false where it is not all there yet.
func (w *worn) reading(nanos int64) (boot uint32, item schemas.Item, ok bool) {
	ok = true
	boot, item.Reading = readingOf(nanos, w.readings.ints(nanos, &ok))
	return boot, item, ok
}

// event is the event of a time; ok is false where it is not all there yet.
func (w *worn) event(nanos int64) (boot uint32, item schemas.Item, ok bool, err error) {
	body := w.events[fieldBody]
	i, ok := body.at(nanos)
	if !ok {
		return 0, item, false, nil
	}
	boot, item, err = eventOf(nanos, w.events.ints(nanos, &ok), body.texts[i])
	return boot, item, ok, err
}
