package schemas

import "time"

// SchemaNudge is the schema of a Nudge, SchemaDecision of a Decision.
const (
	SchemaNudge    = "sitwell.nudge.v1"
	SchemaDecision = "sitwell.decision.v1"
)

// Nudge is what a wearable gets on its nudges topic: one step of the ladder for
// one episode.
type Nudge struct {
	Schema  string    `json:"schema"`
	ID      string    `json:"id"` // episode and level: at most one send of each
	Time    time.Time `json:"time"`
	Expires time.Time `json:"expires"` // after it the nudge is stale: do not show it
	Rule    Rule      `json:"rule"`
	Level   int       `json:"level"`
	Text    string    `json:"text"`    // what to do, for the wearer
	Reason  string    `json:"reason"`  // why, in words
	Pattern string    `json:"pattern"` // haptic: "short" or "double"
}

// Encode is the nudge as JSON.
func (n *Nudge) Encode() ([]byte, error) { return encodeJSON("nudge", n) }

// DecodeNudge reads what Encode wrote.
func DecodeNudge(b []byte) (n Nudge, err error) {
	err = decodeJSON("nudge", b, SchemaNudge, &n, &n.Schema)
	return n, err
}

// Action is what became of a nudge.
type Action string

// The actions of decisions.
const (
	ActionSent      Action = "sent"      // published to the wearable
	ActionAmbiguous Action = "ambiguous" // the send was not confirmed; it is not tried again
	ActionHeld      Action = "held"      // a stage held it back: HeldBy
	ActionReplied   Action = "replied"   // the wearer answered: Reply
	ActionCorrected Action = "corrected" // the episode ended after the nudge: Seconds
	ActionCounted   Action = "counted"   // a break that nobody had to ask for
)

// Decision is one message of the NUDGES stream: a nudge sent or held back, or
// what followed it. ID is unique for each; Nudge joins those of one nudge.
type Decision struct {
	Schema  string    `json:"schema"`
	ID      string    `json:"id"`
	Nudge   string    `json:"nudge"`
	Episode string    `json:"episode"`
	Org     ID        `json:"org"`
	Wearer  ID        `json:"wearer"`
	Device  ID        `json:"device"`
	Rule    Rule      `json:"rule"`
	Level   int       `json:"level"`
	Time    time.Time `json:"time"` // event time of the finding, receipt of the answer
	Decided time.Time `json:"decided,omitzero"`
	Action  Action    `json:"action"`
	HeldBy  string    `json:"held_by,omitempty"` // the stage
	Why     string    `json:"why,omitempty"`     // its reason, in words
	Text    string    `json:"text,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Reply   string    `json:"reply,omitempty"`
	// Seconds is the time to correction on "corrected", the length of the bout
	// on "counted".
	Seconds float64 `json:"seconds,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Encode is the decision as JSON.
func (d *Decision) Encode() ([]byte, error) { return encodeJSON("decision", d) }

// DecodeDecision reads what Encode wrote.
func DecodeDecision(b []byte) (d Decision, err error) {
	err = decodeJSON("decision", b, SchemaDecision, &d, &d.Schema)
	return d, err
}

// ReplyAction is a wearer's answer.
type ReplyAction string

// The answers of this build.
const (
	ReplyDone   ReplyAction = "done"
	ReplySnooze ReplyAction = "snooze"
)

// Reply is a wearer's answer to a nudge, from the wearable. A snooze holds all
// nudges back for Minutes: 10, 30 or 60, 10 where it says none. The answer to
// no nudge in particular has no NudgeID.
type Reply struct {
	Schema  string      `json:"schema"`
	NudgeID string      `json:"nudge,omitempty"`
	Action  ReplyAction `json:"action"`
	Minutes int         `json:"minutes,omitempty"`
}

// DecodeReply reads a reply; the error is a *Refusal.
func DecodeReply(b []byte) (r Reply, err error) {
	if err := decodeStrict(b, &r); err != nil {
		return Reply{}, err
	}
	switch {
	case r.Schema == "":
		return r, Refuse(MissingField, "there is no schema")
	case r.Schema != SchemaReply:
		return r, Refuse(UnknownSchema, "schema %q, this build reads %q", clip(r.Schema, 60), SchemaReply)
	case r.Action != ReplyDone && r.Action != ReplySnooze:
		return r, Refuse(BadValue, "action is %q, not done or snooze", clip(string(r.Action), 40))
	case r.NudgeID != "" && !validID(r.NudgeID): // it becomes a key
		return r, Refuse(BadValue, "nudge is %q, no nudge's id", clip(r.NudgeID, 40))
	}
	switch r.Minutes {
	case 0:
		r.Minutes = 10
	case 10, 30, 60:
	default:
		return r, Refuse(OutOfRange, "minutes is %d, not 10, 30 or 60", r.Minutes)
	}
	return r, nil
}

// Encode is the reply as JSON.
func (r *Reply) Encode() ([]byte, error) { return encodeJSON("reply", r) }

// Status is a device's birth, or its last will.
type Status struct {
	Schema   string  `json:"schema"`
	Online   bool    `json:"online"`
	Mount    string  `json:"mount,omitempty"`       // where it is worn: chest, upper_back, lower_back; at most MaxText
	Firmware string  `json:"firmware,omitempty"`    // at most MaxText
	Hertz    float64 `json:"sampling_hz,omitempty"` // of its sensor, at most MaxHertz
}

// Limits of a status.
const (
	MaxText  = 100 // bytes of a text
	MaxHertz = 10000
)

// DecodeStatus reads a birth or a last will; the error is a *Refusal.
func DecodeStatus(b []byte) (Status, error) {
	var in struct {
		Status
		Online *bool `json:"online"` // must be said
	}
	if err := decodeStrict(b, &in); err != nil {
		return Status{}, err
	}
	s := in.Status
	switch {
	case s.Schema == "":
		return Status{}, Refuse(MissingField, "there is no schema")
	case s.Schema != SchemaStatus:
		return Status{}, Refuse(UnknownSchema, "schema %q, this build reads %q", clip(s.Schema, 60), SchemaStatus)
	case in.Online == nil:
		return Status{}, Refuse(MissingField, "there is no online, true or false")
	case len(s.Mount) > MaxText, len(s.Firmware) > MaxText:
		return Status{}, Refuse(BadValue, "mount or firmware is longer than %d bytes", MaxText)
	case s.Hertz < 0 || s.Hertz > MaxHertz:
		return Status{}, Refuse(OutOfRange, "sampling_hz is %g, outside 0 to %d", s.Hertz, MaxHertz)
	}
	s.Online = *in.Online
	return s, nil
}

// Encode is the status as JSON.
func (s *Status) Encode() ([]byte, error) { return encodeJSON("status", s) }

// SchemaAnswer is the schema of an Answer.
const SchemaAnswer = "sitwell.answer.v1"

// Answer is a Reply as the log keeps it: with who gave it and when it came.
type Answer struct {
	Schema   string    `json:"schema"`
	Org      ID        `json:"org"`
	Wearer   ID        `json:"wearer"`
	Device   ID        `json:"device"`
	Received time.Time `json:"received"`
	Reply    Reply     `json:"reply"`
}

// Encode is the answer as JSON.
func (a *Answer) Encode() ([]byte, error) { return encodeJSON("answer", a) }

// DecodeAnswer reads what Encode wrote.
func DecodeAnswer(b []byte) (a Answer, err error) {
	err = decodeJSON("answer", b, SchemaAnswer, &a, &a.Schema)
	return a, err
}

// Presence is the last birth or will of a device as the log keeps it.
type Presence struct {
	Status
	Received time.Time `json:"received"`
}
