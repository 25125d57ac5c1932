package detect

import (
	"cmp"
	"math"
	"slices"
	"time"

	"sitwell/schemas"
)

// Revision is a version of a wearer's parameters that counts from an event time
// on, until the next one does.
type Revision struct {
	Version string    // its name in receipts
	From    time.Time // the first reading it is for; zero is always
	Params  *Params
}

// DefaultVersion names parameters that nobody has changed.
const DefaultVersion = "default"

// Timeline is which parameters a wearer is judged by at which event time. It
// does not change: a new revision makes a new timeline, which Wearer.Follow
// takes. Any number of wearers and goroutines may share one.
type Timeline struct{ plans []plan }

// NewTimeline orders revisions by their time. Before the first one, its
// parameters count, too. It must get at least one; all of them must be valid.
func NewTimeline(revisions ...Revision) *Timeline {
	t := &Timeline{}
	for _, r := range revisions {
		t.plans = append(t.plans, compile(r))
	}
	slices.SortStableFunc(t.plans, func(a, b plan) int { return cmp.Compare(a.from, b.from) })
	t.plans[0].from = math.MinInt64
	for i := range t.plans {
		t.plans[i].until = math.MaxInt64
		if i+1 < len(t.plans) {
			t.plans[i].until = t.plans[i+1].from
		}
	}
	return t
}

// Always is a timeline of one set of parameters under the name DefaultVersion.
func Always(p *Params) *Timeline {
	return NewTimeline(Revision{Version: DefaultVersion, Params: p})
}

// At is the revision in force at a time.
func (t *Timeline) At(at time.Time) (version string, p *Params) {
	pl := t.plan(at.UnixMilli())
	return pl.version, pl.Params
}

// Revisions are the timeline's parameters, by the time from which they count. The
// first one counts always, so its From is zero.
func (t *Timeline) Revisions() []Revision {
	list := make([]Revision, len(t.plans))
	for i := range t.plans {
		p := &t.plans[i]
		list[i] = Revision{Version: p.version, Params: p.Params}
		if p.from != math.MinInt64 {
			list[i].From = time.UnixMilli(p.from).UTC()
		}
	}
	return list
}

// plan is the parameters in force at an event time in ms.
func (t *Timeline) plan(at int64) *plan {
	for i := len(t.plans) - 1; i > 0; i-- {
		if at >= t.plans[i].from {
			return &t.plans[i]
		}
	}
	return &t.plans[0]
}

// plan is a revision as the engine uses it: in the integers of readings, times in
// milliseconds and angles in tenths of a degree.
type plan struct {
	*Params
	version     string
	from, until int64 // event time, ms

	disorder, patience, hold, gapEnds, bridgeMax, offlineAfter, window, calibrateFor int64
	slouchClear, slouchOpen, slouchNudge                                             int64
	sitting                                                                          [3]int64
	awayIgnored, awayEnds, breakMoving, breakAfter                                   int64
	stillFor, leanFor, leanFarFor, hydrationEvery, rewearAfter, driftFor             int64

	slouch, upright, curve, curveClear, leanBack, lean, leanFar, shift, drift int16
	movingSquare                                                              float64 // mg^2
	bends                                                                     int     // in ten minutes
}

func compile(r Revision) plan {
	p := r.Params
	ms := time.Duration.Milliseconds
	from := int64(math.MinInt64)
	if !r.From.IsZero() {
		from = r.From.UnixMilli()
	}
	limit := p.MovingG * 1000
	return plan{
		Params: p, version: r.Version, from: from,
		disorder: ms(p.Disorder), patience: ms(p.Patience), hold: ms(p.Hold), gapEnds: ms(p.GapEnds), bridgeMax: ms(p.BridgeMax),
		offlineAfter: ms(p.OfflineAfter), window: ms(p.MotionWindow), calibrateFor: ms(p.CalibrateFor),
		slouchClear: ms(p.SlouchClear), slouchOpen: ms(p.SlouchOpen), slouchNudge: ms(p.SlouchNudge),
		sitting:     [3]int64{ms(p.SittingLevels[0]), ms(p.SittingLevels[1]), ms(p.SittingLevels[2])},
		awayIgnored: ms(p.AwayIgnored), awayEnds: ms(p.AwayEnds), breakMoving: ms(p.BreakMoving), breakAfter: ms(p.BreakAfter),
		stillFor: ms(p.StillFor), leanFor: ms(p.LeanFor), leanFarFor: ms(p.LeanFarFor),
		hydrationEvery: ms(p.HydrationEvery), rewearAfter: ms(p.RewearAfter), driftFor: ms(p.DriftFor),
		slouch: schemas.Tenths(p.SlouchDeg), upright: schemas.Tenths(p.UprightDeg),
		curve: schemas.Tenths(p.CurveDeg), curveClear: schemas.Tenths(p.CurveClearDeg),
		leanBack: schemas.Tenths(p.LeanBackDeg), lean: schemas.Tenths(p.LeanDeg), leanFar: schemas.Tenths(p.LeanFarDeg),
		shift: schemas.Tenths(p.ShiftDeg), drift: schemas.Tenths(p.DriftDeg),
		movingSquare: limit * limit, bends: int(math.Ceil(10 * p.BendsPerMinute)),
	}
}
