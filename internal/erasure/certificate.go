package erasure

import (
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Certificate says what an erasure did.
type Certificate struct {
	Org      schemas.ID `json:"org"`
	Wearer   schemas.ID `json:"wearer"`
	Asked    time.Time  `json:"asked"`
	Finished time.Time  `json:"finished"`
	// Before is the time of which, and of all before, the store takes nothing of the
	// wearer any more.
	Before time.Time `json:"before"`

	Store series.Erased `json:"store"` // what the store removed
	Log   LogErased     `json:"log"`   // what was removed from the log
	// Devices are those that the wearer wore; nobody wears them now, as far as it was them.
	Devices []schemas.ID `json:"devices"`
	// Verified is what was looked at afterwards and has nothing of the wearer any more.
	Verified []string `json:"verified"`
	// Remains is what could not be removed, and until when it is there.
	Remains []Remainder `json:"remains"`
}

// LogErased counts messages and entries of the log.
type LogErased struct {
	Findings   int64 `json:"findings"`
	Nudges     int64 `json:"nudges"`     // decisions about nudges
	Replies    int64 `json:"replies"`    // answers on the wearable
	Quarantine int64 `json:"quarantine"` // messages of the devices that were refused
	Ledger     int64 `json:"ledger"`     // nudges that the notifier remembered
	Parameters int64 `json:"parameters"` // sets of parameters of the wearer's own
}

// Remainder is what goes by itself.
type Remainder struct {
	What  string    `json:"what"`
	Until time.Time `json:"until,omitzero"` // zero where no time can be told
}
