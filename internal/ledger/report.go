package ledger

import (
	"errors"
	"fmt"
	"strings"
)

// Report is what a check found. Readings are counted once by (device, boot, seq),
// events among them.
type Report struct {
	Wearers      int   `json:"wearers"`
	Sent         int64 `json:"sent"` // that Sent was told of
	Acknowledged int64 `json:"acknowledged"`
	Stored       int64 `json:"stored"`         // of what was acknowledged, or only sent
	Unconfirmed  int64 `json:"unconfirmed"`    // stored, sent and never acknowledged: allowed
	Late         int64 `json:"late"`           // stored, marked as having come too late to be judged: allowed
	Episodes     int   `json:"episodes"`       // that the pure run has
	Found        int   `json:"episodes_found"` // of them, those that are stored alike
	Minutes      int   `json:"minutes"`        // that the pure run has finished, and their like is stored
	Nudges       int   `json:"nudges"`         // that reached a device, each counted once
	Decided      int   `json:"nudges_sent"`    // that are recorded as sent
	Ambiguous    int   `json:"nudges_ambiguous"`
	Asked        int   `json:"nudges_asked"` // that the pure run asks for; they may be held

	// What must not be.
	Lost          int64 `json:"lost"`            // acknowledged and not stored
	Doubled       int64 `json:"doubled"`         // stored twice
	DoubledNudges int64 `json:"nudges_doubled"`  // reached a device twice
	Altered       int64 `json:"altered"`         // stored with another content
	Strange       int64 `json:"strange"`         // stored and never sent
	Missing       int64 `json:"episodes_missed"` // the pure run has it, and it is not stored
	Extra         int64 `json:"episodes_extra"`  // stored, and the pure run has no such
	Different     int64 `json:"different"`       // episodes and minutes that are stored with another content
	Unrecorded    int64 `json:"nudges_unknown"`  // reached a device, and there is no record of it

	Misplaced int64 `json:"misplaced"`       // stored for another wearer than it was sent for
	Undecided int64 `json:"nudges_missed"`   // escalations that ask for a nudge, and nothing was decided
	Repeated  int64 `json:"nudges_repeated"` // left under two ids about the same level of an episode
	Baseless  int64 `json:"nudges_baseless"` // decided about what the pure run does not ask for

	// Examples are the first few of each of what must not be, in words.
	Examples []string `json:"examples,omitempty"`
	kinds    []*int64 // of the examples
}

// mostExamples is how many of one kind are told in words.
const mostExamples = 3

// wrong counts one thing that must not be, and tells the first few.
func (r *Report) wrong(count *int64, format string, args ...any) {
	*count++
	if *count <= mostExamples {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
		r.kinds = append(r.kinds, count)
	}
}

// bad are the counts of what must not be, with words for each.
func (r *Report) bad() []bad {
	return []bad{
		{&r.Lost, "acknowledged and not stored"},
		{&r.Doubled, "stored twice"},
		{&r.DoubledNudges, "nudges given twice"},
		{&r.Altered, "stored with another content"},
		{&r.Strange, "stored and never sent"},
		{&r.Missing, "episodes missing"},
		{&r.Extra, "episodes too many"},
		{&r.Different, "episodes or minutes with another content"},
		{&r.Unrecorded, "nudges without a record"},
		{&r.Misplaced, "stored for the wrong wearer"},
		{&r.Undecided, "escalations without a decision about a nudge"},
		{&r.Repeated, "nudges again under another id"},
		{&r.Baseless, "nudges about episodes that are not there"},
	}
}

type bad struct {
	count *int64
	words string
}

// Err says what must not be and is, nil where all is well.
func (r *Report) Err() error {
	var words []string
	for _, b := range r.bad() {
		if *b.count > 0 {
			words = append(words, fmt.Sprintf("%d %s", *b.count, b.words))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errors.New(strings.Join(words, ", ") + ": " + strings.Join(r.Examples, "; "))
}

// mostLate is the share of the readings that may have come too late to be judged
// where devices send in order; without faults none does.
const mostLate = 0.01

// Proves says why a report proves nothing though nothing in it is wrong, where
// devices sent in order and long enough to be nudged: nil is a proof. What is not
// judged cannot be judged wrongly.
func (r *Report) Proves() error {
	var words []string
	if share := float64(r.Late) / float64(max(r.Acknowledged, 1)); share > mostLate {
		words = append(words, fmt.Sprintf("%d of %d readings came too late to be judged, more than %.0f %%", r.Late, r.Acknowledged, 100*mostLate))
	}
	for _, c := range []struct {
		count int
		words string
	}{
		{r.Episodes, "the pure run has no episodes"},
		{r.Found, "no episode is stored as expected"},
		{r.Minutes, "no minute is stored as expected"},
		{r.Asked, "the pure run asks for no nudge"},
		{r.Decided, "no nudge was sent"},
		{r.Nudges, "no nudge was received"},
	} {
		if c.count == 0 {
			words = append(words, c.words)
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errors.New("this proves nothing: " + strings.Join(words, ", "))
}

// add sums another report, of other wearers.
func (r *Report) add(o *Report) {
	r.Wearers += o.Wearers
	r.Acknowledged += o.Acknowledged
	r.Stored += o.Stored
	r.Unconfirmed += o.Unconfirmed
	r.Late += o.Late
	r.Episodes += o.Episodes
	r.Found += o.Found
	r.Minutes += o.Minutes
	r.Nudges += o.Nudges
	r.Decided += o.Decided
	r.Ambiguous += o.Ambiguous
	r.Asked += o.Asked
	sum, part := r.bad(), o.bad()
	for i := range sum {
		for j, kind := range o.kinds {
			if kind != part[i].count || *sum[i].count >= mostExamples {
				continue
			}
			r.Examples = append(r.Examples, o.Examples[j])
		}
		*sum[i].count += *part[i].count
	}
}
