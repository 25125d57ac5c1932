package detect

import (
	"slices"

	"sitwell/schemas"
)

// Bounds of a measured calibration. [D]
const (
	mostPoses  = 1000 // samples kept: 10 s at 100 Hz; more are not needed and not kept
	leastPoses = 2    // fewer measure nothing, and the baseline stays as it was
)

// calibration is an upright pose that is being measured.
type calibration struct {
	Pose    schemas.Pose `cbor:"1,keyasint"`
	From    int64        `cbor:"2,keyasint"` // event time it began, ms
	Samples [][3]int16   `cbor:"3,keyasint"`
}

// hear takes an event of the present run of the device.
func (w *Wearer) hear(e *schemas.Event, at int64) {
	s := &w.rules.Signals
	switch e.Type {
	case schemas.EventWorn:
		s.Off = !e.Worn
	case schemas.EventCalibrate:
		if e.Upright != nil {
			s.calibrate(e.Pose, *e.Upright)
			w.measuring = nil
			return
		}
		w.measuring = &calibration{Pose: e.Pose, From: at}
	case schemas.EventButton, schemas.EventSuddenMovement, schemas.EventBattery:
	}
}

// calibrate sets the baseline of a pose; a direction that cannot be one, or an
// unknown pose, changes nothing.
func (s *signals) calibrate(pose schemas.Pose, upright [3]int16) {
	if !isUpright(upright) {
		return
	}
	switch pose {
	case schemas.Seated:
		s.Upright[0] = upright
	case schemas.Standing:
		s.Upright[1] = upright
	}
}

// has reports whether a pose has a baseline.
func (s *signals) has(pose schemas.Pose) bool {
	switch pose {
	case schemas.Seated:
		return s.Upright[0] != [3]int16{}
	case schemas.Standing:
		return s.Upright[1] != [3]int16{}
	}
	return false
}

// measure adds a reading to the calibration under way; the first reading that
// is past its time, or at it, sets the baseline.
func (w *Wearer) measure(r *schemas.Reading, at int64) {
	c, limit := w.measuring, w.p.CalibrateFor.Milliseconds()
	if r.Fields.Has(schemas.HasAcc|schemas.IsWorn) && at-c.From <= limit && len(c.Samples) < mostPoses {
		c.Samples = append(c.Samples, r.Acc)
	}
	if at-c.From < limit {
		return
	}
	if len(c.Samples) >= leastPoses {
		w.rules.Signals.calibrate(c.Pose, median(c.Samples))
	}
	w.measuring = nil
}

// median is the middle of each axis by itself.
func median(samples [][3]int16) (m [3]int16) {
	axis := make([]int16, len(samples))
	for i := range m {
		for j := range samples {
			axis[j] = samples[j][i]
		}
		slices.Sort(axis)
		lower, upper := axis[(len(axis)-1)/2], axis[len(axis)/2]
		m[i] = int16((int(lower) + int(upper)) / 2) //nolint:gosec // between two int16
	}
	return m
}
