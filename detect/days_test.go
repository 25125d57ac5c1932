package detect

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"sitwell/schemas"
)

// diary writes a random day of one wearer, one activity after the other, as the
// readings and events of one kind of device.
type diary struct {
	rng  *rand.Rand
	list []refItem
	at   int64 // event time of the next reading, ms
	seq  uint64
	boot uint32

	step, jitter                int64 // ms
	acc, lumbar                 bool
	motion, steps, sits, counts bool
	tilt                        float64 // degrees by which the strap has shifted
	charge                      float64 // percent
	seatedFor                   float64 // seconds, as the device counts
}

// moment is what a wearer does; angles in degrees.
type moment struct {
	pitch, roll, lumbar, noise float64
	mg                         int // of motion
	seat                       seat
	off                        bool
}

// newDiary chooses a device, with everything in it that a device may bring.
func newDiary(seed uint64) *diary {
	rng := rand.New(rand.NewPCG(seed, 7))
	d := &diary{rng: rng, at: day0 + rng.Int64N(3600)*1000, seq: 1, boot: rng.Uint32(), charge: 30 + 70*rng.Float64()}
	d.step = []int64{500, 500, 1000, 1000, 2000, 4000}[rng.IntN(6)]
	if rng.IntN(3) == 0 {
		d.jitter = d.step / 10
	}
	d.acc = rng.IntN(4) == 0
	d.lumbar = rng.IntN(3) == 0
	d.motion = rng.IntN(8) > 0
	d.steps = rng.IntN(3) == 0
	d.sits = rng.IntN(4) > 0
	d.counts = !d.sits || rng.IntN(10) == 0
	if rng.IntN(12) == 0 {
		d.sits, d.counts = false, false
	}
	return d
}

// write adds readings of a moment for some seconds.
func (d *diary) write(secs float64, m moment) {
	for end := d.at + int64(secs*1000); d.at < end; {
		d.reading(m)
		step := d.step
		if d.jitter > 0 {
			step += d.rng.Int64N(2*d.jitter+1) - d.jitter
		}
		d.at += step
	}
}

func (d *diary) reading(m moment) {
	r := schemas.Reading{Seq: d.seq, Time: d.at}
	d.seq++
	set := func(on bool, f schemas.Fields) bool {
		if on {
			r.Fields |= f
		}
		return on
	}
	jitter := func(deg float64) float64 { return deg + m.noise*(2*d.rng.Float64()-1) }
	pitch, roll := jitter(m.pitch), jitter(m.roll)
	if d.acc {
		r.Acc = leaned(pitch+d.tilt, roll)
		r.Fields |= schemas.HasAcc
	} else {
		r.TrunkPitch, r.TrunkRoll = schemas.Tenths(pitch), schemas.Tenths(roll)
		r.Fields |= schemas.HasTrunk
	}
	set(!m.off, schemas.IsWorn)
	if d.lumbar && d.rng.IntN(50) > 0 {
		r.LumbarPitch = schemas.Tenths(jitter(m.lumbar))
		r.Fields |= schemas.HasLumbar
	}
	if set(d.motion, schemas.HasMotion) {
		r.Motion = uint16(m.mg)
		if m.mg > 0 {
			r.Motion += uint16(d.rng.IntN(40))
		}
	}
	if set(d.steps, schemas.HasSteps) && m.mg > 100 {
		r.Steps = uint16(d.rng.IntN(3))
	}
	onIt := m.seat == onSeat
	if onIt {
		d.seatedFor += float64(d.step) / 1000
	} else {
		d.seatedFor = 0
	}
	known := m.seat != nobodyKnows
	if set(d.sits && known, schemas.HasSitting) {
		set(onIt, schemas.IsSitting)
	}
	if set(d.counts && known, schemas.HasSittingS) {
		r.SittingS = uint32(math.Ceil(d.seatedFor))
	}
	if d.rng.IntN(400) == 0 { // fields that contradict each other
		switch {
		case d.sits && d.counts:
			r.Fields ^= schemas.IsSitting
		case d.steps:
			r.Steps = 3
		}
	}
	d.charge = max(0, d.charge-0.004*float64(d.step)/1000)
	if set(d.seq%20 == 0, schemas.HasBattery) {
		r.Battery = uint8(d.charge)
	}
	d.list = append(d.list, refItem{schemas.Item{Reading: r}, chest, d.boot})
}

func (d *diary) event(e schemas.Event) {
	it := schemas.Item{Reading: schemas.Reading{Seq: d.seq, Time: d.at}, Event: &e}
	d.seq++
	d.list = append(d.list, refItem{it, chest, d.boot})
	d.at += 20 + d.rng.Int64N(200)
}

func (d *diary) between(least, most float64) float64 { return least + (most-least)*d.rng.Float64() }

func (d *diary) one(of ...float64) float64 { return of[d.rng.IntN(len(of))] }

// secs is a length around one that may matter.
func (d *diary) secs(of ...float64) float64 {
	s := d.one(of...)
	if d.rng.IntN(2) == 0 {
		return s
	}
	return d.between(s/2, s*1.5)
}

// activities are what days are made of, the frequent ones more than once.
func activities() []func(*diary) {
	work, slump := (*diary).work, (*diary).slump
	return []func(*diary){
		work, work, work, slump, slump, slump, (*diary).deep, (*diary).aside, (*diary).aside, (*diary).lift,
		(*diary).walkAbout, (*diary).walkAbout, (*diary).stand, (*diary).freeze, (*diary).silence, (*diary).undress,
		(*diary).guess, (*diary).jerk, (*diary).jerk, (*diary).plug, (*diary).restart, (*diary).pose, (*diary).fidget,
	}
}

func (d *diary) work() {
	for range 1 + d.rng.IntN(6) {
		d.write(d.secs(20, 60, 300), moment{pitch: d.between(-14, 12), roll: d.between(-8, 8), lumbar: d.between(-5, 5), noise: d.one(0, 1, 4), mg: int(d.one(0, 10, 60))})
	}
}

func (d *diary) slump() {
	m := moment{pitch: d.one(14.9, 15, 16, 18, 20, 25, 30), noise: d.one(0, 0, 2), mg: int(d.one(0, 20))}
	m.lumbar = d.one(0, 0, m.pitch, m.pitch-20, m.pitch-15)
	for range 1 + d.rng.IntN(4) {
		d.write(d.secs(30, 120, 400, 1200), m)
		d.write(d.one(0, 2, 4, 4.5, 5, 8), moment{pitch: d.one(0, 9.9, 10, 12), mg: m.mg})
		d.write(d.one(0, 0, 2, 3, 6), moment{mg: 300})
	}
}

func (d *diary) deep() {
	deg := d.one(20, 30, 40, 50, 60, 61, 75)
	d.write(d.secs(30, 60, 105, 150, 195, 240), moment{pitch: deg, lumbar: d.one(0, deg), noise: d.one(0, 1), seat: []seat{onSeat, onFeet}[d.rng.IntN(2)]})
	d.write(d.secs(10, 60, 200, 700), moment{pitch: d.between(0, 19)})
}

func (d *diary) aside() {
	roll := d.one(10, 10.1, 12, 15, 20, 20.1, 25) * d.one(-1, 1)
	for range 1 + d.rng.IntN(4) {
		d.write(d.secs(30, 60, 150, 300), moment{pitch: 2, roll: roll, noise: d.one(0, 0, 1)})
		d.write(d.one(0, 2, 4.5, 5, 9), moment{roll: d.one(0, 10, -roll, roll/2), mg: int(d.one(0, 0, 300))})
	}
}

func (d *diary) lift() {
	for range 1 + d.rng.IntN(30) {
		d.write(d.between(1, 5), moment{pitch: d.one(20, 30, 45, 65), lumbar: 10, seat: onFeet, mg: int(d.one(0, 150))})
		d.write(d.between(1, 8), moment{pitch: d.one(0, 5, 10, 10.1), seat: onFeet, mg: int(d.one(0, 150))})
	}
}

func (d *diary) walkAbout() {
	where := []seat{onFeet, onFeet, onFeet, nobodyKnows}[d.rng.IntN(4)]
	d.write(d.secs(5, 9, 10, 60, 120, 300), moment{pitch: 4, noise: 3, mg: int(d.one(150, 300)), seat: where})
}

func (d *diary) stand() {
	d.write(d.secs(5, 10, 60, 120, 200), moment{pitch: d.one(2, 17), noise: 1, mg: int(d.one(0, 99)), seat: onFeet})
}

func (d *diary) freeze() {
	d.write(d.secs(600, 1200, 1800), moment{pitch: d.one(3, 12), roll: 1, noise: d.one(0, 3), mg: 5})
	if d.rng.IntN(2) == 0 {
		d.write(d.secs(20, 60), moment{pitch: d.one(13, 13.1, 22, 24), roll: 1, mg: 5})
	}
}

func (d *diary) silence() {
	secs := d.secs(4, 6, 30, 59.5, 61, 120, 599, 600, 900)
	if d.rng.IntN(8) == 0 {
		secs = d.between(2, 6) * 3600
	}
	d.at += int64(secs * 1000)
	if d.rng.IntN(2) == 0 {
		d.seatedFor += secs
	}
}

func (d *diary) undress() {
	if d.rng.IntN(2) == 0 {
		d.write(d.secs(5, 9, 10, 60, 61, 300), moment{off: true, seat: []seat{onSeat, nobodyKnows}[d.rng.IntN(2)]})
		return
	}
	d.event(schemas.Event{Type: schemas.EventWorn})
	d.write(d.secs(5, 10, 60, 70), moment{seat: nobodyKnows})
	d.event(schemas.Event{Type: schemas.EventWorn, Worn: true})
}

func (d *diary) guess() {
	d.write(d.secs(5, 30, 61, 90), moment{pitch: d.one(0, 20), seat: nobodyKnows})
}

func (d *diary) jerk() {
	d.write(d.secs(8, 10, 20), moment{pitch: 3, mg: int(d.one(0, 0, 0, 200))})
	d.event(schemas.Event{
		Type: schemas.EventSuddenMovement, PeakRate: uint16(d.one(30, 49, 50, 59, 60, 100, 179, 180, 300)),
		Range: uint16(d.one(0, 14, 15, 40)), Axis: []schemas.Axis{schemas.Twist, schemas.Sagittal, schemas.Lateral, ""}[d.rng.IntN(4)],
		Lasted: uint16(d.one(0, 150, 199, 200, 300, 301, 800)), PeakAcc: uint16(d.one(0, 0, 400, 999, 1000, 2500)),
	})
}

func (d *diary) plug() {
	d.charge = d.one(9, 15, 16, 24, 25, 60, 100)
	if d.rng.IntN(2) == 0 {
		d.event(schemas.Event{Type: schemas.EventBattery, Battery: uint8(d.charge)})
	}
	d.write(d.secs(30), moment{pitch: 3})
}

func (d *diary) restart() {
	if d.rng.IntN(3) > 0 {
		return
	}
	if d.rng.IntN(2) == 0 {
		d.write(2, moment{off: true})
	}
	d.at += int64(1000 * d.secs(2, 20, 90))
	d.boot, d.seq, d.seatedFor = d.boot+1, 1+d.rng.Uint64N(100), 0
	if d.acc && d.rng.IntN(2) == 0 {
		up := leaned(d.tilt, 0)
		d.event(schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &up})
	}
	d.pose()
}

func (d *diary) fidget() {
	for range 5 + d.rng.IntN(20) {
		d.write(d.between(1, 30), moment{pitch: d.between(-20, 40), roll: d.between(-25, 25), lumbar: d.between(-10, 30), mg: int(d.one(0, 0, 99, 200)), seat: []seat{onSeat, onSeat, onFeet}[d.rng.IntN(3)]})
	}
}

// pose measures an upright pose, or what is none.
func (d *diary) pose() {
	if !d.acc {
		return
	}
	where := []seat{onSeat, onSeat, onFeet}[d.rng.IntN(3)]
	e := schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated}
	if where == onFeet {
		e.Pose = schemas.Standing
	}
	m := moment{pitch: d.one(0, 0, 0, 3, 45), noise: 0.5, mg: int(d.one(0, 0, 0, 0, 300)), seat: where}
	if d.rng.IntN(2) == 0 {
		d.write(8, m)
		up := leaned(m.pitch+d.tilt, 0)
		if d.rng.IntN(8) == 0 {
			up = [3]int16{10, 10, 1000}
		}
		e.Upright = &up
		d.event(e)
		d.write(5, m)
		return
	}
	d.write(6, m)
	d.event(e)
	if d.rng.IntN(8) == 0 {
		d.at += 15_000
	}
	d.write(16, m)
	if d.rng.IntN(6) == 0 { // a strap that slips shows on a long walk
		walk := moment{pitch: 5, mg: 300, seat: where}
		d.write(25, walk)
		d.tilt += d.one(20, -20)
		d.write(80, walk)
		d.write(30, moment{pitch: 5, seat: where})
		d.tilt = 0
	}
}

// day is a day of some hours, and the parameters of its time.
func day(seed uint64, hours float64) ([]refItem, *Timeline) {
	d := newDiary(seed)
	start := d.at
	all := activities()
	if d.rng.IntN(5) > 0 {
		d.pose()
	}
	d.work()
	for d.at < start+int64(hours*3600_000) {
		all[d.rng.IntN(len(all))](d)
	}
	return d.list, d.changes(start, d.at)
}

// changes is a timeline of up to four sets of random parameters.
func (d *diary) changes(from, to int64) *Timeline {
	revisions := []Revision{{Version: DefaultVersion, Params: Defaults()}}
	revisions[0].Params.Hydration = d.rng.IntN(2) == 0
	for i := range d.rng.IntN(4) {
		p := Defaults()
		for range 1 + d.rng.IntN(8) {
			d.change(p)
		}
		at := time.UnixMilli(from + d.rng.Int64N(to-from))
		if d.rng.IntN(2) == 0 { // from a reading on
			at = time.UnixMilli(d.list[d.rng.IntN(len(d.list))].Time)
		}
		revisions = append(revisions, Revision{Version: strconv.Itoa(i), From: at, Params: p})
	}
	return NewTimeline(revisions...)
}

// change sets one parameter to a random value within its bounds, where it goes
// with the others.
func (d *diary) change(p *Params) {
	all := Tunables()
	t := all[d.rng.IntN(len(all))]
	text := map[bool]string{true: "on", false: "off"}[d.rng.IntN(2) == 0]
	v := d.between(t.Least, t.Most)
	switch t.Unit {
	case Duration:
		text = (time.Duration(v) * time.Second).String()
	case Degrees, PerMinute, Percent:
		text = strconv.FormatFloat(math.Round(v*10)/10, 'g', -1, 64)
	case Fraction:
		text = strconv.FormatFloat(math.Round(v*100)/100, 'g', -1, 64)
	case Switch:
	}
	changed := *p
	if changed.Set(t.Key, text) == nil && changed.Validate() == nil {
		*p = changed
	}
}
