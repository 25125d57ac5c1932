package detect

import (
	"errors"
	"fmt"
	"time"
)

// Params are the thresholds of the engine. Start from Defaults. Marks name the
// basis: [S] a published source, [M] measured on recordings of people, [D] a
// design default with no source behind it. A Params is shared by many wearers
// and must not change after it was given to one.
type Params struct {
	// Disorder is how far in event time deliveries may be out of order without
	// changing anything: a missing reading is given up once one this much past
	// it came, and a reading this much behind the newest judged is late. [D]
	Disorder time.Duration

	// Hold is the longest interval that still belongs to the reading before
	// it; a longer one freezes every count. 99 % of the gaps between the
	// readings of a batteryless sensor are under 3.5 s. [M]
	Hold time.Duration
	// GapEnds is the length above which a stretch without readings, or not
	// worn, ends an episode as unknown. [D]
	GapEnds time.Duration
	// BridgeMax is the longest interval that sitting_s alone may fill; it
	// bounds the minutes that one reading can make. [D]
	BridgeMax time.Duration

	// MotionWindow is the window of the root mean square of motion. [M]
	MotionWindow time.Duration
	// MovingG is the rms of the acceleration's standard deviation, in g, above
	// which the wearer moves: sensitivity 0.877 and specificity 0.910 for
	// walking and stairs over nine recorded people. [M]
	MovingG float64
	// GravityHz is the corner of the low-pass that takes gravity from acc_g. [D]
	GravityHz float64
	// CalibrateFor is how long an upright pose is measured when a calibration
	// brings no direction of its own. [D]
	CalibrateFor time.Duration

	// SlouchDeg is the trunk flexion in degrees from which dwell counts. [M]
	SlouchDeg float64
	// UprightDeg is the flexion in degrees under which a slouch recovers. [M]
	UprightDeg float64
	// LeanBackDeg is the flexion in degrees under which the wearer leans back,
	// which is shown and not judged. [D]
	LeanBackDeg float64
	// SlouchClear is how long recovery, or moving, must last. [D]
	SlouchClear time.Duration
	// SlouchOpen and SlouchNudge are the dwell at which a slouch becomes an
	// episode, level 1, and worth a nudge, level 2. The maker of a posture
	// wearable advised 2 min. [S]
	SlouchOpen, SlouchNudge time.Duration

	// SittingLevels are the lengths of a bout that reach level 1, 2 and 3.
	// Breaks every 20 min cost no productivity (McLean 2001), bouts of 30 min
	// and more are the ones to avoid (SBRN), 5 to 10 min away after 50 to 60
	// (HSE). [S]
	SittingLevels [3]time.Duration
	// AwayIgnored is the time off the seat under which the wearer is taken to
	// have sat on. [D]
	AwayIgnored time.Duration
	// AwayEnds is the time off the seat, in one piece, that ends a bout;
	// shorter ones take their share of it off the bout. [D]
	AwayEnds time.Duration
	// BreakMoving is how much of the first AwayEnds off the seat must be
	// movement for a break; less is standing. [D]
	BreakMoving time.Duration
	// BreakAfter is the shortest bout whose end by a break is counted as one. [D]
	BreakAfter time.Duration
}

// Defaults are the documented thresholds.
func Defaults() *Params {
	return &Params{
		Disorder:      2 * time.Minute,
		Hold:          5 * time.Second,
		GapEnds:       time.Minute,
		BridgeMax:     24 * time.Hour,
		MotionWindow:  4 * time.Second,
		MovingG:       0.1,
		GravityHz:     0.3,
		CalibrateFor:  10 * time.Second,
		SlouchDeg:     15,
		UprightDeg:    10,
		LeanBackDeg:   -10,
		SlouchClear:   5 * time.Second,
		SlouchOpen:    30 * time.Second,
		SlouchNudge:   2 * time.Minute,
		SittingLevels: [3]time.Duration{20 * time.Minute, 30 * time.Minute, 50 * time.Minute},
		AwayIgnored:   10 * time.Second,
		AwayEnds:      2 * time.Minute,
		BreakMoving:   30 * time.Second,
		BreakAfter:    time.Minute,
	}
}

// Validate reports every threshold that cannot work.
func (p *Params) Validate() error {
	var errs []error
	check := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("detection parameters: %s", what))
		}
	}
	for _, d := range []time.Duration{
		p.Disorder, p.Hold, p.GapEnds, p.BridgeMax, p.MotionWindow, p.CalibrateFor, p.SlouchClear,
		p.SlouchOpen, p.SlouchNudge, p.SittingLevels[0], p.SittingLevels[2], p.AwayIgnored, p.AwayEnds, p.BreakMoving, p.BreakAfter,
	} {
		check(d >= time.Millisecond && d <= 24*time.Hour, "a duration is under 1 ms or over 24 h")
	}
	check(p.MovingG > 0, "MovingG is not positive")
	check(p.GravityHz > 0, "GravityHz is not positive")
	check(p.LeanBackDeg < p.UprightDeg && p.UprightDeg <= p.SlouchDeg, "LeanBackDeg < UprightDeg <= SlouchDeg does not hold")
	check(p.SlouchOpen <= p.SlouchNudge, "SlouchOpen is longer than SlouchNudge")
	check(p.SittingLevels[0] <= p.SittingLevels[1] && p.SittingLevels[1] <= p.SittingLevels[2], "SittingLevels do not rise")
	check(p.AwayIgnored <= p.AwayEnds && p.BreakMoving <= p.AwayEnds, "AwayIgnored or BreakMoving is longer than AwayEnds")
	check(p.Hold <= p.GapEnds, "Hold is longer than GapEnds")
	check(p.MotionWindow <= time.Minute, "MotionWindow is longer than a minute")
	return errors.Join(errs...)
}
