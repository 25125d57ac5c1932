package record

import (
	"fmt"
	"math"
	"time"

	"sitwell/schemas"
)

// The years that every store can hold.
var (
	firstYear = time.Unix(0, 0)
	lastYear  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func storable(t time.Time) bool { return t.After(firstYear) && t.Before(lastYear) }

// The bounds of a rollup's numbers. Seconds and load may be over by a thousandth,
// which is what a store resolves.
const (
	mostSeconds = 60.001          // in a minute
	mostDegrees = 180             // of flexion, to either side
	mostLoad    = 1.001           // the budget is 1
	mostTimes   = 60              // breaks, shifts: one each second
	mostBout    = math.MaxFloat32 // a device left on a chair sits on and on
)

// checkRollup refuses a minute whose numbers cannot be. No comparison holds for what is
// no number, so that is refused, too.
func checkRollup(r *schemas.Rollup) error {
	if r.Org.IsZero() || r.Wearer.IsZero() || !storable(time.Unix(r.Minute*60, 0)) {
		return fmt.Errorf("%w: rollup of minute %d of %q/%q", errInvalid, r.Minute, r.Org, r.Wearer)
	}
	for _, c := range []struct {
		name               string
		value, least, most float32
	}{
		{"sitting_s", r.Sitting, 0, mostSeconds},
		{"standing_s", r.Standing, 0, mostSeconds},
		{"moving_s", r.Moving, 0, mostSeconds},
		{"not_worn_s", r.NotWorn, 0, mostSeconds},
		{"upright_s", r.Upright, 0, mostSeconds},
		{"slouched_s", r.Slouched, 0, mostSeconds},
		{"lean_left_s", r.LeanLeft, 0, mostSeconds},
		{"lean_right_s", r.LeanRight, 0, mostSeconds},
		{"bent_s", r.Bent, 0, mostSeconds},
		{"flexion_deg", r.Flexion, -mostDegrees, mostDegrees},
		{"flexion_p95_deg", r.FlexionP95, -mostDegrees, mostDegrees},
		{"load_peak", r.LoadPeak, 0, mostLoad},
		{"breaks", float32(r.Breaks), 0, mostTimes},
		{"shifts", float32(r.Shifts), 0, mostTimes},
		{"bout_s", r.Bout, 0, mostBout},
	} {
		if !(c.value >= c.least && c.value <= c.most) {
			return fmt.Errorf("%w: %s is %v in the rollup of minute %d of %s/%s", errInvalid, c.name, c.value, r.Minute, r.Org, r.Wearer)
		}
	}
	return nil
}

// checkLate refuses a mark that covers nothing, or nobody's readings.
func checkLate(l *schemas.Late) error {
	switch {
	case l.Org.IsZero() || l.Wearer.IsZero() || l.Device.IsZero():
	case l.First > l.Last || l.Last > schemas.MaxSeq:
	case l.From > l.To || !storable(time.UnixMilli(l.From)) || !storable(time.UnixMilli(l.To)):
	default:
		return nil
	}
	return fmt.Errorf("%w: late mark of %d to %d, at %d to %d ms, of device %q of %q/%q", errInvalid, l.First, l.Last, l.From, l.To, l.Device, l.Org, l.Wearer)
}
