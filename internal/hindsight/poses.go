package hindsight

import (
	"context"
	"fmt"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// mostHeld bounds the late poses that wait for a run to begin; of more the oldest
// is forgotten. A device measures a few in a run.
const mostHeld = 64

// poses holds upright poses that came too late. One from before all that was judged
// of its run counts live from when it came, if the run was still the present one
// and the pose had no zero: nothing could be judged otherwise. When that was is not
// stored. Here it counts behind the first judged reading of its run, the earliest it can be.
// Of a run that begins while it is read that is nearly so: a pose comes a moment
// behind what overtook it.
type poses struct {
	held  []series.Reading
	begun map[run]bool // runs that have begun: what is read of them now is no more from before
}

// hold keeps a late item if it is a pose.
func (p *poses) hold(r *series.Reading) {
	if e := r.Event; e == nil || e.Type != schemas.EventCalibrate || e.Upright == nil || p.begun[runOf(r)] {
		return
	}
	if len(p.held) == mostHeld {
		p.held = p.held[1:]
	}
	p.held = append(p.held, *r)
}

// begin is the poses that count behind a reading: those of its run, if it is the
// first of it, that were measured before it.
func (p *poses) begin(r *series.Reading) (list []schemas.Item) {
	if p.begun[runOf(r)] {
		return nil
	}
	if p.begun == nil {
		p.begun = map[run]bool{}
	}
	p.begun[runOf(r)] = true
	rest := p.held[:0:0]
	for _, h := range p.held {
		switch {
		case runOf(&h) != runOf(r):
			rest = append(rest, h)
		case h.Seq < r.Seq:
			list = append(list, h.Item)
		}
	}
	p.held = rest
	return list
}

// overtaken proves what live found at a pose that came too late and counted, such as
// that it was refused: it came behind the reading that the receipt ends with.
func (h *Hindsight) overtaken(ctx context.Context, f *schemas.Finding, p *proof) error {
	to := f.Receipt.To
	q := series.Query{Org: f.Org, Wearer: f.Wearer, From: f.Receipt.From.Time.Add(-dayAfter), To: to.Time.Add(disorder)}
	var late poses
	err := h.Store.Readings(ctx, q, func(r series.Reading) error {
		if r.Late && runOf(&r) == (run{to.Device, to.Boot}) && r.Seq < to.Seq {
			late.hold(&r)
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("look for late poses of %s/%s: %w", f.Org, f.Wearer, err)
	}
	for i := 0; i < len(late.held) && p.found == nil; i++ {
		var out detect.Output
		b := schemas.Batch{Org: f.Org, Wearer: f.Wearer, Device: to.Device, Boot: to.Boot, Received: to.Time.UnixMilli(), Items: []schemas.Item{late.held[i].Item}}
		p.wearer.Take(&b, &out)
		p.look(f, &out)
	}
	p.judge(f)
	return nil
}
