package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"sitwell/schemas"
)

// Spacings of the simulated devices.
const (
	HistorySpacing = 4 * time.Second        // below the 5 s at which dwell freezes
	LiveSpacing    = 500 * time.Millisecond // 2 Hz, as the recordings
)

// MaxChunk is how many readings one message carries at most: about 57 kB of
// JSON with two sensors, under the payload limit of 64 KiB.
const MaxChunk = 350

// Wearer is one simulated person with a device. The same seed and the same
// calls give the same readings. It belongs to one goroutine.
type Wearer struct {
	ID     schemas.ID
	Name   string
	Team   schemas.ID
	Device schemas.ID
	Habit  Habit

	traits     traits
	side       float64 // of the armrest: -1 is left, 1 right
	liveliness float64 // by how much more often than others the wearer shifts
	kit        kit
	rng        *rand.Rand
	days       calendar
	today      day
	// stay keeps the wearer at work: no lunch, no evening. Going live sets it.
	stay bool

	clock   int64 // event time of the last reading, ms
	seq     uint64
	boot    uint32
	now     phase
	began   int64   // when now began
	leaving bool    // the device was just taken off
	plan    []phase // comes before habit; the script and reactions write it
	boutEnd int64   // when the wearer means to get up

	signal  signal
	strap   strap
	charged int64 // when the battery was last charged at work, ms
	outage  outage
	fixed   reaction // the scripted answer to a nudge
}

// outage is when the device is without a connection.
type outage struct{ from, to int64 }

// newWearer makes the n-th wearer, whose number decides on habit and kit.
func newWearer(seed uint64, n int, days calendar, start time.Time) *Wearer {
	habit := mix[n%len(mix)]
	w := &Wearer{
		Habit: habit, traits: habits[habit], side: 1, kit: kitOf(n), days: days,
		rng:   rand.New(rand.NewPCG(seed, 0x5177e11)), //nolint:gosec // reproducible, guards nothing
		clock: start.UnixMilli(), charged: start.UnixMilli(),
	}
	if w.rng.IntN(2) == 0 {
		w.side = -1
		w.traits.roll = span{-w.traits.roll.hi, -w.traits.roll.lo}
	}
	w.liveliness = min(2, max(0.5, math.Exp(0.35*w.rng.NormFloat64())))
	w.boot = w.rng.Uint32()
	w.now = phase{what: off, until: w.clock}
	return w
}

// Boot names the device's run that the last readings of Fill belong to.
func (w *Wearer) Boot() uint32 { return w.boot }

// Clock is the event time of the last reading.
func (w *Wearer) Clock() time.Time { return time.UnixMilli(w.clock).UTC() }

// Seated reports whether the wearer sat at the last reading.
func (w *Wearer) Seated() bool { return w.now.what == sit }

// Fill appends readings from where the wearer is up to and including to, spaced
// evenly while the device is worn, and what events there are between them, until
// there are limit of both in all. All that it returns belong to Boot; it returns
// early where the device is switched off and nothing only when to is reached.
func (w *Wearer) Fill(items []schemas.Item, to time.Time, spacing time.Duration, limit int) []schemas.Item {
	end, step := to.UnixMilli(), spacing.Milliseconds()
	for len(items) < limit && w.clock+step <= end {
		next := w.clock + step
		for next >= w.now.until {
			if w.now.what.boots() && len(items) > 0 {
				return items
			}
			w.leave()
			w.enter(next)
		}
		if e := w.now.event; e != nil || w.leaving {
			w.now.event, w.leaving = nil, false
			items = append(items, schemas.Item{Reading: schemas.Reading{Seq: w.seq, Time: next - 1}, Event: e})
			w.seq++
			continue // the next reading is for the next round, as there may be no room
		}
		if !w.now.what.worn() {
			if w.now.until > end {
				w.clock = max(w.clock, end-step)
				return items
			}
			w.clock = w.now.until - step
			continue
		}
		w.clock = next
		items = append(items, schemas.Item{})
		w.read(&items[len(items)-1].Reading, step)
	}
	return items
}

// leave ends the phase; a device that was off counts from 0 again.
func (w *Wearer) leave() {
	if w.now.what.boots() {
		w.boot++
		w.seq = 0
	}
}

// enter begins the next phase at t. A device that is taken off says so, with a
// last reading.
func (w *Wearer) enter(t int64) {
	was := w.now
	w.began = t
	w.now = w.next(t, was)
	w.leaving = was.what.worn() && (w.now.what == away || w.now.what == off)
	if w.now.what.worn() && !was.what.worn() {
		w.puts(t)
	}
}

// next is the next phase: a planned one, else what habit decides.
func (w *Wearer) next(t int64, was phase) phase {
	for len(w.plan) > 0 {
		var p phase
		if p, w.plan = w.plan[0], w.plan[1:]; p.until > t {
			return p
		}
	}
	return w.decide(t, was)
}

// read makes the reading at the clock.
func (w *Wearer) read(r *schemas.Reading, step int64) {
	r.Seq, r.Time = w.seq, w.clock
	w.seq++
	w.measure(w.signal.step(w.rng, &w.now, step, w.clock-w.began), r)
}

// batteryEvery is after how many readings the charge is told.
const batteryEvery = 150
