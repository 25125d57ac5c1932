package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// recent is what devices were acknowledged lately: for each at most mostRecent
// readings and events, of which the oldest are forgotten first.
type recent struct {
	mu      sync.Mutex // guards devices
	devices map[schemas.ID][]acknowledged
}

// acknowledged names one reading or event of a device.
type acknowledged struct {
	boot uint32
	seq  uint64
	time int64 // ms
}

// mostRecent is over ten minutes at 2 Hz.
const mostRecent = 1500

// note takes in what a device was acknowledged. Buffers of the past are no news.
func (r *recent) note(device schemas.ID, boot uint32, items []schemas.Item) {
	if over := len(items) - mostRecent; over > 0 {
		items = items[over:]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.devices == nil {
		r.devices = map[schemas.ID][]acknowledged{}
	}
	list := r.devices[device]
	for i := range items {
		list = append(list, acknowledged{boot, items[i].Seq, items[i].Time})
	}
	if len(list) > 2*mostRecent {
		list = append(list[:0], list[len(list)-mostRecent:]...)
	}
	r.devices[device] = list
}

// since is what a device was acknowledged of a time and later, so far.
func (r *recent) since(device schemas.ID, from time.Time) (list []acknowledged) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.devices[device] {
		if a.time >= from.UnixMilli() {
			list = append(list, a)
		}
	}
	return list
}

// proof is what became of what was acknowledged.
type proof struct{ acknowledged, stored, doubled, judged int }

// prove holds what was acknowledged so far, of a time and later, against what is
// stored and judged.
func (t *detectors) prove(ctx context.Context, from time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	from = from.Truncate(time.Millisecond) // readings have no finer time: both sides begin with the same one
	lists := map[schemas.ID][]acknowledged{}
	for _, w := range t.office.Wearers {
		lists[w.ID] = t.recent.since(w.Device, from)
	}
	if err := t.app.Settle(ctx); err != nil {
		return err
	}
	var p proof
	for _, w := range t.office.Wearers {
		if err := t.hold(ctx, w.ID, lists[w.ID], from, &p); err != nil {
			return err
		}
	}
	lost := p.acknowledged - p.stored
	f := fields{"acknowledged": p.acknowledged, "stored": p.stored, "doubled": p.doubled, "judged": p.judged, "lost": lost}
	const words = "of %s readings acknowledged since half a minute before the kill, %s are stored, %d of them twice, and %s judged"
	t.say.Line("proof", f, "proof   %d lost: "+words, lost, thousands(int64(p.acknowledged)), thousands(int64(p.stored)), p.doubled, thousands(int64(p.judged)))
	return nil
}

// hold compares one wearer's.
func (t *detectors) hold(ctx context.Context, wearer schemas.ID, list []acknowledged, from time.Time, p *proof) error {
	type name struct {
		boot uint32
		seq  uint64
	}
	times, late := map[name]int{}, map[name]bool{}
	q := series.Query{Org: t.office.Org, Wearer: wearer, From: from, To: time.Now().Add(time.Minute)}
	err := t.app.Store().Readings(ctx, q, func(r series.Reading) error {
		n := name{r.Boot, r.Seq}
		times[n]++
		late[n] = late[n] || r.Late
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what is stored of %s: %w", wearer, err)
	}
	for _, a := range list {
		n := name{a.boot, a.seq}
		p.acknowledged++
		if times[n] > 0 {
			p.stored++
		}
		if times[n] > 1 {
			p.doubled++
		}
		if times[n] > 0 && !late[n] {
			p.judged++
		}
	}
	return nil
}
