package notify

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// overStage is the name of the last stage.
const overStage = "over"

// The look ahead for an episode's end.
const (
	// live is the age by event time up to which a finding waits for nothing: it
	// takes 5 s upright or moving to end a slouch or a lean, 2 min off the seat to
	// end sitting, and a load takes longer than that to fall. Immobility, bending
	// and calibration may be over with the next reading; that is not worth a delay
	// of every nudge.
	live = 3 * time.Second
	// endComes is how long after an older finding, by the time when the log took
	// it, the end of its episode may follow: detection writes all of a buffer in
	// a row, within milliseconds, but a device may send its buffer in several
	// messages. Findings that lie in the log for longer wait no more, so that
	// many buffers at once cost hardly more than one.
	endComes = 300 * time.Millisecond
)

// over holds a nudge about an episode whose end stands behind its finding in
// the log: the ladder stops the moment posture recovers. It is the last stage,
// asked of what would be sent, because it alone looks at the log.
func (n *Notifier) over(ctx context.Context, msg bus.Msg, c *candidate) (why string, err error) {
	if wait := endWait(c, msg.Time); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the end of episode %s: %w", c.finding.Episode, ctx.Err())
		}
	}
	o := outlook{finding: c.finding}
	for from := msg.Seq + 1; ; {
		next, more, err := n.log.NextOn(ctx, schemas.StreamFindings, msg.Subject, from)
		if err != nil || !more {
			return o.why, err //nolint:wrapcheck // it says what it looked for
		}
		// One that cannot be read is counted when its turn comes.
		if f, err := schemas.DecodeFinding(next.Data); err == nil && o.see(f) {
			return o.why, nil
		}
		from = next.Seq + 1
	}
}

// endWait is how long the look ahead waits for what may follow a finding that
// the log took at taken: endComes at most, whatever the clocks say.
func endWait(c *candidate, taken time.Time) time.Duration {
	if c.now.Sub(c.finding.Time) <= live {
		return 0
	}
	return min(endComes, taken.Add(endComes).Sub(c.now))
}

// outlook is what a nudge's finding has behind it in the log.
type outlook struct {
	finding schemas.Finding
	why     string // in words, why a nudge is pointless by now; "" where it is not
}

// see takes the next finding. It is true once nothing can change the outlook.
func (o *outlook) see(next schemas.Finding) (final bool) {
	if next.Episode == o.finding.Episode {
		switch next.Step {
		case schemas.Closed:
			o.why = "it was over before the nudge could come"
			return true
		case schemas.Risen:
			o.why = "the wearer had got up before the nudge could come"
			return true
		case schemas.Opened, schemas.Escalated, schemas.Raised:
		}
	}
	// A load never nudges while a slouch is open. The engine sees to that as it
	// finds it; this is for one that had to wait.
	if o.finding.Rule == schemas.RuleLoad && next.Rule == schemas.RuleSlouch {
		switch next.Step {
		case schemas.Opened:
			o.why = "leaning or slouching had begun, which has a nudge of its own"
		case schemas.Closed:
			o.why = ""
		case schemas.Escalated, schemas.Raised, schemas.Risen:
		}
	}
	return false
}
