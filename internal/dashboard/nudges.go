package dashboard

import (
	"context"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// nudgeView is one nudge and what followed it, joined of its decisions.
type nudgeView struct {
	ID      string       `json:"id"`
	Episode string       `json:"episode"`
	Rule    schemas.Rule `json:"rule"`
	Level   int          `json:"level"`
	Time    time.Time    `json:"time"`
	// Status is sent, ambiguous (the send was not confirmed) or held.
	Status schemas.Action `json:"status"`
	Text   string         `json:"text,omitempty"`
	Reason string         `json:"reason,omitempty"`
	HeldBy string         `json:"held_by,omitempty"`
	Why    string         `json:"why,omitempty"` // it was held

	Reply       string     `json:"reply,omitempty"` // the last one
	RepliedAt   *time.Time `json:"replied_at,omitempty"`
	CorrectedAt *time.Time `json:"corrected_at,omitempty"`
	// CorrectionS is the time from the nudge to the correction in seconds.
	CorrectionS *float64        `json:"correction_s,omitempty"`
	Outcome     schemas.Outcome `json:"outcome,omitempty"`
}

// followUp is how long after a range what followed its nudges is looked for.
const followUp = 2 * time.Hour

// joinedNudges are the nudges decided in a range, by time, and how many breaks
// came in it that nobody had to ask for.
func (d *Dashboard) joinedNudges(ctx context.Context, q series.Query) (nudges []nudgeView, unprompted int, err error) {
	wide := q
	wide.To = q.To.Add(followUp)
	decisions, err := d.Store.Decisions(ctx, wide)
	if err != nil {
		return nil, 0, err
	}
	nudges, unprompted = join(decisions, q.To)
	return nudges, unprompted, nil
}

// join makes nudges of decisions, which are ordered by time. A nudge counts where
// it was first decided; those from before the decisions begin, of which only a
// reply or a correction is there, and those from until on are left out.
func join(decisions []schemas.Decision, until time.Time) (nudges []nudgeView, unprompted int) {
	nudges = []nudgeView{}
	index := map[string]int{}
	for i := range decisions {
		dec := &decisions[i]
		at, known := index[dec.Nudge]
		switch dec.Action {
		case schemas.ActionCounted:
			if dec.Time.Before(until) {
				unprompted++
			}
			continue
		case schemas.ActionSent, schemas.ActionAmbiguous, schemas.ActionHeld:
			if !known && dec.Time.Before(until) {
				index[dec.Nudge] = len(nudges)
				nudges = append(nudges, decided(dec))
			} else if known && nudges[at].Status == schemas.ActionHeld {
				nudges[at] = decided(dec) // held at first, decided anew later
			}
			continue
		case schemas.ActionReplied, schemas.ActionCorrected:
		}
		if known {
			nudges[at].follow(dec)
		}
	}
	slices.SortStableFunc(nudges, func(a, b nudgeView) int { return a.Time.Compare(b.Time) })
	return nudges, unprompted
}

func decided(dec *schemas.Decision) nudgeView {
	return nudgeView{
		ID: dec.Nudge, Episode: dec.Episode, Rule: dec.Rule, Level: dec.Level, Time: dec.Time, Status: dec.Action,
		Text: dec.Text, Reason: dec.Reason, HeldBy: dec.HeldBy, Why: dec.Why,
	}
}

func (n *nudgeView) follow(dec *schemas.Decision) {
	at := dec.Time
	if dec.Action == schemas.ActionReplied {
		n.Reply, n.RepliedAt = dec.Reply, &at
		return
	}
	n.CorrectedAt, n.CorrectionS, n.Outcome = &at, &dec.Seconds, dec.Outcome
}
