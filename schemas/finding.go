package schemas

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
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
	Risen Step = "risen"
	// Raised says that the episode has become more severe without reaching another
	// level, as when the load budget runs out in the middle of a slouch. It asks for
	// no nudge.
	Raised Step = "raised"
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

	Shifted    Outcome = "shifted"    // the posture was shifted
	Momentary  Outcome = "momentary"  // it was a moment, over at once
	Back       Outcome = "back"       // readings came again
	Charged    Outcome = "charged"    // the device was charged
	Calibrated Outcome = "calibrated" // an upright pose was measured and taken
)

// SchemaFinding is the schema of a Finding.
const SchemaFinding = "sitwell.finding.v1"

// Finding is one message of an episode: that it opened, that it escalated to a
// level, or how it closed. Two findings of the same ID have the same content:
// detection is deterministic, so whoever reads findings drops the second.
type Finding struct {
	Schema  string `json:"schema"`
	ID      string `json:"id"`      // by FindingID: episode, step and level
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
	// Severity is 0 where it was not said, or by a word of a newer build: then take
	// that of the level.
	Severity Severity `json:"severity,omitempty"`
	Cause    Cause    `json:"cause,omitempty"`
	// Boot and Seq name the reading, or the event, that proved it.
	Boot uint32 `json:"boot"`
	Seq  uint64 `json:"seq"`
	// Receipt is what is needed to prove the finding again, nil in findings of
	// builds that gave none.
	Receipt *Receipt `json:"receipt,omitempty"`
}

// FindingID is the stable name of a finding of an episode. It names the severity
// for Raised alone, the level for every other step but Closed, which comes once.
func FindingID(episode string, step Step, level int, severity Severity) string {
	switch step {
	case Raised:
		return episode + "-" + string(step) + strconv.Itoa(int(severity))
	case Opened, Escalated, Risen:
		return episode + "-" + string(step) + strconv.Itoa(level)
	case Closed:
	}
	return episode + "-" + string(step)
}

// EpisodeID is the stable name of an episode: 16 hex digits made of its wearer,
// rule and start.
func EpisodeID(org, wearer ID, rule Rule, start time.Time) string {
	h := fnv.New128a()
	_, _ = fmt.Fprintf(h, "%s/%s/%s/%d", org, wearer, rule, start.UnixMilli())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Encode is the finding as JSON. It fails on a number that JSON does not have, NaN
// or an infinity.
func (f *Finding) Encode() ([]byte, error) { return encodeJSON("finding", f) }

// DecodeFinding reads what Encode wrote, in this build or another one: fields it
// does not know are ignored, rules, steps and causes are taken as they are.
func DecodeFinding(b []byte) (f Finding, err error) {
	err = decodeJSON("finding", b, SchemaFinding, &f, &f.Schema)
	return f, err
}
