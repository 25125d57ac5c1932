package hindsight

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

// trouble is what goes wrong on nasty days.
type trouble struct {
	acc       bool // the device gives acc_g
	losses    bool // some readings never come
	disorder  bool // some come up to 170 s late
	clock     bool // some are dated up to 100 s ahead
	runs      bool // the device is switched off and on, and old runs come back
	exchanged bool // two devices take turns, each with runs that come back
}

// arrival is an item, and when it comes.
type arrival struct {
	run
	schemas.Item

	at int64
}

// nasty is two days with events at any time and with trouble.
func nasty(seed uint64, what trouble) []schemas.Batch {
	p := person{rng: rand.New(rand.NewPCG(seed, 5)), acc: what.acc}
	var items []arrival
	seqs := map[run]uint64{}
	for day := range 2 {
		for t := at(day, 8, 0); t.Before(at(day, 10, 30)); {
			r := run{belt, uint32(day + 1)}
			if what.runs || what.exchanged {
				r.boot = uint32(day*10 + 1 + p.rng.IntN(2))
			}
			if what.exchanged && p.rng.IntN(2) == 0 {
				r.device = schemas.MustID("belt-8")
			}
			p.boot, p.seq = r.boot, seqs[r]
			stretch := time.Duration(10+p.rng.IntN(60)) * time.Minute
			for _, b := range p.day(t, t.Add(stretch)) {
				for _, it := range b.Items {
					items = append(items, p.troubled(r, it, what)...)
				}
			}
			seqs[r] = p.seq
			t = t.Add(stretch)
		}
	}
	slices.SortStableFunc(items, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return messages(items)
}

// troubled is what comes of an item.
func (p *person) troubled(r run, it schemas.Item, what trouble) []arrival {
	sent := it.Time
	switch p.rng.IntN(400) {
	case 0:
		events := []schemas.Event{
			{Type: schemas.EventBattery, Battery: uint8(p.rng.IntN(100))},
			{Type: schemas.EventSuddenMovement, PeakRate: 200},
			{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &[3]int16{0, 990, int16(p.rng.IntN(300))}},
			{Type: schemas.EventCalibrate, Pose: schemas.Standing},
			{Type: schemas.EventWorn, Worn: p.rng.IntN(2) == 0},
		}
		it = schemas.Item{Reading: schemas.Reading{Seq: it.Seq, Time: it.Time}, Event: &events[p.rng.IntN(len(events))]}
	case 1:
		if what.losses {
			return nil
		}
	}
	if what.clock && p.rng.IntN(300) == 0 {
		it.Time += p.rng.Int64N(100_000)
	}
	if what.disorder && p.rng.IntN(30) == 0 {
		sent += p.rng.Int64N(170_000)
	}
	return []arrival{{r, it, sent}}
}

// messages are arrivals in batches of up to 20 of a run.
func messages(items []arrival) (list []schemas.Batch) {
	for _, i := range items {
		if n := len(list); n > 0 && list[n-1].Device == i.device && list[n-1].Boot == i.boot && len(list[n-1].Items) < 20 {
			list[n-1].Items = append(list[n-1].Items, i.Item)
			continue
		}
		list = append(list, schemas.Batch{Device: i.device, Boot: i.boot, Received: i.at, Items: []schemas.Item{i.Item}})
	}
	return list
}

// Whatever goes wrong, each finding is proved by its receipt; a day on which nothing
// came late is rebuilt as it is, and any day the second time as it was the first.
func TestNastyDays(t *testing.T) {
	for name, what := range map[string]trouble{
		"plain": {}, "acc": {acc: true}, "losses": {losses: true}, "disorder": {disorder: true}, "clock": {clock: true},
		"runs": {runs: true, disorder: true}, "exchanged": {exchanged: true, disorder: true}, "all": {true, true, true, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
				w.deliver(t, nasty(seed, what)...)
				w.end(t)
				for i := range w.findings {
					proved(t, w, &w.findings[i], Same)
				}
				for n := range 2 {
					rebuiltTwice(t, w, n, fmt.Sprintf("seed %d", seed))
				}
			}
		})
	}
}

func rebuiltTwice(t *testing.T, w *world, n int, name string) {
	t.Helper()
	r := w.recompute(t, n)
	if r.Late == 0 && r.Changed() {
		t.Errorf("%s: day %d changes without late readings: %+v", name, n, r)
	}
	if again := w.recompute(t, n); again.Changed() {
		t.Errorf("%s: day %d changes the second time: %+v", name, n, again)
	}
}
