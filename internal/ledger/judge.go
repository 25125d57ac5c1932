package ledger

import (
	"cmp"
	"slices"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// judged is what a pure run finds.
type judged struct {
	episodes map[string]*series.Episode
	told     map[string]told
	asks     map[step]ask
	minutes  map[int64]schemas.Rollup // that are finished
	open     int64                    // the minute that is not
}

// told is which finding of an episode told its flexion and its cause.
type told struct{ flexion, cause int }

// judge runs the engine over the readings: one run of a device after the other,
// each in the order of its sequence.
func (c *checker) judge() *judged {
	type name struct {
		device schemas.ID
		boot   uint32
	}
	begins := map[name]int64{}
	for i := range c.judged {
		r := &c.judged[i]
		n := name{r.Device, r.Boot}
		if at, known := begins[n]; !known || r.Time < at {
			begins[n] = r.Time
		}
	}
	slices.SortFunc(c.judged, func(a, b series.Reading) int {
		m, n := name{a.Device, a.Boot}, name{b.Device, b.Boot}
		return cmp.Or(cmp.Compare(begins[m], begins[n]), m.device.Compare(n.device), cmp.Compare(m.boot, n.boot), cmp.Compare(a.Seq, b.Seq))
	})
	w := detect.NewWearer(c.org, c.wearer, timeline())
	j := &judged{episodes: map[string]*series.Episode{}, told: map[string]told{}, asks: map[step]ask{}, minutes: map[int64]schemas.Rollup{}}
	var out detect.Output
	for i := range c.judged {
		r := &c.judged[i]
		out.Reset()
		// Retrace, as it is known that all of them were judged, and in which order.
		w.Retrace(&schemas.Batch{
			Org: c.org, Wearer: c.wearer, Device: r.Device, Boot: r.Boot, Received: r.Time, Items: []schemas.Item{r.Item},
		}, &out)
		j.take(&out)
	}
	if open, ok := w.OpenMinute(); ok {
		j.open = open.Minute
	}
	return j
}

func (j *judged) take(out *detect.Output) {
	for i := range out.Rollups {
		j.minutes[out.Rollups[i].Minute] = out.Rollups[i]
	}
	for i := range out.Findings {
		j.finding(&out.Findings[i])
	}
}

// finding puts a finding into its episode, as a store does: the highest level and
// severity, and flexion and cause of the first, by rank, that tells them.
func (j *judged) finding(f *schemas.Finding) {
	e := j.episodes[f.Episode]
	if e == nil {
		e = &series.Episode{ID: f.Episode, Rule: f.Rule, Start: f.Start}
		j.episodes[f.Episode] = e
		j.told[f.Episode] = told{closes + 1, closes + 1}
	}
	if f.Step == schemas.Escalated && f.Level >= worthNudge {
		j.asks[step{f.Episode, f.Level}] = ask{f.Rule, f.Time}
	}
	e.Level, e.Severity = max(e.Level, f.Level), max(e.Severity, f.Severity)
	n, t := rank(f), j.told[f.Episode]
	if f.FlexionDeg != 0 && n < t.flexion {
		e.FlexionDeg, t.flexion = f.FlexionDeg, n
	}
	if f.Cause != "" && n < t.cause {
		e.Cause, t.cause = f.Cause, n
	}
	j.told[f.Episode] = t
	switch {
	case f.Step == schemas.Closed:
		e.End, e.Outcome, e.Seconds = f.End, f.Outcome, f.Seconds
		if e.End.IsZero() {
			e.End = f.Time
		}
	case e.End.IsZero():
		e.Seconds = max(e.Seconds, f.Seconds)
	}
}

// closes is the greatest rank.
const closes = 999

// rank orders the findings of an episode. The store has the like; it is written
// here again on purpose, so that the oracle does not ask what it examines.
func rank(f *schemas.Finding) int {
	switch f.Step {
	case schemas.Opened:
		return 0
	case schemas.Escalated:
		return f.Level
	case schemas.Risen:
		return 100 + f.Level
	case schemas.Raised:
		return 200 + int(f.Severity)
	case schemas.Closed:
	}
	return closes
}
