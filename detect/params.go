package detect

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Params are the thresholds of the engine. Start from Defaults. Marks name the
// basis: [S] a published source, [M] measured on recordings of people, [D] a
// design default with no source behind it. A Params is shared by many wearers
// and must not change after it was given to one.
//
// Those that Tunables lists may be changed for an organisation, a team or a
// wearer within their bounds; the others are the same for everybody.
type Params struct {
	// Disorder is how far in event time deliveries may be out of order without
	// changing anything: a missing reading is given up once one this much past
	// it came, and a reading this much behind the newest judged is late. [D]
	Disorder time.Duration
	// Patience takes its place for a device that has lost readings lately. [D]
	Patience time.Duration

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
	// OfflineAfter is the length of a silence while worn that is an episode. [D]
	OfflineAfter time.Duration

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
	// PoseSpread is by how many degrees a tenth of the readings of a measured
	// pose may differ from their median before the wearer counts as moving. [D]
	PoseSpread float64
	// PoseApart is the largest angle in degrees by which the seated pose of one wear
	// may lean forward of the standing one, and PoseBehind backward of it; beyond
	// them one of the two was measured slouched. [D] Of nine recorded people two sit
	// 38 and 41 degrees behind their standing pose. [M]
	PoseApart, PoseBehind float64
	// DriftDeg is by how many degrees the trunk's mean angle over DriftFor of
	// walking may differ from that of the first walk; more, DriftWalks times in a
	// row, and the strap has shifted. [D]
	DriftDeg   float64
	DriftFor   time.Duration
	DriftWalks int
	// RewearAfter is how long a device must be off before it counts as taken off
	// and worn anew, which needs a calibration of its own. [D]
	RewearAfter time.Duration

	// SlouchDeg is the trunk flexion in degrees from which dwell counts. [M]
	SlouchDeg float64
	// UprightDeg is the flexion in degrees under which a slouch recovers. [M]
	UprightDeg float64
	// CurveDeg is the flexion of the upper back against the lower in degrees from
	// which dwell counts where both are measured, and CurveClearDeg that under
	// which it recovers: the bands of back curvature are 0 to 20, to 40, above. [S]
	// CurveClearDeg is [D].
	CurveDeg, CurveClearDeg float64
	// LeanBackDeg is the flexion in degrees under which the wearer leans back,
	// which is shown and not judged. [D]
	LeanBackDeg float64
	// SlouchClear is how long recovery, or moving, must last. [D]
	SlouchClear time.Duration
	// SlouchOpen and SlouchNudge are the dwell at which a slouch becomes an
	// episode, level 1, and worth a nudge, level 2. The maker of a posture
	// wearable advised 2 min. [S]
	SlouchOpen, SlouchNudge time.Duration

	// LoadNudge and LoadBreak are the load budget, 0 to 1, at which it is worth a
	// nudge and a break; under LoadClear its episode is over. [D]
	LoadNudge, LoadBreak, LoadClear float64

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

	// StillFor is how long sitting without a posture shift becomes an episode,
	// and ShiftDeg the change of the 10 s median in degrees that is one: posture
	// shifts cut low-back pain in a trial of 2021 (hazard ratio 0.19), recorded
	// people make 21 an hour. [S], [M]
	StillFor time.Duration
	ShiftDeg float64

	// LeanDeg for LeanFor, or LeanFarDeg for LeanFarFor, is leaning to one side
	// for long. The bands of 10 and 20 degrees are those of ISO 11226 and EN
	// 1005-4 [S], the times are [D].
	LeanDeg, LeanFarDeg float64
	LeanFor, LeanFarFor time.Duration

	// BendsPerMinute over ten minutes is repetitive bending (EN 1005-4). [S]
	BendsPerMinute float64

	// Hydration turns the reminder to drink on; it is due every HydrationEvery
	// of worn time and waits for a break. [D]
	Hydration      bool
	HydrationEvery time.Duration

	// BatteryLow is the charge in percent from which the device wants charging. [D]
	BatteryLow float64
}

// Defaults are the documented thresholds.
func Defaults() *Params {
	return &Params{
		Disorder:       2 * time.Minute,
		Patience:       10 * time.Second,
		Hold:           5 * time.Second,
		GapEnds:        time.Minute,
		BridgeMax:      24 * time.Hour,
		OfflineAfter:   10 * time.Minute,
		MotionWindow:   4 * time.Second,
		MovingG:        0.1,
		GravityHz:      0.3,
		CalibrateFor:   10 * time.Second,
		PoseSpread:     10,
		PoseApart:      30,
		PoseBehind:     45,
		DriftDeg:       15,
		DriftFor:       20 * time.Second,
		DriftWalks:     3,
		RewearAfter:    10 * time.Second,
		SlouchDeg:      15,
		UprightDeg:     10,
		CurveDeg:       20,
		CurveClearDeg:  15,
		LeanBackDeg:    -10,
		SlouchClear:    5 * time.Second,
		SlouchOpen:     30 * time.Second,
		SlouchNudge:    2 * time.Minute,
		LoadNudge:      0.5,
		LoadBreak:      0.88,
		LoadClear:      0.25,
		SittingLevels:  [3]time.Duration{20 * time.Minute, 30 * time.Minute, 50 * time.Minute},
		AwayIgnored:    10 * time.Second,
		AwayEnds:       2 * time.Minute,
		BreakMoving:    30 * time.Second,
		BreakAfter:     time.Minute,
		StillFor:       20 * time.Minute,
		ShiftDeg:       10,
		LeanDeg:        10,
		LeanFarDeg:     20,
		LeanFor:        5 * time.Minute,
		LeanFarFor:     time.Minute,
		BendsPerMinute: 2,
		HydrationEvery: 2 * time.Hour,
		BatteryLow:     15,
	}
}

// ErrParams says that thresholds cannot work, or lie outside their safe bounds.
var ErrParams = errors.New("detection parameters")

// Validate reports every threshold that cannot work or is out of its bounds.
func (p *Params) Validate() error {
	var errs []error
	check := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: %s", ErrParams, what))
		}
	}
	for _, t := range Tunables() {
		if err := t.check(p); err != nil {
			errs = append(errs, err)
		}
	}
	for _, d := range []time.Duration{
		p.Disorder, p.Patience, p.Hold, p.GapEnds, p.BridgeMax, p.OfflineAfter, p.MotionWindow, p.CalibrateFor, p.DriftFor,
		p.RewearAfter, p.AwayIgnored, p.AwayEnds, p.BreakMoving, p.BreakAfter,
	} {
		check(d >= time.Millisecond && d <= 24*time.Hour, "a duration is under 1 ms or over 24 h")
	}
	for _, f := range []float64{p.MovingG, p.GravityHz, p.PoseSpread, p.PoseApart, p.PoseBehind, p.DriftDeg} {
		check(f > 0 && !math.IsInf(f, 0), "MovingG, GravityHz, PoseSpread, PoseApart, PoseBehind or DriftDeg is not a positive number")
	}
	check(p.LeanBackDeg < p.UprightDeg, "LeanBackDeg is not under upright_deg")
	check(p.UprightDeg <= p.SlouchDeg, "upright_deg is over slouch_deg")
	check(p.CurveClearDeg <= p.CurveDeg, "curve_clear_deg is over curve_deg")
	check(p.SlouchOpen <= p.SlouchNudge, "slouch_open is longer than slouch_nudge")
	check(p.LoadClear < p.LoadNudge && p.LoadNudge < p.LoadBreak, "load_clear < load_nudge < load_break does not hold")
	check(p.SittingLevels[0] <= p.SittingLevels[1] && p.SittingLevels[1] <= p.SittingLevels[2],
		"sitting_soft <= sitting_prompt <= sitting_break does not hold")
	check(p.LeanDeg <= p.LeanFarDeg, "lean_deg is over lean_far_deg")
	check(p.AwayIgnored <= p.AwayEnds && p.BreakMoving <= p.AwayEnds, "AwayIgnored or BreakMoving is longer than AwayEnds")
	check(p.Hold <= p.GapEnds && p.GapEnds <= 65*time.Second, "GapEnds is shorter than Hold or longer than 65 s")
	check(p.MotionWindow <= time.Minute && p.RewearAfter <= time.Minute && p.DriftFor <= time.Minute,
		"MotionWindow, RewearAfter or DriftFor is longer than a minute")
	check(p.AwayEnds <= time.Hour, "AwayEnds is longer than an hour")
	check(p.DriftWalks >= 1 && p.DriftWalks <= 100, "DriftWalks is not 1 to 100")
	return errors.Join(errs...)
}
