package detect

import "sitwell/schemas"

// Output collects what one or more calls of Take found. The caller owns it and
// may reuse it after Reset.
type Output struct {
	Findings []schemas.Finding // in the order in which they were proven
	Rollups  []schemas.Rollup  // finished minutes, in order
	Postures []Posture         // after each judged reading, if Trace is set
	Trace    bool              // fill Postures

	Judged     int // readings and events judged
	Duplicates int // dropped: judged before, waiting already, or filling a hole that was given up
	Late       int // not judged: too far behind, of a run of the device that is over, or from before the first one judged of its run
	Gaps       int // holes in the sequence that were given up
}

// Reset empties the output and keeps its memory and Trace.
func (o *Output) Reset() {
	*o = Output{Findings: o.Findings[:0], Rollups: o.Rollups[:0], Postures: o.Postures[:0], Trace: o.Trace}
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

	Moving       bool `json:"moving"`
	MotionKnown  bool `json:"motion_known"`
	Sitting      bool `json:"sitting"`
	SittingKnown bool `json:"sitting_known"`
	Worn         bool `json:"worn"`

	DwellS       float32 `json:"dwell_s"`       // seconds of slouching so far
	BoutS        float32 `json:"bout_s"`        // seconds of the sitting bout so far
	SlouchLevel  int     `json:"slouch_level"`  // 0 none, then as Finding.Level
	SittingLevel int     `json:"sitting_level"` // 0 none, then as Finding.Level
}
