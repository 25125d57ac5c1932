package notify

import (
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// Rehearse says which nudges the findings of one wearer, in the order in which
// they would have come, would have given: for each that is worth a nudge one
// decision, sent, or held with the stage and its reason, with the ids that a
// Notifier gives. Each finding is taken to come at once, at its own time, with no
// nudge before the first, and the wearer to answer nothing. It asks the stages of
// a Notifier, and is pure: no clock, no I/O, and findings are left as they are.
//
// A finding that a Notifier would skip as damaged gives nothing, as does what
// comes for the second time.
func Rehearse(findings []schemas.Finding) []schemas.Decision {
	r := rehearsal{findings: findings, known: map[string]bool{}}
	for i, f := range findings {
		if f.Time.After(r.now) { // as live, the time never runs back
			r.until(f.Time)
			r.now = f.Time
		}
		id := nudgeID(f.Episode, f.Level)
		if f.Step != schemas.Escalated || f.Level < worthNudge || r.known[id] || checkFinding(f) != nil {
			continue
		}
		r.known[id] = true
		r.decide(i)
	}
	for len(r.waits.list) > 0 {
		r.again()
	}
	return r.decisions
}

// rehearsal is a Notifier's work without the log, the ledger and the sender.
type rehearsal struct {
	findings  []schemas.Finding
	known     map[string]bool // the nudges that came up
	now       time.Time
	standing  standing
	waits     waits // the number of a message is its finding's index
	decisions []schemas.Decision
}

// until decides about what is due up to a time.
func (r *rehearsal) until(t time.Time) {
	for len(r.waits.list) > 0 && !r.waits.list[0].due.After(t) {
		r.again()
	}
}

func (r *rehearsal) again() {
	w := r.waits.take()
	r.now = w.due
	r.decide(int(w.msg.Seq)) //nolint:gosec // it was an index before
}

// decide is the pure part of Notifier.decide.
func (r *rehearsal) decide(i int) {
	c := candidateOf(r.findings[i], r.now)
	c.standing = r.standing
	if v := c.judge(); v.stage != "" {
		if !v.again.IsZero() && r.waits.add(waiting{due: v.again, finding: c.finding, msg: bus.Msg{Seq: uint64(i)}}) { //nolint:gosec // an index
			return
		}
		r.decisions = append(r.decisions, c.heldBy(v.stage, v.why))
		return
	}
	if why := r.over(i); why != "" {
		r.decisions = append(r.decisions, c.heldBy(overStage, why))
		return
	}
	r.standing.LastNudge = r.now
	r.decisions = append(r.decisions, c.decision(schemas.ActionSent))
}

// over looks at what stands behind a finding, up to now.
func (r *rehearsal) over(i int) string {
	o := outlook{finding: r.findings[i]}
	for _, next := range r.findings[i+1:] {
		if next.Time.After(r.now) || o.see(next) {
			break
		}
	}
	return o.why
}
