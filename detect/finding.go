package detect

import (
	"math"
	"time"

	"sitwell/schemas"
)

// proof is the reading or event at which something is found, and where to tell it.
type proof struct {
	w   *Wearer
	seq uint64
	iv  *interval // that it ends; of an event, an interval of no length
	out *Output
}

// found is what a rule says of its episode; proof.find makes a finding of it.
type found struct {
	rule     schemas.Rule
	level    int
	severity schemas.Severity
	cause    schemas.Cause
	outcome  schemas.Outcome
	start    int64 // event time, ms
	end      int64 // the same, if outcome is set
	ms       int64 // how long it has lasted
	flexion  float64
	values   []value
}

// value is a number that tripped a rule; its unit is in its name.
type value struct {
	name string
	v    float64
}

// findBoth gives out that an episode opens at a level of more than 1.
func (pr *proof) findBoth(f found) {
	level, severity := f.level, f.severity
	f.level, f.severity = 1, schemas.Mild
	pr.find(schemas.Opened, f)
	f.level, f.severity = level, severity
	pr.find(schemas.Escalated, f)
}

// find completes a finding of a rule and gives it out.
func (pr *proof) find(step schemas.Step, found found) {
	w := pr.w
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, Org: w.org, Wearer: w.wearer, Device: w.device,
		Rule: found.rule, Step: step, Level: found.level, Severity: found.severity, Cause: found.cause,
		Start: eventTime(found.start), Time: eventTime(pr.iv.to), Seconds: seconds(found.ms), FlexionDeg: found.flexion,
		Boot: w.boot, Seq: pr.seq, Receipt: pr.receipt(&found),
	}
	if found.outcome != "" {
		f.Outcome, f.End = found.outcome, eventTime(found.end)
	}
	f.Episode = schemas.EpisodeID(w.org, w.wearer, f.Rule, f.Start)
	f.ID = schemas.FindingID(f.Episode, step, f.Level, f.Severity)
	pr.out.Findings = append(pr.out.Findings, f)
}

func eventTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func seconds(ms int64) float64 { return float64(ms) / 1000 }

// tenth rounds to the tenth of a degree that readings have, thousandth to what a
// share is told to.
func tenth(deg float64) float64       { return math.Round(deg*10) / 10 }
func thousandth(part float64) float64 { return math.Round(part*1000) / 1000 }
