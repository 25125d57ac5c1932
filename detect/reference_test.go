package detect

import (
	"time"

	"sitwell/schemas"
)

// The reference is the specification written down a second time, slowly: it has
// a wearer's whole day in hand and goes over all of it once for each rule, in
// floating-point numbers and lists. It shares no code with the engine but the
// parameters. It takes the items in the order in which they are to be judged,
// each once.

// refDay is a day under judgement.
type refDay struct {
	timeline *Timeline
	items    []refItem
	spans    []refSpan // one for each reading: the interval that it ends
	found    map[schemas.Rule][]schemas.Finding

	// Where the load or the hold is this close to a limit, rounding decides: the
	// engine keeps them in 24 bits.
	loadSlack, holdSlack float64

	contradictions int
	stale          []bool // of each reading: its zero is no longer trusted

	// What a rule leaves for those behind it, for each reading.
	slouches []bool    // a slouch episode is open
	load     []float64 // the load budget
	hold     []float64 // the share of the holding time
	bout     []int64   // length of the sitting bout, ms
	counted  []bool    // a bout ended by a break that counts
	shifts   map[int64]int
}

// refItem is an item and the run of the device it belongs to.
type refItem struct {
	schemas.Item
	device schemas.ID
	boot   uint32
}

// ofOneRun is items as batch sends them.
func ofOneRun(list []schemas.Item) (all []refItem) {
	for _, it := range list {
		all = append(all, refItem{it, chest, 7})
	}
	return all
}

// refSample is what one reading says, angles in tenths of a degree.
type refSample struct {
	at                    int64 // event time, ms
	item                  int   // its place among the items
	worn                  bool
	shown, fitted         bool
	flexion, lean, curve  int
	curveKnown            bool
	zero                  *[3]int16  // that the angles of acc_g are against
	byDefinition          [2]float64 // what they should be
	moving, motionKnown   bool
	sitting, sittingKnown bool
	sittingS              int64
	counts                bool // sittingS is known
	none                  bool // there was no reading
	takenOff              bool // an event took the device off behind it
}

func (s *refSample) judged() bool {
	known := !s.moving
	if !s.motionKnown {
		known = s.sitting || !s.sittingKnown
	}
	return s.worn && s.fitted && known
}

func (s *refSample) moves() bool        { return s.worn && s.motionKnown && s.moving }
func (s *refSample) tellsPosture() bool { return s.judged() || s.moves() }
func (s *refSample) tellsSitting() bool { return s.worn && s.sittingKnown }
func (s *refSample) sits() bool         { return s.tellsSitting() && s.sitting }

// sideways is the lean that counts: that of a trunk which stands more than it lies.
func (s *refSample) sideways() float64 {
	if s.flexion > 600 || s.flexion < -100 {
		return 0
	}
	return inDegrees(s.lean)
}

// walks reports whether the wearer walks about upright, as far as acc_g tells.
func (s *refSample) walks() bool {
	return s.moves() && !s.sits() && s.zero != nil &&
		max(s.flexion, -s.flexion) <= 450 && max(s.lean, -s.lean) <= 450
}

// inDegrees is an angle as people and parameters have it.
func inDegrees(tenths int) float64 { return float64(tenths) / 10 }

// refSpan is the interval between two readings, and the parameters at its end.
type refSpan struct {
	from, to, ms  int64
	held          bool
	before, after refSample
	p             *Params
}

// refJudge judges a whole day. What cannot be known from given angles, which is
// all that a device with acc_g leaves to be derived, it takes from the postures.
func refJudge(t *Timeline, items []refItem, postures []Posture) *refDay {
	return refJudgeWithin(t, items, postures, 0, 0)
}

func refJudgeWithin(t *Timeline, items []refItem, postures []Posture, loadSlack, holdSlack float64) *refDay {
	d := &refDay{timeline: t, items: items, loadSlack: loadSlack, holdSlack: holdSlack, found: map[schemas.Rule][]schemas.Finding{}, shifts: map[int64]int{}}
	samples := d.samples(postures)
	d.zeros(samples)
	before := refSample{none: true}
	for i, s := range samples {
		sp := refSpan{from: before.at, to: s.at, before: before, after: s}
		if i == 0 {
			sp.from = s.at
		}
		_, sp.p = t.At(time.UnixMilli(s.at))
		sp.ms = sp.to - sp.from
		sp.held = sp.ms <= sp.p.Hold.Milliseconds()
		d.spans = append(d.spans, sp)
		before = s
		before.worn = s.worn && !s.takenOff
	}
	d.slouch()
	d.loadBudget()
	d.holding()
	d.severity()
	d.sitting()
	d.immobility()
	d.leaning()
	d.sudden()
	d.bending()
	d.hydration()
	d.offline()
	d.battery()
	return d
}

// tell keeps a finding that an item proves at an event time.
func (d *refDay) tell(item int, at int64, f schemas.Finding) {
	it := d.items[item]
	f.Schema, f.Org, f.Wearer, f.Device = schemas.SchemaFinding, org, person, it.device
	f.Boot, f.Seq, f.Time = it.boot, it.Seq, refTime(at)
	if f.Severity == 0 {
		f.Severity = schemas.Severity(f.Level)
	}
	f.Episode = schemas.EpisodeID(org, person, f.Rule, f.Start)
	f.ID = schemas.FindingID(f.Episode, f.Step, f.Level, f.Severity)
	d.found[f.Rule] = append(d.found[f.Rule], f)
}

// at is tell for the reading that ends a span.
func (d *refDay) at(sp *refSpan, f schemas.Finding) { d.tell(sp.after.item, sp.to, f) }

// nudge opens an episode and says at once that it is worth a nudge.
func (d *refDay) nudge(sp *refSpan, f schemas.Finding) {
	f.Step, f.Level = schemas.Opened, 1
	d.at(sp, f)
	f.Step, f.Level = schemas.Escalated, 2
	d.at(sp, f)
}

func refTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func refSeconds(ms int64) float64 { return float64(ms) / 1000 }

// refDark says of a span whether nobody knows what was in it: since when, and
// whether that piece is over GapEnds by now, and was not before.
type refDark struct {
	dark, over, first bool
	from              int64
}

// blind finds the pieces of a day of which nothing is known; what tells is what
// a rule must learn from the reading before a span.
func (d *refDay) blind(tells func(*refSample) bool, skip func(*refSpan) bool) []refDark {
	all := make([]refDark, len(d.spans))
	open := refDark{}
	for i := range d.spans {
		sp := &d.spans[i]
		switch {
		case skip != nil && skip(sp):
			all[i] = refDark{}
		case sp.held && tells(&sp.before):
			all[i] = refDark{}
		default:
			if !open.dark {
				open = refDark{dark: true, from: sp.from}
			}
			over := sp.to-open.from > sp.p.GapEnds.Milliseconds()
			open.first = over && !open.over
			open.over = over
			all[i] = open
		}
		if tells(&sp.after) {
			open = refDark{}
		}
	}
	return all
}

// refStretch is time in which an episode may be ending.
type refStretch struct{ from, ms, moved int64 }

func (s *refStretch) add(sp *refSpan) {
	if s.ms == 0 {
		s.from = sp.from
	}
	s.ms += sp.ms
	if sp.before.moves() {
		s.moved += sp.ms
	}
}

// outcome is how the stretch was spent, for the most part.
func (s *refStretch) outcome() schemas.Outcome {
	if s.moved > s.ms-s.moved {
		return schemas.Moved
	}
	return schemas.Recovered
}

// howItEnded is the outcome of an episode that ends with a span.
func howItEnded(sp *refSpan, dark refDark) schemas.Outcome {
	switch {
	case dark.dark:
		return schemas.Unknown
	case sp.before.moves():
		return schemas.Moved
	}
	return schemas.Recovered
}
