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

	// Examples are the first few of each of what must not be, in words.
	Examples []string `json:"examples,omitempty"`
	said     map[*int64]int
}

// mostExamples is how many of one kind are told in words.
const mostExamples = 5

// wrong counts one thing that must not be, and tells the first few.
func (r *Report) wrong(count *int64, format string, args ...any) {
	*count++
	if r.said == nil {
		r.said = map[*int64]int{}
	}
	if r.said[count]++; r.said[count] <= mostExamples {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
	}
}

// Err says what must not be and is, nil where all is well.
func (r *Report) Err() error {
	var words []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Lost, "acknowledged and not stored"},
		{r.Doubled, "stored twice"},
		{r.DoubledNudges, "nudges given twice"},
		{r.Altered, "stored with another content"},
		{r.Strange, "stored and never sent"},
		{r.Missing, "episodes missing"},
		{r.Extra, "episodes too many"},
		{r.Different, "episodes or minutes with another content"},
		{r.Unrecorded, "nudges without a record"},
	} {
		if c.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errors.New(strings.Join(words, ", ") + ": " + strings.Join(r.Examples, "; "))
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
	r.Lost += o.Lost
	r.Doubled += o.Doubled
	r.DoubledNudges += o.DoubledNudges
	r.Altered += o.Altered
	r.Strange += o.Strange
	r.Missing += o.Missing
	r.Extra += o.Extra
	r.Different += o.Different
	r.Unrecorded += o.Unrecorded
	r.Examples = append(r.Examples, o.Examples...)
}
