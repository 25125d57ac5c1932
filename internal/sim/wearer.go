package sim

import (
	"math/rand/v2"
	"time"

	"sitwell/schemas"
)

// Spacings of the simulated devices.
const (
	HistorySpacing = 4 * time.Second        // below the 5 s at which dwell freezes
	LiveSpacing    = 500 * time.Millisecond // 2 Hz, as the recordings
)

// MaxChunk is how many readings one message carries at most: about 56 kB of
// JSON, under the payload limit of 64 KiB.
const MaxChunk = 400

// Wearer is one simulated person with a device. The same seed and the same
// calls give the same readings. It belongs to one goroutine.
type Wearer struct {
	ID     schemas.ID
	Name   string
	Team   schemas.ID
	Device schemas.ID
	Habit  Habit

	traits traits
	rng    *rand.Rand
	days   calendar
	today  day
	// stay keeps the wearer at work: no lunch, no evening. Going live sets it.
	stay bool

	clock   int64 // event time of the last reading, ms
	seq     uint64
	boot    uint32
	now     phase
	began   int64   // when now began
	plan    []phase // comes before habit; the script and reactions write it
	boutEnd int64   // when the wearer means to get up

	signal signal
	outage outage
	fixed  reaction // the scripted answer to the next nudge
}

// outage is when the device is without a connection.
type outage struct{ from, to int64 }

func newWearer(seed uint64, habit Habit, days calendar, start time.Time) *Wearer {
	w := &Wearer{
		Habit: habit, traits: habits[habit], days: days,
		rng:   rand.New(rand.NewPCG(seed, 0x5177e11)), //nolint:gosec // reproducible, guards nothing
		clock: start.UnixMilli(),
	}
	if habit == OneSided && w.rng.IntN(2) == 0 {
		w.traits.roll = span{-w.traits.roll.hi, -w.traits.roll.lo}
	}
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
// evenly while the device is worn, until there are limit of them in all. All
// that it returns belong to Boot; it returns early where the device is switched
// off and no reading only when to is reached.
func (w *Wearer) Fill(items []schemas.Item, to time.Time, spacing time.Duration, limit int) []schemas.Item {
	end, step := to.UnixMilli(), spacing.Milliseconds()
	for len(items) < limit && w.clock+step <= end {
		next := w.clock + step
		for next >= w.now.until {
			if w.now.what == off && len(items) > 0 {
				return items
			}
			w.leave()
			w.enter(next)
		}
		if w.now.what <= away {
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
	if w.now.what == off {
		w.boot++
		w.seq = 0
	}
}

// enter begins the next phase at t: a planned one, else what habit decides.
func (w *Wearer) enter(t int64) {
	was := w.now
	w.began = t
	for len(w.plan) > 0 {
		w.now, w.plan = w.plan[0], w.plan[1:]
		if w.now.until > t {
			return
		}
	}
	w.now = w.decide(t, was)
}

// read makes the reading at the clock.
func (w *Wearer) read(r *schemas.Reading, step int64) {
	r.Seq, r.Time = w.seq, w.clock
	w.seq++
	r.Fields = schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsWorn
	if w.now.what == sit {
		r.Fields |= schemas.IsSitting
	}
	if r.Seq%batteryEvery == 0 {
		r.Fields |= schemas.HasBattery
		r.Battery = w.battery()
	}
	w.signal.step(w.rng, &w.now, step, w.clock-w.began, r)
}

// batteryEvery is after how many readings the charge is told.
const batteryEvery = 150

// battery falls by 5 % an hour from the morning on, to no less than 20 %.
func (w *Wearer) battery() uint8 {
	hours := float64(w.clock-w.today.arrive) / 3.6e6
	return uint8(max(20, 100-5*max(0, hours)))
}
