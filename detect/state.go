package detect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/fxamacker/cbor/v2"

	"sitwell/schemas"
)

// A checkpoint is a version byte, a CRC-32C of the rest, and sections, each with
// its length: the names, the order, the rules, the minute, the anchor, and what is
// seldom there. A section may be longer than this build knows; then its end is
// not read.
const (
	stateVersion = 2
	stateHeader  = 5 // bytes before the sections
)

// ErrState says that bytes are no checkpoint this build can read. Whoever meets
// it starts the wearer anew from the log.
var ErrState = errors.New("damaged or unknown checkpoint of a wearer: rebuild it from the log")

// latest is the greatest event time in a checkpoint, the year 287396, in ms:
// differences of such times do not overflow.
const latest = 1 << 53

// rare is what a wearer mostly has none of.
type rare struct {
	Waiting []byte       `cbor:"1,keyasint,omitempty"` // by schemas.AppendItems
	Past    []pastState  `cbor:"2,keyasint,omitempty"`
	Holes   []hole       `cbor:"3,keyasint,omitempty"`
	Measure *calibration `cbor:"4,keyasint,omitempty"`
}

type pastState struct {
	Device string `cbor:"1,keyasint"`
	Boot   uint32 `cbor:"2,keyasint"`
	Seq    uint64 `cbor:"3,keyasint"`
	First  uint64 `cbor:"4,keyasint,omitempty"`
	Holes  []hole `cbor:"5,keyasint,omitempty"`
}

// AppendState appends a checkpoint of w to b.
func (w *Wearer) AppendState(b []byte) ([]byte, error) {
	start := len(b)
	c := codec{b: append(b, stateVersion, 0, 0, 0, 0), write: true}
	c.section(func() { c.text(w.org); c.text(w.wearer) })
	c.section(func() { w.codeOrder(&c) })
	c.section(func() { w.rules.code(&c) })
	c.section(func() { w.minute.code(&c) })
	c.section(func() { w.codeAnchor(&c) })
	if err := w.appendRare(&c); err != nil {
		return b, fmt.Errorf("encode checkpoint of wearer %s: %w", w.wearer, err)
	}
	binary.LittleEndian.PutUint32(c.b[start+1:], checksum(c.b[start+stateHeader:]))
	return c.b, nil
}

// section writes what code does behind its length.
func (c *codec) section(code func()) {
	at := len(c.b)
	c.b = append(c.b, 0, 0)
	code()
	binary.LittleEndian.PutUint16(c.b[at:], uint16(len(c.b)-at-2)) //nolint:gosec // a few hundred bytes
}

func (c *codec) text(id schemas.ID) {
	s := id.String()
	c.b = append(c.b, byte(len(s))) //nolint:gosec // an ID has at most 63 bytes
	c.b = append(c.b, s...)
}

func (w *Wearer) codeOrder(c *codec) {
	flags(c, &w.begun, &w.recast)
	u32(c, &w.boot)
	u64(c, &w.first)
	u64(c, &w.seq)
	u64(c, &w.newest)
	u64(c, &w.askFrom)
	if c.write {
		c.text(w.device)
	}
}

func (w *Wearer) codeAnchor(c *codec) {
	p := &w.anchor.place
	at := p.Time.UnixMilli()
	u32(c, &p.Boot)
	u64(c, &p.Seq)
	u64(c, &at)
	p.Time = eventTime(at)
	if c.write {
		c.text(p.Device)
		c.b = append(c.b, w.anchor.state...)
	}
}

// appendRare writes what is seldom there, as the rest of the checkpoint.
func (w *Wearer) appendRare(c *codec) error {
	if len(w.waiting) == 0 && len(w.past) == 0 && len(w.holes) == 0 && w.measuring == nil {
		return nil
	}
	r := rare{Measure: w.measuring, Holes: w.holes}
	if len(w.waiting) > 0 {
		var err error
		if r.Waiting, err = schemas.AppendItems(nil, w.waiting); err != nil {
			return fmt.Errorf("encode waiting readings: %w", err)
		}
	}
	for _, p := range w.past {
		r.Past = append(r.Past, pastState{p.device.String(), p.boot, p.seq, p.first, p.holes})
	}
	b, err := cbor.Marshal(&r)
	if err != nil {
		return fmt.Errorf("encode the rest: %w", err)
	}
	c.b = append(c.b, b...)
	return nil
}

// DecodeWearer brings back what AppendState wrote; b is not kept. The error
// wraps ErrState.
func DecodeWearer(b []byte, t *Timeline) (*Wearer, error) {
	if len(b) < stateHeader || b[0] != stateVersion {
		return nil, fmt.Errorf("%w: not version %d", ErrState, stateVersion)
	}
	body := b[stateHeader:]
	if binary.LittleEndian.Uint32(b[1:]) != checksum(body) {
		return nil, fmt.Errorf("%w: its checksum differs", ErrState)
	}
	w, err := decode(body, t)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return w, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Resume is the wearer as a receipt describes it: before the reading from, with
// the state that was noted there. The error wraps ErrState.
func Resume(org, wearer schemas.ID, from schemas.Place, state []byte, t *Timeline) (*Wearer, error) {
	w := NewWearer(org, wearer, t)
	c := codec{b: state}
	w.rules.code(&c)
	u64(&c, &w.newest)
	u64(&c, &w.askFrom)
	if err := w.rules.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	w.run = run{from.Device, from.Boot}
	w.begun, w.first, w.seq, w.newest = true, from.Seq, from.Seq-1, min(max(w.newest, w.rules.Last.At), latest)
	w.anchor = anchor{place: from, state: append([]byte(nil), state...)}
	w.plan = t.plan(w.newest)
	return w, nil
}

func decode(body []byte, t *Timeline) (*Wearer, error) {
	in := sections{b: body}
	names, order, rules, minute, anchor := in.next(), in.next(), in.next(), in.next(), in.next()
	if in.bad {
		return nil, errors.New("it ends early")
	}
	w := NewWearer(names.id(), names.id(), t)
	w.codeOrder(&order.codec)
	w.device = order.id()
	w.rules.code(&rules.codec)
	w.minute.code(&minute.codec)
	w.codeAnchor(&anchor.codec)
	w.anchor.place.Device = anchor.id()
	if len(anchor.b) > 0 {
		w.anchor.state = append([]byte(nil), anchor.b...)
	}
	for _, err := range []error{names.err, order.err, anchor.err, w.rules.check(), w.minute.check(), w.decodeRare(in.b)} {
		if err != nil {
			return nil, err
		}
	}
	switch {
	case w.newest < 0 || w.newest > latest:
		return nil, errors.New("a time in it is impossible")
	case w.begun && w.device.IsZero():
		return nil, errors.New("its run is of no device")
	}
	w.plan = t.plan(w.newest)
	return w, nil
}

// sections takes the sections of a checkpoint.
type sections struct {
	b   []byte
	bad bool
}

// section is one that is being read, with the first error of its names.
type section struct {
	codec

	err error
}

func (in *sections) next() *section {
	if len(in.b) < 2 {
		in.bad = true
		return &section{}
	}
	n := int(binary.LittleEndian.Uint16(in.b))
	if in.b = in.b[2:]; len(in.b) < n {
		in.bad = true
		return &section{}
	}
	s := &section{codec: codec{b: in.b[:n:n]}}
	in.b = in.b[n:]
	return s
}

// id reads a name; the name of no device is empty.
func (s *section) id() schemas.ID {
	var n uint8
	u8(&s.codec, &n)
	name := s.next(int(n))
	if len(name) == 0 {
		return schemas.ID{}
	}
	id, err := schemas.ParseID(string(name))
	if err != nil && s.err == nil {
		s.err = err
	}
	return id
}

func (w *Wearer) decodeRare(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	var r rare
	if err := cbor.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("decode the rest: %w", err)
	}
	switch {
	case len(r.Past) > mostPast:
		return fmt.Errorf("it has %d past runs, more than are kept", len(r.Past))
	case r.Measure != nil && len(r.Measure.Samples) > mostPoses:
		return errors.New("a calibration in it is too long")
	}
	for _, p := range r.Past {
		id, err := schemas.ParseID(p.Device)
		if err != nil {
			return fmt.Errorf("decode past run: %w", err)
		}
		if err := checkHoles(p.Holes); err != nil {
			return err
		}
		w.past = append(w.past, past{run{id, p.Boot}, p.First, p.Seq, p.Holes})
	}
	w.holes, w.measuring = r.Holes, r.Measure
	if err := checkHoles(w.holes); err != nil {
		return err
	}
	return w.decodeWaiting(r.Waiting)
}

func checkHoles(holes []hole) error {
	if len(holes) > mostHoles {
		return fmt.Errorf("it has %d holes, more than are kept", len(holes))
	}
	for _, h := range holes {
		if h.First > h.Last {
			return errors.New("a hole in it ends before it begins")
		}
	}
	return nil
}

// decodeWaiting brings back the items behind a hole.
func (w *Wearer) decodeWaiting(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	items, rest, err := schemas.ReadItems(b, nil)
	if err != nil {
		return fmt.Errorf("decode waiting readings: %w", err)
	}
	if len(rest) > 0 || len(items) > mostWaiting {
		return fmt.Errorf("it has %d waiting items and %d bytes behind them", len(items), len(rest))
	}
	before := w.seq + 1 // which would not wait
	for i := range items {
		if items[i].Seq <= before {
			return errors.New("what waits in it is not in order")
		}
		before = items[i].Seq
	}
	w.waiting = items
	return nil
}

// check refuses numbers that judging could not go on from.
func (r *rules) check() error {
	s := &r.Signals
	for _, f := range []float32{
		s.Gravity[0], s.Gravity[1], s.Gravity[2], s.Motion.Sum, s.Motion.SumQ, r.Slouch.Bent, r.Load.F, r.Load.S, r.Hold.H,
	} {
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return errors.New("a number in it is not finite")
		}
	}
	switch {
	case r.Last.At < 0 || r.Last.At > latest:
		return errors.New("a time in it is impossible")
	case s.Motion.Last >= slots:
		return errors.New("a motion slot in it does not exist")
	case r.Slouch.Level > 2 || r.Slouch.Raised > 2 || r.Load.Level > 3 || r.Bout.Level > 3 || r.Lean.Level > 2:
		return errors.New("a level in it does not exist")
	case r.Slouch.Level > 0 && r.Slouch.Dwell == 0, r.Bout.Level > 0 && !r.Bout.On, r.Lean.Side < -1 || r.Lean.Side > 1,
		r.Lean.Level > 0 && r.Lean.Side == 0:
		return errors.New("an episode in it is about nothing")
	case r.Load.F < 0 || r.Load.S < 0 || r.Load.F > 1 || r.Load.S > 1 || r.Hold.H < 0 || r.Hold.H > 1:
		return errors.New("a share in it is not 0 to 1")
	case int(r.Ask.Cause) >= len(causes()):
		return errors.New("a cause in it does not exist")
	case r.Hold.Last < -1800 || r.Hold.Last > 1800:
		return errors.New("an angle in it is impossible")
	}
	return nil
}

func (m *minute) check() error {
	if m.Minute < 0 || m.Minute > latest/minuteMS || math.IsNaN(float64(m.Peak)) || m.Peak < 0 || m.Peak > 1 {
		return errors.New("the open minute in it is impossible")
	}
	for _, ms := range []int32{m.Sitting, m.Standing, m.Moving, m.NotWorn, m.Upright, m.Slouched, m.Left, m.Right, m.Deep} {
		if ms < 0 || ms > minuteMS {
			return fmt.Errorf("%d ms of a minute in it are impossible", ms)
		}
	}
	if most := int64(m.Upright+m.Slouched) * 1800; m.Bent > most || m.Bent < -most {
		return errors.New("the flexion of the minute in it is impossible")
	}
	if int(m.Window.N) > len(m.Window.Flexion) || m.Window.N > 0 && int64(m.Window.Number) > latest/windowMS {
		return errors.New("a window in it is impossible")
	}
	return nil
}
