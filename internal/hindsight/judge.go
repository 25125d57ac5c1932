package hindsight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// batchItems is how many readings are judged at once; it changes nothing but
	// the memory this takes.
	batchItems = 512
	// disorder is how far live lets deliveries be out of order, and so how far the
	// order of judging may differ from that of time.
	disorder = 2 * time.Minute
)

// errEnough ends a job before its readings do, without an error.
var errEnough = errors.New("enough")

// job is one run of stored readings through the engine.
type job struct {
	query  series.Query // what is read, lead-in and all
	wearer *detect.Wearer
	trace  bool // postures are wanted
	// start and stop are the first and the last reading that is judged, in the
	// order of judging; nil is no bound.
	start, stop *schemas.Place
	// admit says which readings are judged; nil is those that live judged.
	admit func(*series.Reading) bool
	// catchUp lets upright poses count that came too late, where live may have let
	// them; see poses.
	catchUp bool
	// each gets what a batch made; it may return errEnough.
	each     func(*detect.Output) error
	progress Progress  // may be nil
	until    time.Time // for progress: where the job is expected to end, query.To if zero
}

// tally is what a job came to.
type tally struct {
	judged, late int  // readings and events judged, and those of them that were late
	begun, ended bool // start and stop were reached
}

// judge runs a job. It reads on for disorder behind the end of the query, so that
// the last readings are judged in their order, too; the engine is given none of
// what is behind it.
func (h *Hindsight) judge(ctx context.Context, j job) (tally, error) {
	if j.admit == nil {
		j.admit = onTime
	}
	b := batcher{job: j, ctx: ctx, batch: schemas.Batch{Org: j.query.Org, Wearer: j.query.Wearer}, out: detect.Output{Trace: j.trace}}
	b.tally.begun = j.start == nil
	o := order{window: disorder.Milliseconds(), out: b.take}
	meter := j.meter()
	wide, end := j.query, j.query.To.UnixMilli()
	wide.To = wide.To.Add(disorder)
	err := h.Store.Readings(ctx, wide, func(r series.Reading) error {
		meter.at(r.At())
		if !j.admit(&r) {
			if j.catchUp {
				b.poses.hold(&r)
			}
			return nil
		}
		if r.Time >= end {
			return o.release(r.Time - o.window)
		}
		return o.add(&r)
	})
	if err == nil {
		err = o.flush()
	}
	if err == nil {
		err = b.flush()
	}
	if err != nil && !errors.Is(err, errEnough) {
		return b.tally, fmt.Errorf("judge readings of %s/%s: %w", j.query.Org, j.query.Wearer, err)
	}
	meter.done()
	return b.tally, nil
}

// meter tells a Progress how far a job is.
type meter struct {
	tell     Progress
	from, to time.Time
	last     time.Time
}

func (j *job) meter() *meter {
	m := meter{tell: j.progress, from: j.query.From, to: j.until, last: j.query.From}
	if m.to.IsZero() {
		m.to = j.query.To
	}
	return &m
}

func (m *meter) at(t time.Time) {
	if m.tell != nil && t.Sub(m.last) >= time.Minute && t.Before(m.to) {
		m.last = t
		m.tell(t.Sub(m.from), m.to.Sub(m.from))
	}
}

func (m *meter) done() {
	if m.tell != nil {
		m.tell(m.to.Sub(m.from), m.to.Sub(m.from))
	}
}

// onTime admits what live judged.
func onTime(r *series.Reading) bool { return !r.Late }

// batcher gives readings to the engine in batches of one run of a device, as the
// log has them.
type batcher struct {
	job
	ctx   context.Context //nolint:containedctx // that of the one call of judge
	batch schemas.Batch
	out   detect.Output
	tally tally
	poses poses
}

func (b *batcher) take(r *series.Reading) error {
	if !b.tally.begun {
		if !isAt(r, b.start) {
			return nil
		}
		b.tally.begun = true
	}
	if r.Device != b.batch.Device || r.Boot != b.batch.Boot || len(b.batch.Items) >= batchItems {
		if err := b.flush(); err != nil {
			return err
		}
		b.batch.Device, b.batch.Boot = r.Device, r.Boot
	}
	b.batch.Received = r.Time
	b.batch.Items = append(b.batch.Items, r.Item)
	b.tally.judged++
	if r.Late {
		b.tally.late++
	} else if held := b.poses.begin(r); len(held) > 0 {
		return b.measured(held)
	}
	if b.stop != nil && isAt(r, b.stop) {
		b.tally.ended = true
		if err := b.flush(); err != nil {
			return err
		}
		return errEnough
	}
	return nil
}

// isAt reports whether a reading is the one that a place names.
func isAt(r *series.Reading, at *schemas.Place) bool {
	return r.Device == at.Device && r.Boot == at.Boot && r.Seq == at.Seq
}

// measured lets upright poses count that came behind the first readings of the run.
func (b *batcher) measured(events []schemas.Item) error {
	if err := b.flush(); err != nil {
		return err
	}
	b.out.Reset()
	b.batch.Items = append(b.batch.Items, events...)
	b.wearer.Take(&b.batch, &b.out) // not Retrace: it knows that they are late, and whether they count
	b.batch.Items = b.batch.Items[:0]
	return b.each(&b.out)
}

func (b *batcher) flush() error {
	if len(b.batch.Items) == 0 {
		return b.ctx.Err()
	}
	b.out.Reset()
	b.wearer.Retrace(&b.batch, &b.out)
	b.batch.Items = b.batch.Items[:0]
	if err := b.each(&b.out); err != nil {
		return err
	}
	return b.ctx.Err()
}
