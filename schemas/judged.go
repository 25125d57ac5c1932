package schemas

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Rollup is one wearer's minute. A later message about the same wearer and
// minute replaces the earlier one unless it covers less of the minute: fewer
// seconds of Sitting, Standing, Moving and NotWorn in all, or as many of those and
// fewer of Upright and Slouched. Seconds for which there was no reading are
// in none of its fields.
type Rollup struct {
	Org    ID    `json:"-"      cbor:"1,keyasint"`
	Wearer ID    `json:"-"      cbor:"2,keyasint"`
	Minute int64 `json:"minute" cbor:"3,keyasint"` // minutes since 1970, UTC

	// Seconds, at most 60 in all: sitting, whether still or moving; on the feet
	// and still; not sitting and moving; not worn.
	Sitting  float32 `json:"sitting_s"  cbor:"4,keyasint,omitempty"`
	Standing float32 `json:"standing_s" cbor:"5,keyasint,omitempty"`
	Moving   float32 `json:"moving_s"   cbor:"6,keyasint,omitempty"`
	NotWorn  float32 `json:"not_worn_s" cbor:"7,keyasint,omitempty"`
	// Seconds of judged posture: Slouched from 15 degrees of flexion, or what the
	// wearer's parameters say, or, with two sensors, by the curve of the back;
	// Upright below.
	Upright  float32 `json:"upright_s"  cbor:"8,keyasint,omitempty"`
	Slouched float32 `json:"slouched_s" cbor:"9,keyasint,omitempty"`
	// Flexion is the mean trunk flexion in degrees over Upright and Slouched.
	Flexion float32 `json:"flexion_deg" cbor:"10,keyasint,omitempty"`
	// Breaks is how many sitting bouts a break ended in this minute.
	Breaks int `json:"breaks" cbor:"11,keyasint,omitempty"`

	// FlexionP95 is the flexion in degrees under which 95 % of the judged seconds
	// lie, to about half a degree.
	FlexionP95 float32 `json:"flexion_p95_deg" cbor:"12,keyasint,omitempty"`
	// Seconds of judged posture that lean over 10 degrees to the left and to the
	// right, and that are bent forward by 60 degrees and more.
	LeanLeft  float32 `json:"lean_left_s"  cbor:"13,keyasint,omitempty"`
	LeanRight float32 `json:"lean_right_s" cbor:"14,keyasint,omitempty"`
	Bent      float32 `json:"bent_s"       cbor:"15,keyasint,omitempty"`
	// LoadPeak is the highest load budget of the minute, 0 to 1.
	LoadPeak float32 `json:"load_peak" cbor:"16,keyasint,omitempty"`
	// Shifts is how many posture shifts there were on the seat.
	Shifts int `json:"shifts" cbor:"17,keyasint,omitempty"`
	// Bout is how long the sitting bout was at its longest in this minute, in
	// seconds.
	Bout float32 `json:"bout_s" cbor:"18,keyasint,omitempty"`
}

// Late is a span of readings and events of one run of a device that came too late
// to be judged: they are stored and marked. A mark covers every sequence number
// from First to Last, and all of it is late.
type Late struct {
	Org    ID     `json:"-"      cbor:"1,keyasint"`
	Wearer ID     `json:"-"      cbor:"2,keyasint"`
	Device ID     `json:"device" cbor:"3,keyasint"`
	Boot   uint32 `json:"boot"   cbor:"4,keyasint"`
	First  uint64 `json:"first"  cbor:"5,keyasint"`
	Last   uint64 `json:"last"   cbor:"6,keyasint"`
	// From and To are the least and the greatest event time in it, milliseconds
	// since 1970, UTC.
	From int64 `json:"from" cbor:"7,keyasint"`
	To   int64 `json:"to"   cbor:"8,keyasint"`
}

// Judged is one message of the ROLLUPS stream: what the engine made of readings
// of one partition besides findings. It may hold any part of that, or nothing.
type Judged struct {
	Rollups []Rollup `cbor:"1,keyasint,omitempty"`
	Late    []Late   `cbor:"2,keyasint,omitempty"`
}

// judgedVersion is the first byte of a Judged; messages of version 1 were a list
// of rollups.
const judgedVersion = 2

// Encode packs it into one log message.
func (j *Judged) Encode() ([]byte, error) {
	b, err := cbor.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode rollups: %w", err)
	}
	return append([]byte{judgedVersion}, b...), nil
}

// DecodeJudged reads what Encode wrote, and messages of version 1. Parts it does
// not know are ignored; another version is refused with ErrRecord.
func DecodeJudged(b []byte) (j Judged, err error) {
	switch {
	case len(b) > 0 && b[0] == 1:
		err = cbor.Unmarshal(b[1:], &j.Rollups)
	case len(b) > 0 && b[0] == judgedVersion:
		err = cbor.Unmarshal(b[1:], &j)
	default:
		return j, fmt.Errorf("rollups: %w: not version 1 or %d", ErrRecord, judgedVersion)
	}
	if err != nil {
		return Judged{}, fmt.Errorf("decode rollups: %w", err)
	}
	return j, nil
}
