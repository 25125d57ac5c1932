package schemas

import "time"

// Receipt explains a finding: judging the readings From to To again, beginning
// with State and under the parameters of that time, gives the same finding, bit
// for bit, on the same architecture.
type Receipt struct {
	Engine     int    `json:"engine"`         // version of the engine
	Arch       string `json:"arch,omitempty"` // kind of processor, such as amd64, of whose arithmetic the last digits are
	RuleNumber string `json:"rule"`           // of the rule in the engine's documentation, such as R1
	Version    int    `json:"version"`        // of the rule
	Parameters string `json:"parameters"`     // the version of the parameters, "default" where nothing was changed
	// Limits are the rule's own parameters, by their keys.
	Limits map[string]string `json:"limits"`
	// Values are what tripped it; the unit is in the name.
	Values map[string]float64 `json:"values"`

	// From is the first reading that is judged again and To the one that proved the
	// finding. From is at or before the first reading of the episode, because the
	// engine only now and then notes its state.
	From Place `json:"from"`
	To   Place `json:"to"`
	// Zero is the calibration that angles were measured against, nil where the
	// device gives angles itself or none was needed.
	Zero *Zero `json:"calibration,omitempty"`
	// State is the engine's state before From.
	State []byte `json:"state"`
}

// Place is a reading's place: it names the reading.
type Place struct {
	Device ID        `json:"device"`
	Boot   uint32    `json:"boot"`
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
}

// Zero is a calibration in use: the direction of gravity in the upright pose, in
// thousandths of g in the sensor's axes.
type Zero struct {
	Pose    Pose     `json:"pose"`
	Upright [3]int16 `json:"upright_mg"`
}
