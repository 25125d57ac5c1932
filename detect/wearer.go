package detect

import (
	"math"
	"strconv"
	"time"

	"sitwell/schemas"
)

// Wearer is the state of one wearer. It belongs to one goroutine at a time.
type Wearer struct {
	org, wearer schemas.ID
	p           *Params
	order
	rules     rules
	minute    minute
	measuring *calibration // an upright pose that is being measured, or nil
}

// rules is what is kept between two readings for judging: at most 256 bytes.
type rules struct {
	Last    sample  `cbor:"1,keyasint"` // of the last reading judged
	Signals signals `cbor:"2,keyasint"`
	Slouch  slouch  `cbor:"3,keyasint"`
	Bout    bout    `cbor:"4,keyasint"`
}

// NewWearer is a wearer of whom nothing is known yet.
func NewWearer(org, wearer schemas.ID, p *Params) *Wearer {
	return &Wearer{org: org, wearer: wearer, p: p}
}

// Take judges a batch of this wearer, all of one device, and appends the
// results to out. Batches must come in the order of the log, so that everybody
// who judges it finds the same.
func (w *Wearer) Take(b *schemas.Batch, out *Output) {
	from := run{b.Device, b.Boot}
	for i := range b.Items {
		it := &b.Items[i]
		if (!w.begun || from != w.run) && !w.takeOver(from, it, out) {
			out.Late++
			continue
		}
		w.place(it, out)
	}
}

// OpenMinute is the rollup of the minute that is still open, as it stands; a
// later rollup of the same minute replaces it. It is false if there is nothing
// new since the last rollup.
func (w *Wearer) OpenMinute() (schemas.Rollup, bool) {
	if !w.minute.Fresh || w.minute.empty() {
		return schemas.Rollup{}, false
	}
	w.minute.Fresh = false
	return w.minute.rollup(w), true
}

// judge takes an item whose turn it is.
func (w *Wearer) judge(it *schemas.Item, out *Output) {
	w.seq = it.Seq
	if it.Time < w.newest-w.p.Disorder.Milliseconds() {
		out.Late++
		return
	}
	out.Judged++
	w.newest = max(w.newest, it.Time)
	if it.Event != nil {
		w.hear(it.Event, it.Time)
		return
	}
	w.read(&it.Reading, out)
}

// read judges a reading: the interval that it ends goes to the minute and to
// each rule.
func (w *Wearer) read(r *schemas.Reading, out *Output) {
	last := &w.rules.Last
	at := max(r.Time, last.At)
	if w.measuring != nil {
		w.measure(r, at)
	}
	next := w.rules.Signals.read(r, at, at-last.At, w.p)
	iv := between(last, &next, w.p.Hold.Milliseconds())
	pr := proof{w: w, seq: r.Seq, at: at, out: out}

	w.minute.step(&iv, &pr)
	w.rules.Slouch.step(&iv, &pr)
	w.rules.Bout.step(&iv, &pr)

	w.rules.Last = next
	if out.Trace {
		out.Postures = append(out.Postures, w.posture(r.Seq))
	}
}

// posture is the last reading as the page shows it.
func (w *Wearer) posture(seq uint64) Posture {
	s := &w.rules.Last
	return Posture{
		Seq: seq, Time: s.At,
		FlexionDeg: float32(tenth(s.Flexion)), LeanDeg: float32(tenth(float64(s.Lean))),
		Shown: s.Is.has(shown), Known: s.Is.has(fitted),
		Moving: s.Is.has(moving), MotionKnown: s.Is.has(motionKnown),
		Sitting: s.Is.has(sitting), SittingKnown: s.Is.has(sittingKnown),
		Worn:   s.Is.has(worn),
		DwellS: float32(seconds(w.rules.Slouch.Dwell)), BoutS: float32(seconds(w.rules.Bout.Len)),
		SlouchLevel: int(w.rules.Slouch.Level), SittingLevel: int(w.rules.Bout.Level),
	}
}

// proof is the reading at which something is found, and where to tell it.
type proof struct {
	w   *Wearer
	seq uint64
	at  int64 // event time, ms
	out *Output
}

// find completes a finding of a rule and gives it out.
func (pr *proof) find(step schemas.Step, f schemas.Finding) {
	w := pr.w
	f.Schema, f.Org, f.Wearer, f.Device = schemas.SchemaFinding, w.org, w.wearer, w.device
	f.Boot, f.Seq, f.Time, f.Step = w.boot, pr.seq, eventTime(pr.at), step
	f.Episode = schemas.EpisodeID(w.org, w.wearer, f.Rule, f.Start)
	f.ID = f.Episode + "-" + string(step)
	if step != schemas.Closed {
		f.ID += strconv.Itoa(f.Level)
	}
	pr.out.Findings = append(pr.out.Findings, f)
}

func eventTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// tenth rounds to the tenth of a degree that readings have.
func tenth(deg float64) float64 { return math.Round(deg*10) / 10 }
