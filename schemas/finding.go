package schemas

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Rule is what an episode is about, in the words people read.
type Rule string

// The rules of this build.
const (
	RuleSlouch  Rule = "slouch"  // leaning or slouching forward for long (R1)
	RuleSitting Rule = "sitting" // sitting for long without a break (R4)
)

// Step says what a finding does to its episode.
type Step string

// The life of an episode.
const (
	Opened    Step = "opened"
	Escalated Step = "escalated"
	// Risen says, once for each level from 2, that the wearer has left the seat for
	// longer than counts as sitting. The bout may still go on, but a prompt to get
	// up is out of place.
	Risen  Step = "risen"
	Closed Step = "closed"
)

// Outcome says how an episode ended.
type Outcome string

// The ends of an episode.
const (
	Recovered Outcome = "recovered" // the posture was upright again
	Moved     Outcome = "moved"     // the wearer moved
	Break     Outcome = "break"     // two minutes and more on the feet, moving
	Stood     Outcome = "standing"  // two minutes and more standing still
	Unknown   Outcome = "unknown"   // no readings, or not worn: never a break
)

// SchemaFinding is the schema of a Finding.
const SchemaFinding = "sitwell.finding.v1"

// Finding is one message of an episode: that it opened, that it escalated to a
// level, or how it closed. Two findings of the same ID have the same content:
// detection is deterministic, so whoever reads findings drops the second.
type Finding struct {
	Schema  string `json:"schema"`
	ID      string `json:"id"`      // episode, step and level
	Episode string `json:"episode"` // stable: wearer, rule and start
	Org     ID     `json:"org"`
	Wearer  ID     `json:"wearer"`
	Device  ID     `json:"device"`
	Rule    Rule   `json:"rule"`
	Step    Step   `json:"step"`
	// Level is how far the episode has come: 1 seen, 2 worth a nudge, 3 worth a break.
	Level int       `json:"level"`
	Start time.Time `json:"start"` // of the episode
	Time  time.Time `json:"time"`  // event time of this finding
	// End is when the episode really ended, on closed: before Time by what it
	// took to be sure.
	End     time.Time `json:"end,omitzero"`
	Outcome Outcome   `json:"outcome,omitempty"`
	// Seconds is how long the posture has been held, or the bout lasted.
	Seconds float64 `json:"seconds"`
	// FlexionDeg is the trunk flexion that tripped it, in degrees.
	FlexionDeg float64 `json:"flexion_deg,omitempty"`
	// Boot and Seq name the reading that was judged.
	Boot uint32 `json:"boot"`
	Seq  uint64 `json:"seq"`
}

// EpisodeID is the stable name of an episode: 16 hex digits made of its wearer,
// rule and start.
func EpisodeID(org, wearer ID, rule Rule, start time.Time) string {
	h := fnv.New128a()
	_, _ = fmt.Fprintf(h, "%s/%s/%s/%d", org, wearer, rule, start.UnixMilli())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Encode is the finding as JSON.
func (f *Finding) Encode() ([]byte, error) { return encodeJSON("finding", f) }

// DecodeFinding reads what Encode wrote.
func DecodeFinding(b []byte) (f Finding, err error) {
	err = decodeJSON("finding", b, SchemaFinding, &f, &f.Schema)
	return f, err
}

// Rollup is one wearer's minute. A later message about the same wearer and
// minute replaces the earlier one. Seconds for which there was no reading are
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
	// Seconds of judged posture: Upright under 15 degrees of flexion, Slouched
	// from 15.
	Upright  float32 `json:"upright_s"  cbor:"8,keyasint,omitempty"`
	Slouched float32 `json:"slouched_s" cbor:"9,keyasint,omitempty"`
	// Flexion is the mean trunk flexion in degrees over Upright and Slouched.
	Flexion float32 `json:"flexion_deg" cbor:"10,keyasint,omitempty"`
	// Breaks is how many sitting bouts a break ended in this minute.
	Breaks int `json:"breaks" cbor:"11,keyasint,omitempty"`
}

// EncodeRollups packs rollups of one partition into one log message.
func EncodeRollups(rollups []Rollup) ([]byte, error) {
	b, err := cbor.Marshal(rollups)
	if err != nil {
		return nil, fmt.Errorf("encode rollups: %w", err)
	}
	return append([]byte{recordVersion}, b...), nil
}

// DecodeRollups reads what EncodeRollups wrote.
func DecodeRollups(b []byte) (rollups []Rollup, err error) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, fmt.Errorf("rollups: %w: not version %d", ErrRecord, recordVersion)
	}
	if err := cbor.Unmarshal(b[1:], &rollups); err != nil {
		return nil, fmt.Errorf("decode rollups: %w", err)
	}
	return rollups, nil
}

func encodeJSON(what string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return b, nil
}

func decodeJSON(what string, b []byte, want string, v any, got *string) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	if *got != want {
		return fmt.Errorf("decode %s: %w", what, Refuse(UnknownSchema, "schema %q, this build reads %q", clip(*got, 60), want))
	}
	return nil
}
