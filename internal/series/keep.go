package series

import (
	"errors"
	"fmt"
	"time"

	"sitwell/schemas"
)

// Class is what is kept for the same time.
type Class string

// The classes.
const (
	Raw     Class = "raw"     // readings, events of devices, late marks
	Rollups Class = "rollups" // a wearer's minutes
	Events  Class = "events"  // findings, episodes, decisions about nudges
	Office  Class = "office"  // aggregates
)

// Classes are all of them.
func Classes() []Class { return []Class{Raw, Rollups, Events, Office} }

// Retention is for how long each class is kept.
type Retention map[Class]time.Duration

const day = 24 * time.Hour

// DefaultRetention is 30 days of readings, 400 of rollups, 90 of findings and nudges
// and two years of the office's aggregates.
func DefaultRetention() Retention {
	return Retention{Raw: 30 * day, Rollups: 400 * day, Events: 90 * day, Office: 731 * day}
}

// Validate reports a class that is missing, unknown, or kept for less than a day.
func (r Retention) Validate() error {
	var errs []error
	for _, c := range Classes() {
		if r[c] < day {
			errs = append(errs, fmt.Errorf("retention: %s is kept for %v; a day is the least", c, r[c]))
		}
	}
	if len(errs) == 0 && len(r) > len(Classes()) {
		errs = append(errs, fmt.Errorf("retention: only %v are kept", Classes()))
	}
	return errors.Join(errs...)
}

// Cut is the start of the oldest UTC day of a class that is kept at a time.
func (r Retention) Cut(c Class, now time.Time) time.Time {
	return now.Add(-r[c]).UTC().Truncate(day)
}

// Extent is the range of UTC days in which something of a wearer is stored, To not
// included.
type Extent struct {
	Org, Wearer schemas.ID
	From, To    time.Time
}

// Erased counts what an erasure removed.
type Erased struct {
	Readings  int64 `json:"readings"`
	Rollups   int64 `json:"rollups"`
	Episodes  int64 `json:"episodes"`
	Findings  int64 `json:"findings"`
	Decisions int64 `json:"decisions"`
}
