package detect

import "sitwell/schemas"

// Output collects what one or more calls of Take found. The caller owns it and
// may reuse it after Reset.
type Output struct {
	Findings []schemas.Finding // in the order in which they were proven
	Rollups  []schemas.Rollup  // finished minutes, in order
	Late     []schemas.Late    // what was not judged because it came too late
	Postures []Posture         // after each judged reading, if Trace is set
	Trace    bool              // fill Postures

	Judged     int // readings and events judged
	Duplicates int // dropped: judged before, or waiting already
	// LateItems are in Late: too far behind, of a run of the device that is over,
	// from before the first one judged of its run, or filling a hole that was given up.
	LateItems      int
	Gaps           int // holes in the sequence that were given up
	Contradictions int // readings of which two fields cannot both be true

	spare anchor // room for one that may be taken
}

// Reset empties the output and keeps its memory and Trace.
func (o *Output) Reset() {
	*o = Output{Findings: o.Findings[:0], Rollups: o.Rollups[:0], Late: o.Late[:0], Postures: o.Postures[:0], Trace: o.Trace, spare: o.spare}
}

// late marks an item of a run as not judged; a mark grows while the next number
// of the same run follows.
func (o *Output) late(w *Wearer, of run, it *schemas.Item) {
	o.LateItems++
	if n := len(o.Late); n > 0 {
		l := &o.Late[n-1]
		if l.Org == w.org && l.Wearer == w.wearer && l.Device == of.device && l.Boot == of.boot && l.Last+1 == it.Seq {
			l.Last, l.From, l.To = it.Seq, min(l.From, it.Time), max(l.To, it.Time)
			return
		}
	}
	o.Late = append(o.Late, schemas.Late{
		Org: w.org, Wearer: w.wearer, Device: of.device, Boot: of.boot, First: it.Seq, Last: it.Seq, From: it.Time, To: it.Time,
	})
}

// Posture is what the engine made of one reading, for the live page.
type Posture struct {
	Seq  uint64 `json:"seq"`
	Time int64  `json:"time"` // event time, milliseconds since 1970, UTC

	// FlexionDeg and LeanDeg are forward flexion and lean to the right in
	// degrees, if Shown. They are judged only if Known: while the fitting
	// calibration is missing they are against a stand-in.
	FlexionDeg float32 `json:"flexion_deg"`
	LeanDeg    float32 `json:"lean_deg"`
	Shown      bool    `json:"shown"`
	Known      bool    `json:"known"`
	// Stale says that the calibration is no longer to be trusted, because the
	// strap has shifted.
	Stale bool `json:"stale"`
	// CurveDeg is the flexion of the upper against the lower back, and NeckDeg
	// that of the head against the trunk, where there is a sensor for it.
	CurveDeg   float32 `json:"curve_deg"`
	CurveKnown bool    `json:"curve_known"`
	NeckDeg    float32 `json:"neck_deg"`
	NeckKnown  bool    `json:"neck_known"`

	Moving       bool `json:"moving"`
	MotionKnown  bool `json:"motion_known"`
	Sitting      bool `json:"sitting"`
	SittingKnown bool `json:"sitting_known"`
	Worn         bool `json:"worn"`

	DwellS float32 `json:"dwell_s"` // seconds of slouching so far
	BoutS  float32 `json:"bout_s"`  // seconds of the sitting bout so far
	StillS float32 `json:"still_s"` // seconds on the seat since the last posture shift
	LeanS  float32 `json:"lean_s"`  // seconds of leaning to a side so far
	Load   float32 `json:"load"`    // the load budget used, 0 to 1
	Hold   float32 `json:"hold"`    // the holding time used, 0 to 1

	SlouchLevel  int `json:"slouch_level"`  // 0 none, then as Finding.Level
	SittingLevel int `json:"sitting_level"` // 0 none, then as Finding.Level
}

// posture is the last reading as the page shows it.
func (w *Wearer) posture(r *schemas.Reading) Posture {
	s, x := &w.rules.Last, &w.rules
	p := Posture{
		Seq: r.Seq, Time: s.At,
		FlexionDeg: degrees(s.Flexion), LeanDeg: degrees(s.Lean),
		Shown: s.Is.has(shown), Known: s.Is.has(fitted), Stale: x.Signals.Is.has(stale),
		Moving: s.Is.has(moving), MotionKnown: s.Is.has(motionKnown),
		Sitting: s.Is.has(sitting), SittingKnown: s.Is.has(sittingKnown),
		Worn:   s.Is.has(worn),
		DwellS: float32(seconds(int64(x.Slouch.Dwell))), BoutS: float32(seconds(int64(x.Bout.Len))),
		StillS: float32(seconds(int64(x.Still.Len))), LeanS: float32(seconds(int64(x.Lean.Near))),
		Load: float32(thousandth(x.Load.budget())), Hold: float32(thousandth(float64(x.Hold.H))),
		SlouchLevel: int(x.Slouch.Level), SittingLevel: int(x.Bout.Level),
	}
	if s.Is.has(curved) {
		p.CurveDeg, p.CurveKnown = degrees(s.Curve), true
	}
	if r.Fields.Has(schemas.HasHead) && s.Is.has(fitted) {
		p.NeckDeg, p.NeckKnown = degrees(r.HeadPitch-s.Flexion), true
	}
	return p
}

func degrees(tenths int16) float32 { return float32(tenths) / 10 }
