package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reason says in one word why input was refused. It is a metric label, a
// subject and what `sitwell quarantine list` shows, so the set is closed.
type Reason string

// The reasons for which input goes to quarantine.
const (
	Empty            Reason = "empty"             // no payload
	TooLarge         Reason = "too_large"         // payload over MaxPayload
	NotJSON          Reason = "not_json"          // not JSON, truncated, or not UTF-8
	TrailingData     Reason = "trailing_data"     // something behind the JSON value
	TooDeep          Reason = "too_deep"          // nested deeper than MaxDepth
	TooManyKeys      Reason = "too_many_keys"     // an object with more than MaxKeys keys
	DuplicateKey     Reason = "duplicate_key"     // an object with the same key twice
	UnknownSchema    Reason = "unknown_schema"    // a schema or version this build does not know
	TooManySamples   Reason = "too_many_samples"  // more than MaxSamples in one message
	MissingField     Reason = "missing_field"     // a required field is absent
	WrongType        Reason = "wrong_type"        // a field of another JSON type
	OutOfRange       Reason = "out_of_range"      // a number outside its physical range
	BadSequence      Reason = "bad_sequence"      // a seq or boot that is no whole number in range
	BadTime          Reason = "bad_time"          // not RFC 3339, or older than raw readings are kept
	TimeAhead        Reason = "time_ahead"        // more than MaxAhead after its receipt
	SeqTimeDisagree  Reason = "seq_time_disagree" // a higher seq with a time over MaxAhead earlier
	BadValue         Reason = "bad_value"         // a word outside its vocabulary
	BadIdentifier    Reason = "bad_identifier"    // an organisation, device or wearer that is no identifier
	UnsupportedTopic Reason = "unsupported_topic" // a topic or an encoding this build does not read
	UnknownDevice    Reason = "unknown_device"    // a device that is not registered
	Unassigned       Reason = "unassigned"        // a device nobody wore at the reading's time
	StoreRefused     Reason = "store_refused"     // what the time-series store takes under no circumstances
)

// ParseReason checks a reason that somebody typed.
func ParseReason(s string) (Reason, error) {
	all := []Reason{
		Empty, TooLarge, NotJSON, TrailingData, TooDeep, TooManyKeys, DuplicateKey, UnknownSchema, TooManySamples, MissingField,
		WrongType, OutOfRange, BadSequence, BadTime, TimeAhead, SeqTimeDisagree, BadValue, BadIdentifier, UnsupportedTopic,
		UnknownDevice, Unassigned, StoreRefused,
	}
	if !slices.Contains(all, Reason(s)) {
		return "", fmt.Errorf("%q is no reason; reasons are %v", clip(s, 40), all)
	}
	return Reason(s), nil
}

// Redrivable reports whether the same payload may be accepted later, once the
// registry or the software has changed.
func (r Reason) Redrivable() bool {
	switch r {
	case UnknownDevice, Unassigned, UnknownSchema, UnsupportedTopic, TimeAhead:
		return true
	case Empty, TooLarge, NotJSON, TrailingData, TooDeep, TooManyKeys, DuplicateKey, TooManySamples, MissingField,
		WrongType, OutOfRange, BadSequence, BadTime, SeqTimeDisagree, BadValue, BadIdentifier,
		StoreRefused: // whoever has raised the store's limits names it
	}
	return false
}

// Refusal is an error with the reason for which input is quarantined. Detail
// is for a person; it never holds a whole payload.
type Refusal struct {
	Reason Reason
	Detail string
}

// Error is the reason and its detail.
func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.Detail }

// Refuse makes a Refusal.
func Refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// AsRefusal is the refusal in err's chain, or nil.
func AsRefusal(err error) *Refusal {
	r, _ := errors.AsType[*Refusal](err)
	return r
}

// Quarantined is refused input as it is kept: enough to understand it, and to
// drive it through ingest again as if it had just arrived at Received.
type Quarantined struct {
	Reason   Reason    `json:"reason"`
	Detail   string    `json:"detail"`
	Topic    string    `json:"topic"`
	Received time.Time `json:"received"`
	// Readings is how many readings or events the payload holds, 0 where that
	// could not be told.
	Readings int    `json:"readings"`
	Payload  []byte `json:"payload"`
	// Truncated says that the payload was larger than what is kept.
	Truncated bool `json:"truncated,omitempty"`
}

// Encode is the entry as it stands in the quarantine stream.
func (q Quarantined) Encode() ([]byte, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode quarantined: %w", err)
	}
	return b, nil
}

// DecodeQuarantined reads what Encode wrote.
func DecodeQuarantined(b []byte) (Quarantined, error) {
	var q Quarantined
	if err := json.Unmarshal(b, &q); err != nil {
		return q, fmt.Errorf("decode quarantined: %w", err)
	}
	return q, nil
}
