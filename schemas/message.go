package schemas

import (
	"bytes"
	"errors"
	"io"
	"math"
	"sync"
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
	// Ahead is by how many milliseconds the times of the items were corrected,
	// because the device's clock is ahead. Sent is as the device gave it.
	Ahead uint32
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

// Clock tells by how many milliseconds a device's clock is ahead in one of its
// runs, 0 for a clock to be taken as it is. sent is when the device published
// the message at hand, by that clock, in milliseconds since 1970. An error
// leaves the message undecoded and is passed on as it is.
type Clock func(boot uint32, sent int64) (ahead uint32, err error)

// Decode reads a payload of readings or events that arrived at received. An
// error is a *Refusal and refuses the whole payload; what is wrong with single
// readings is in Rejects. The rejects keep parts of the payload.
//
// Times are taken from MaxAge before received to MaxAhead after it; a device
// without a clock sends age_ms instead, counted back from received.
func Decode(kind Kind, payload []byte, received time.Time) (*Message, error) {
	return DecodeByClock(kind, payload, received, nil)
}

// DecodeByClock is Decode for a device whose clock may be ahead: times of the
// device's clock are corrected by what clock tells before they are judged. It is
// asked at most once, for a message that is whole and has a sent.
func DecodeByClock(kind Kind, payload []byte, received time.Time, clock Clock) (*Message, error) {
	if err := checkSize(payload); err != nil {
		return nil, err
	}
	schema, list := SchemaReadings, "readings"
	if kind == KindEvents {
		schema, list = SchemaEvents, "events"
	}
	d := newDecoder(payload)
	defer d.free()
	d.received, d.events = received.UnixMilli(), kind == KindEvents
	badSent, err := d.message(schema, list)
	if err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if clock != nil && d.msg.Sent != 0 && badSent == nil {
		if d.msg.Ahead, err = clock(d.msg.Boot, d.msg.Sent); err != nil {
			return nil, err
		}
	}
	d.settle(badSent)
	msg := d.msg
	return &msg, nil
}

func checkSize(payload []byte) error {
	switch n := len(payload); {
	case n == 0:
		return Refuse(Empty, "the payload is empty")
	case n > MaxPayload:
		return Refuse(TooLarge, "%d bytes, at most %d are taken", n, MaxPayload)
	}
	return nil
}

// decoder reads one payload, token by token. A method that returns an error
// stops the whole payload; d.fault holds what is wrong with the open item.
type decoder struct {
	json     jsontext.Decoder
	in       bytes.Buffer
	payload  []byte
	received int64
	events   bool
	msg      Message
	fault    *Refusal
	raws     []rawItem
	order    Order

	// What follows is kept from payload to payload, so that a reading costs no
	// allocation: a text without its quotes, and the names that stood at each
	// place of the envelope and of the items, which are mostly the same again.
	text  []byte
	names [2][MaxKeys]string
}

// decoders are kept because a jsontext.Decoder grows buffers as it works: by no more
// than a payload of MaxPayload needs. There are as many as payloads are decoded at
// once, and the collector takes those that nobody uses.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func newDecoder(payload []byte) *decoder {
	d, _ := decoders.Get().(*decoder)
	d.payload = payload
	d.in = *bytes.NewBuffer(payload)
	d.json.Reset(&d.in)
	return d
}

// free gives the decoder back without what belongs to its payload. The names
// stay: they are few, and short, or free drops them.
func (d *decoder) free() {
	clear(d.raws)
	d.raws = d.raws[:0]
	d.in = bytes.Buffer{}
	d.payload, d.msg, d.fault, d.order = nil, Message{}, nil, Order{}
	decoders.Put(d)
}

// maxName is the longest name worth remembering, in bytes.
const maxName = 32

// object walks the members of the object that comes next: the envelope where
// raw is nil, else the item that raw is. member must consume the value.
func (d *decoder) object(raw *rawItem, member func(d *decoder, raw *rawItem, name string) error) error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	names := &d.names[0]
	if raw != nil {
		names = &d.names[1]
	}
	for keys := 0; d.json.PeekKind() != '}'; keys++ {
		if keys == MaxKeys {
			return Refuse(TooManyKeys, "an object with more than %d keys at byte %d", MaxKeys, d.json.InputOffset())
		}
		quoted, err := d.json.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		text, err := d.unquote(quoted)
		if err != nil {
			return d.syntax(err)
		}
		name := names[keys]
		if name != string(text) {
			if name = string(text); len(name) <= maxName {
				names[keys] = name
			}
		}
		if err := member(d, raw, name); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return d.syntax(err)
}

// envelope is what message has seen.
type envelope struct {
	haveSchema, haveBoot, haveList bool
	badSent                        *Refusal
}

// message reads the envelope and its list. badSent is what is wrong with sent.
func (d *decoder) message(schema, list string) (badSent *Refusal, err error) {
	if kind := d.json.PeekKind(); kind != '{' {
		if _, err := d.json.ReadToken(); err != nil {
			return nil, d.syntax(err)
		}
		return nil, Refuse(WrongType, "the payload is %s, not an object", inWords(kind))
	}
	var seen envelope
	err = d.object(nil, func(d *decoder, _ *rawItem, name string) error {
		if name == list {
			seen.haveList = true
			return d.list()
		}
		return d.envelopeField(&seen, name, schema)
	})
	switch {
	case err != nil:
		return nil, err
	case !seen.haveSchema:
		return nil, Refuse(MissingField, "there is no schema")
	case !seen.haveBoot:
		return nil, Refuse(MissingField, "there is no boot")
	case !seen.haveList:
		return nil, Refuse(MissingField, "there are no %s", list)
	}
	return seen.badSent, nil
}

func (d *decoder) envelopeField(seen *envelope, name, schema string) error {
	var err error
	switch name {
	case "schema":
		seen.haveSchema = true
		err = d.schema(schema)
	case "boot":
		seen.haveBoot = true
		var boot uint64
		boot, err = d.uint(name, math.MaxUint32, BadSequence)
		d.msg.Boot = uint32(boot) //nolint:gosec // bounded by the line above
	case "sent":
		// A bad one spoils only the readings that have a time by the same clock.
		d.msg.Sent, err = d.time(name)
		seen.badSent, d.fault = d.fault, nil
	default:
		d.msg.Unknown++
		err = d.skip()
	}
	if err == nil && d.fault != nil {
		return d.fault
	}
	return err
}

func (d *decoder) schema(want string) error {
	got, err := d.word("schema")
	if err != nil || d.fault != nil {
		return err
	}
	if string(got) != want {
		return Refuse(UnknownSchema, "schema %q, this build reads %q", clip(string(got), 60), want)
	}
	return nil
}

// end makes sure that nothing stands behind the value.
func (d *decoder) end() error {
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return Refuse(TrailingData, "something stands behind the JSON value, from byte %d", d.json.InputOffset())
	}
	return nil
}
