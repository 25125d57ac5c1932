package detect

import "sitwell/schemas"

// Thresholds of rule R7. None was found that is validated: they are for
// awareness, not for telling an injury. [D]
const (
	suddenAfter  = 10_000 // ms without moving before it
	suddenRate   = 180    // degrees a second
	suddenAcc    = 1000   // thousandths of g off 1 g
	suddenWithin = 300    // ms
	fastTwist    = 50     // degrees a second
	fastElse     = 60
	fastRange    = 15  // degrees
	fastFor      = 200 // ms
)

// jerk is what a device's event of a sudden movement is: sudden, fast, or
// nothing. What the device does not say counts as fulfilled, because it has
// found the movement worth an event.
func jerk(e *schemas.Event) (cause schemas.Cause, severity schemas.Severity, ok bool) {
	if (e.PeakRate >= suddenRate || e.PeakAcc >= suddenAcc) && e.Lasted <= suddenWithin {
		return schemas.Sudden, schemas.Severe, true
	}
	rate := uint16(fastElse)
	if e.Axis == schemas.Twist {
		rate = fastTwist
	}
	if e.PeakRate >= rate && e.Range >= fastRange && (e.Lasted == 0 || e.Lasted >= fastFor) {
		return schemas.Fast, schemas.Mild, true
	}
	return "", 0, false
}

// startle is rule R7: a fast or sudden movement of somebody who held still, which
// nobody does right after one. It is over as soon as it was.
func (pr *proof) startle(e *schemas.Event) {
	cause, severity, ok := jerk(e)
	if !ok || int64(pr.w.rules.Signals.Quiet) < suddenAfter {
		return
	}
	pr.w.rules.Signals.Quiet = 0
	f := found{
		rule: schemas.RuleSudden, level: 1, severity: severity, cause: cause, start: pr.iv.to,
		values: []value{
			{"peak_dps", float64(e.PeakRate)}, {"range_deg", float64(e.Range)}, {"duration_ms", float64(e.Lasted)}, {"peak_off_1g", float64(e.PeakAcc) / 1000},
		},
	}
	pr.find(schemas.Opened, f)
	f.outcome, f.end = schemas.Momentary, pr.iv.to
	pr.find(schemas.Closed, f)
}
