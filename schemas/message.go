package schemas

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The schemas of what a device sends.
const (
	SchemaReadings = "sitwell.readings.v1"
	SchemaEvents   = "sitwell.events.v1"
	SchemaStatus   = "sitwell.status.v1"
	SchemaReply    = "sitwell.reply.v1"
)

// Message is a decoded payload of readings or events.
type Message struct {
	Boot uint32
	Sent int64 // milliseconds since 1970, UTC, by the device's clock; 0 where it has none
	// Items are the good ones, in the order they stood in.
	Items []Item
	// Rejects are the bad ones. They do not hold back the good ones.
	Rejects []Reject
	// Unknown counts fields that were ignored because this build does not know them.
	Unknown int
}

// Reject is one reading or event that was refused.
type Reject struct {
	Reason Reason
	Detail string
	Raw    []byte // its JSON, a part of the payload
}

// Decode reads a payload of readings or events that arrived at received. An
// error is a *Refusal and refuses the whole payload; what is wrong with single
// readings is in Rejects. The message keeps parts of the payload.
//
// Times are taken from MaxAge before received to MaxAhead after it; a device
// without a clock sends age_ms instead, counted back from received.
func Decode(kind Kind, payload []byte, received time.Time) (*Message, error) {
	if len(payload) == 0 {
		return nil, Refuse(Empty, "the payload is empty")
	}
	if len(payload) > MaxPayload {
		return nil, Refuse(TooLarge, "%d bytes, at most %d are taken", len(payload), MaxPayload)
	}
	schema, list := SchemaReadings, "readings"
	if kind == KindEvents {
		schema, list = SchemaEvents, "events"
	}
	d := decoder{
		json: jsontext.NewDecoder(bytes.NewBuffer(payload)), payload: payload,
		received: received.UnixMilli(), events: kind == KindEvents,
	}
	if err := d.message(schema, list); err != nil {
		return nil, err
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, Refuse(TrailingData, "something stands behind the JSON value, from byte %d", d.json.InputOffset())
	}
	return &d.msg, nil
}

// decoder reads one payload, token by token. A method that returns an error
// stops the whole payload; d.fault holds what is wrong with the open item.
type decoder struct {
	json     *jsontext.Decoder
	payload  []byte
	received int64
	events   bool
	msg      Message
	fault    *Refusal
	newest   int64  // the latest time so far
	highest  uint64 // the highest sequence so far
	raws     []rawItem
}

// rawItem remembers an item until the envelope is known.
type rawItem struct {
	item   Item
	fault  *Refusal
	raw    []byte
	timed  bool // has time rather than age_ms
	hasSeq bool
}

// object walks the members of the object that comes next. field must consume
// the member's value.
func (d *decoder) object(field func(name string) error) error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	for keys := 0; d.json.PeekKind() != '}'; keys++ {
		if keys == MaxKeys {
			return Refuse(TooManyKeys, "an object with more than %d keys at byte %d", MaxKeys, d.json.InputOffset())
		}
		name, err := d.json.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		unquoted, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return d.syntax(err)
		}
		if err := field(string(unquoted)); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return d.syntax(err)
}

func (d *decoder) message(schema, list string) error {
	if kind := d.json.PeekKind(); kind != '{' {
		if _, err := d.json.ReadToken(); err != nil {
			return d.syntax(err)
		}
		return Refuse(WrongType, "the payload is %s, not an object", kind)
	}
	var haveSchema, haveBoot, haveList bool
	var badSent *Refusal
	err := d.object(func(name string) error {
		var err error
		switch name {
		case "schema":
			haveSchema = true
			err = d.schema(schema)
		case "boot":
			haveBoot = true
			var boot uint64
			boot, err = d.uint(name, math.MaxUint32, BadSequence)
			d.msg.Boot = uint32(boot) //nolint:gosec // bounded by the line above
		case "sent":
			d.msg.Sent, err = d.time(name)
			badSent, err = d.takeFault(err)
		case list:
			haveList = true
			return d.list()
		default:
			d.msg.Unknown++
			err = d.skip()
		}
		if err == nil && d.fault != nil {
			return d.fault
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !haveSchema:
		return Refuse(MissingField, "there is no schema")
	case !haveBoot:
		return Refuse(MissingField, "there is no boot")
	case !haveList:
		return Refuse(MissingField, "there are no %s", list)
	}
	d.settle(badSent)
	return nil
}

// takeFault separates what is wrong with a value from what stops the payload.
func (d *decoder) takeFault(err error) (*Refusal, error) {
	fault := d.fault
	d.fault = nil
	return fault, err
}

func (d *decoder) schema(want string) error {
	got, err := d.word("schema")
	if err != nil || d.fault != nil {
		return err
	}
	if got != want {
		return Refuse(UnknownSchema, "schema %q, this build reads %q", clip(got, 60), want)
	}
	return nil
}

func (d *decoder) list() error {
	if kind := d.json.PeekKind(); kind != '[' {
		if err := d.skip(); err != nil {
			return err
		}
		return Refuse(WrongType, "the list of samples is %s, not an array", kind)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	d.raws = make([]rawItem, 0, len(d.payload)/96+1)
	for d.json.PeekKind() != ']' {
		if len(d.raws) == MaxSamples {
			return Refuse(TooManySamples, "more than %d samples in one message", MaxSamples)
		}
		if err := d.item(); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return d.syntax(err)
}

func (d *decoder) item() error {
	start := d.json.InputOffset()
	raw := rawItem{}
	kind := d.json.PeekKind()
	var err error
	switch {
	case kind != '{':
		if err = d.skip(); err == nil {
			d.wrongType("sample", "an object", kind)
		}
	case d.events:
		raw.item.Event = &Event{}
		err = d.object(func(name string) error { return d.eventField(&raw, name) })
	default:
		raw.item.Fields = IsWorn
		err = d.object(func(name string) error { return d.readingField(&raw, name) })
	}
	if err != nil {
		return err
	}
	raw.fault, _ = d.takeFault(nil)
	raw.raw = bytes.TrimLeft(d.payload[start:d.json.InputOffset()], ", \t\r\n")
	d.raws = append(d.raws, raw)
	return nil
}

// settle decides each item now that the envelope is known.
func (d *decoder) settle(badSent *Refusal) {
	d.msg.Items = make([]Item, 0, len(d.raws))
	for i := range d.raws {
		raw := &d.raws[i]
		if fault := d.judge(raw, badSent); fault != nil {
			d.msg.Rejects = append(d.msg.Rejects, Reject{Reason: fault.Reason, Detail: fault.Detail, Raw: raw.raw})
			continue
		}
		d.msg.Items = append(d.msg.Items, raw.item)
	}
}

func (d *decoder) judge(raw *rawItem, badSent *Refusal) *Refusal {
	item := &raw.item
	switch {
	case raw.fault != nil:
		return raw.fault
	case !raw.hasSeq:
		return Refuse(MissingField, "there is no seq")
	case item.Time == 0:
		return Refuse(MissingField, "seq %d has neither time nor age_ms", item.Seq)
	case raw.timed && badSent != nil:
		return badSent
	case raw.timed && d.msg.Sent == 0:
		return Refuse(MissingField, "seq %d has a time, but the message has no sent", item.Seq)
	case item.Time > d.received+MaxAhead.Milliseconds():
		return Refuse(TimeAhead, "seq %d lies %v ahead of its receipt; check the device's clock", item.Seq,
			time.Duration(item.Time-d.received)*time.Millisecond)
	case item.Time < d.received-MaxAge.Milliseconds():
		return Refuse(BadTime, "seq %d is of %s, older than the %d days that are kept", item.Seq,
			item.At().Format(time.RFC3339), int(MaxAge.Hours()/24))
	case item.Seq > d.highest && item.Time < d.newest-MaxAhead.Milliseconds():
		return Refuse(SeqTimeDisagree, "seq %d follows seq %d but lies %v before it", item.Seq, d.highest,
			time.Duration(d.newest-item.Time)*time.Millisecond)
	}
	switch e := item.Event; {
	case e == nil && !measured(item.Fields):
		return Refuse(MissingField, "seq %d has neither angles, acc_g, sitting nor sitting_s", item.Seq)
	case e != nil && e.Type == "":
		return Refuse(MissingField, "event seq %d has no type", item.Seq)
	case e != nil && e.Type == EventCalibrate && e.Pose == "":
		return Refuse(MissingField, "calibrate event seq %d has no pose, seated or standing", item.Seq)
	}
	d.highest, d.newest = max(d.highest, item.Seq), max(d.newest, item.Time)
	return nil
}

// measured reports whether a reading says anything about its wearer. A device
// that lies on a desk may say just that.
func measured(f Fields) bool {
	return f&(HasTrunk|HasAcc|HasSitting|HasSittingS) != 0 || !f.Has(IsWorn)
}

// syntax turns the tokenizer's error into a refusal of the payload.
func (d *decoder) syntax(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Refuse(DuplicateKey, "a key stands twice in one object, near byte %d", d.json.InputOffset())
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Refuse(NotJSON, "the JSON ends early, at byte %d", len(d.payload))
	}
	return Refuse(NotJSON, "no JSON at byte %d", d.json.InputOffset())
}

// skip passes over a value, whatever it is, within the limits.
func (d *decoder) skip() error {
	for base := d.json.StackDepth(); ; {
		if _, err := d.json.ReadToken(); err != nil {
			return d.syntax(err)
		}
		depth := d.json.StackDepth()
		if depth > MaxDepth {
			return Refuse(TooDeep, "nested deeper than %d levels at byte %d", MaxDepth, d.json.InputOffset())
		}
		if kind, n := d.json.StackIndex(depth); kind == '{' && n > 2*MaxKeys {
			return Refuse(TooManyKeys, "an object with more than %d keys at byte %d", MaxKeys, d.json.InputOffset())
		}
		if depth == base {
			return nil
		}
	}
}

func (d *decoder) setFault(reason Reason, format string, args ...any) {
	if d.fault == nil {
		d.fault = Refuse(reason, format, args...)
	}
}

func (d *decoder) wrongType(name, want string, got jsontext.Kind) {
	d.setFault(WrongType, "%s is %s, not %s", name, got, want)
}

// value reads the next value if it is of the wanted kind; else it passes over
// it, notes the fault and returns nil.
func (d *decoder) value(name, want string, kind jsontext.Kind) ([]byte, error) {
	got := d.json.PeekKind()
	if got != kind {
		if err := d.skip(); err != nil {
			return nil, err
		}
		d.wrongType(name, want, got)
		return nil, nil
	}
	v, err := d.json.ReadValue()
	if err != nil {
		return nil, d.syntax(err)
	}
	return v, nil
}

// number reads a number from lo to hi.
func (d *decoder) number(name string, lo, hi float64) (float64, error) {
	v, err := d.value(name, "a number", '0')
	if v == nil {
		return 0, err
	}
	x, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(x >= lo && x <= hi) {
		d.setFault(OutOfRange, "%s is %s, outside %g to %g", name, clip(string(v), 40), lo, hi)
		return 0, nil
	}
	return x, nil
}

// uint reads a whole number from 0 to hi.
func (d *decoder) uint(name string, hi uint64, reason Reason) (uint64, error) {
	v, err := d.value(name, "a number", '0')
	if v == nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || n > hi {
		d.setFault(reason, "%s is %s, not a whole number from 0 to %d", name, clip(string(v), 40), hi)
		return 0, nil
	}
	return n, nil
}

func (d *decoder) bool(name string) (bool, error) {
	kind := d.json.PeekKind()
	if kind != 't' && kind != 'f' {
		if err := d.skip(); err != nil {
			return false, err
		}
		d.wrongType(name, "true or false", kind)
		return false, nil
	}
	_, err := d.json.ReadToken()
	return kind == 't', d.syntax(err)
}

// word reads a short text.
func (d *decoder) word(name string) (string, error) {
	v, err := d.value(name, "a text", '"')
	if v == nil {
		return "", err
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return "", d.syntax(err)
	}
	return string(s), nil
}

// time reads an RFC 3339 time and rounds it to the millisecond.
func (d *decoder) time(name string) (int64, error) {
	s, err := d.word(name)
	if err != nil || d.fault != nil {
		return 0, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		d.setFault(BadTime, "%s is %q, not a time such as 2026-11-20T09:00:00.5Z", name, clip(s, 40))
		return 0, nil
	}
	return t.Round(time.Millisecond).UnixMilli(), nil
}
