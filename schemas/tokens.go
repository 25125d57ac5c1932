package schemas

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

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
		// The index counts names and values.
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
	d.setFault(WrongType, "%s is %s, not %s", name, inWords(got), want)
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
	x, ok := decimal(v)
	if !ok || x < lo || x > hi {
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
	n, ok := whole(v)
	if !ok || n > hi {
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

// word reads a short text, which is valid until the next is read.
func (d *decoder) word(name string) ([]byte, error) {
	v, err := d.value(name, "a text", '"')
	if v == nil {
		return nil, err
	}
	text, err := d.unquote(v)
	return text, d.syntax(err)
}

// unquote takes a JSON text out of its quotes; the result is valid until the
// next call.
func (d *decoder) unquote(v []byte) ([]byte, error) {
	if len(v) >= 2 && bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	var err error
	d.text, err = jsontext.AppendUnquote(d.text[:0], v)
	return d.text, err
}

// time reads an RFC 3339 time and rounds it to the millisecond.
func (d *decoder) time(name string) (int64, error) {
	s, err := d.word(name)
	if err != nil || d.fault != nil {
		return 0, err
	}
	t, ok := moment(s)
	if !ok {
		d.setFault(BadTime, "%s is %q, not a time such as 2026-11-20T09:00:00.5Z", name, clip(string(s), 40))
		return 0, nil
	}
	ms := t.Round(time.Millisecond).UnixMilli()
	if ms <= 0 || ms > maxTime {
		d.setFault(BadTime, "%s is %q, in or before 1970 or after 9999", name, clip(string(s), 40))
		return 0, nil
	}
	return ms, nil
}

// maxTime is the last millisecond that RFC 3339 can write, of the year 9999.
const maxTime = 253402300799999

func decimal(v []byte) (float64, bool) {
	x, err := strconv.ParseFloat(string(v), 64)
	return x, err == nil
}

func whole(v []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	return n, err == nil
}

// moment reads RFC 3339. The time package takes beyond it an hour of one digit,
// and a comma before the fraction.
func moment(s []byte) (time.Time, bool) {
	var t time.Time
	err := t.UnmarshalText(s)
	return t, err == nil && s[13] == ':' && s[19] != ','
}

// inWords names a kind of JSON value.
func inWords(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	default: // what ends something, or no JSON
		return "nothing"
	}
}
