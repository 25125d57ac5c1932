package tuning

import (
	"encoding/json"
	"fmt"
	"time"

	"sitwell/schemas"
)

// lead is how long past schemas.MaxAhead a change waits until it counts. It
// covers stale, by which a copy may lag behind the log, and as much again for
// clocks that differ.
const lead = 10 * time.Second

// stale is how much older than a record the knowledge of changes may be by which
// it is judged: that spares a question to the server for each record.
const stale = lead / 2

// Revision is a scope's overrides as they were set at some time.
type Revision struct {
	// Number counts the changes of the scope, from 1.
	Number int `json:"number"`
	// Set is all overrides of the scope from then on, as detect.Params.Get
	// writes them; it may be empty.
	Set map[string]string `json:"set"`
	// At is when the log took the change, by the server's clock.
	At time.Time `json:"at"`
	// From is the event time from which it counts.
	From time.Time `json:"from"`
	// By is who made the change, or "".
	By string `json:"by,omitempty"`
}

// countsFrom is the event time from which a change counts that the log took at
// a time: no reading in a record taken before the change was known can have this
// time or a later one. It is a whole second, for people.
func countsFrom(at time.Time) time.Time {
	from := at.Add(schemas.MaxAhead + lead)
	if whole := from.Truncate(time.Second); whole.Before(from) {
		return whole.Add(time.Second)
	}
	return from
}

// stored is a revision in the bucket. The last one of a value has no times: they
// are those of the entry itself, which only the server knows. The next change
// writes them down.
type stored struct {
	Number int               `json:"number"`
	Set    map[string]string `json:"set"`
	At     time.Time         `json:"at,omitzero"`
	From   time.Time         `json:"from,omitzero"`
	By     string            `json:"by,omitempty"`
}

// encode is a key's value; the last revision has not been taken yet.
func encode(revisions []Revision) ([]byte, error) {
	list := make([]stored, len(revisions))
	for i, r := range revisions {
		list[i] = stored(r)
	}
	last := &list[len(list)-1]
	last.At, last.From = time.Time{}, time.Time{}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode parameters: %w", err)
	}
	return b, nil
}

// decode is the revisions of a value that the log took at a time.
func decode(value []byte, taken time.Time) ([]Revision, error) {
	var list []stored
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, fmt.Errorf("decode parameters: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("decode parameters: no revisions in it")
	}
	revisions := make([]Revision, len(list))
	for i, s := range list {
		if i == len(list)-1 {
			s.At = taken.UTC()
			s.From = countsFrom(s.At)
		}
		if s.Number != i+1 || s.At.IsZero() || s.From.IsZero() {
			return nil, fmt.Errorf("decode parameters: revision %d of %d has the number %d, was written at %s and counts from %s",
				i+1, len(list), s.Number, s.At.Format(time.RFC3339), s.From.Format(time.RFC3339))
		}
		if s.Set == nil {
			s.Set = map[string]string{}
		}
		revisions[i] = Revision(s)
	}
	return revisions, nil
}
