package ledger

import (
	"context"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// worthNudge is the level from which an escalation asks for a nudge.
const worthNudge = 2

// decideWait is how long ago, by event time, an escalation must be for a decision to
// be missed: one that comes close to another nudge may wait for two minutes.
const decideWait = 3 * time.Minute

// step is a level of an episode.
type step struct {
	episode string
	level   int
}

// ask is an escalation that asks for a nudge.
type ask struct {
	rule schemas.Rule
	at   time.Time
}

// Await is Check, again while only what is told of nudges is still to come, for at
// most limit: the record of one whose notifier was killed while it sent, and what is
// decided about findings that were judged just now.
func (l *Ledger) Await(ctx context.Context, source Source, limit time.Duration) (Report, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for begun := time.Now(); ; {
		report, err := l.Check(ctx, source)
		if err != nil || (report.Unrecorded == 0 && report.Undecided == 0) || time.Since(begun) > limit {
			return report, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return report, nil // of which the rest is missing
		}
	}
}

// nudged compares what reached the wearer's devices with what is recorded, and that
// with what the pure run asks for.
func (c *checker) nudged(ctx context.Context, source Source, q series.Query, found *judged) error {
	stored, err := source.Nudges(ctx, q)
	if err != nil {
		return err
	}
	c.decisions(stored, found)
	r, known := c.report, map[string]bool{}
	for _, n := range stored {
		known[n.ID] = known[n.ID] || n.Status != schemas.ActionHeld
	}
	r.Nudges = len(c.nudges)
	for id, times := range c.nudges {
		if times > 1 {
			r.wrong(&r.DoubledNudges, "nudge %s reached %s %d times", id, c.wearer, times)
		}
		if !known[id] {
			r.wrong(&r.Unrecorded, "nudge %s reached %s, and there is no record of it", id, c.wearer)
		}
	}
	return nil
}

// decisions holds what was decided against the escalations that ask for it: about
// each there is a decision, at most one nudge may have left, and there are no others.
func (c *checker) decisions(stored []Nudge, found *judged) {
	r, decided, left := c.report, map[step]bool{}, map[step]string{}
	for _, n := range stored {
		s := step{n.Episode, n.Level}
		decided[s] = true
		if a, asks := found.asks[s]; !asks || a.rule != n.Rule {
			r.wrong(&r.Baseless, "nudge %s of %s, %s, is about level %d of %s, and there is no such episode", n.ID, c.wearer, n.Status, n.Level, n.Episode)
		}
		switch n.Status {
		case schemas.ActionSent:
			r.Decided++
		case schemas.ActionAmbiguous:
			r.Ambiguous++
		default:
			continue
		}
		if other, again := left[s]; again && other != n.ID {
			r.wrong(&r.Repeated, "nudges %s and %s of %s are about the same level of an episode", other, n.ID, c.wearer)
		}
		left[s] = n.ID
	}
	r.Asked = len(found.asks)
	for s, a := range found.asks {
		if !decided[s] && time.Since(a.at) > decideWait {
			r.wrong(&r.Undecided, "episode %s of %s, %s, came to level %d at %s, and nothing was decided about a nudge",
				s.episode, c.wearer, a.rule, s.level, a.at.Format(time.RFC3339))
		}
	}
}
