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

// A checkpoint is a version byte, a CRC-32C of the rest, and CBOR. Keys of the
// CBOR are numbers that are never used again for something else, and unknown
// ones are ignored, so that a neighbouring version can read it.
const (
	stateVersion = 1
	stateHeader  = 5 // bytes before the CBOR
)

// ErrState says that bytes are no checkpoint this build can read. Whoever meets
// it starts the wearer anew from the log.
var ErrState = errors.New("damaged or unknown checkpoint of a wearer: rebuild it from the log")

type state struct {
	Org     string       `cbor:"1,keyasint"`
	Wearer  string       `cbor:"2,keyasint"`
	Device  string       `cbor:"3,keyasint"`
	Boot    uint32       `cbor:"4,keyasint"`
	Begun   bool         `cbor:"5,keyasint"`
	Seq     uint64       `cbor:"6,keyasint"`
	Newest  int64        `cbor:"7,keyasint"`
	Waiting []byte       `cbor:"8,keyasint,omitempty"` // by schemas.AppendItems
	Past    []pastState  `cbor:"9,keyasint,omitempty"`
	Rules   rules        `cbor:"10,keyasint"`
	Minute  minute       `cbor:"11,keyasint"`
	Measure *calibration `cbor:"12,keyasint,omitempty"`
}

type pastState struct {
	Device string `cbor:"1,keyasint"`
	Boot   uint32 `cbor:"2,keyasint"`
	Seq    uint64 `cbor:"3,keyasint"`
}

// AppendState appends a checkpoint of w to b.
func (w *Wearer) AppendState(b []byte) ([]byte, error) {
	s := state{
		Org: w.org.String(), Wearer: w.wearer.String(), Device: w.device.String(), Boot: w.boot,
		Begun: w.begun, Seq: w.seq, Newest: w.newest, Rules: w.rules, Minute: w.minute, Measure: w.measuring,
	}
	if len(w.waiting) > 0 {
		var err error
		if s.Waiting, err = schemas.AppendItems(nil, w.waiting); err != nil {
			return b, fmt.Errorf("encode checkpoint of wearer %s: %w", w.wearer, err)
		}
	}
	for _, p := range w.past {
		s.Past = append(s.Past, pastState{p.device.String(), p.boot, p.seq})
	}
	body, err := cbor.Marshal(&s)
	if err != nil {
		return b, fmt.Errorf("encode checkpoint of wearer %s: %w", w.wearer, err)
	}
	b = append(b, stateVersion)
	b = binary.BigEndian.AppendUint32(b, checksum(body))
	return append(b, body...), nil
}

// DecodeWearer brings back what AppendState wrote; b is not kept. The error
// wraps ErrState.
func DecodeWearer(b []byte, p *Params) (*Wearer, error) {
	if len(b) < stateHeader || b[0] != stateVersion {
		return nil, fmt.Errorf("%w: not version %d", ErrState, stateVersion)
	}
	body := b[stateHeader:]
	if binary.BigEndian.Uint32(b[1:]) != checksum(body) {
		return nil, fmt.Errorf("%w: its checksum differs", ErrState)
	}
	var s state
	if err := cbor.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	w, err := s.wearer(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return w, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// wearer checks the state and makes it a wearer again.
func (s *state) wearer(p *Params) (*Wearer, error) {
	ids := names{}
	w := NewWearer(ids.parse(s.Org), ids.parse(s.Wearer), p)
	w.begun, w.boot, w.seq, w.newest = s.Begun, s.Boot, s.Seq, s.Newest
	if s.Begun || s.Device != "" {
		w.device = ids.parse(s.Device)
	}
	if len(s.Past) > mostPast {
		return nil, fmt.Errorf("it has %d past runs, at most %d are kept", len(s.Past), mostPast)
	}
	for _, q := range s.Past {
		w.past = append(w.past, past{run{ids.parse(q.Device), q.Boot}, q.Seq})
	}
	if ids.err != nil {
		return nil, ids.err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	w.rules, w.minute, w.measuring = s.Rules, s.Minute, s.Measure
	return w, s.waiting(w)
}

// check refuses numbers that judging could not go on from.
func (s *state) check() error {
	r := &s.Rules
	for _, f := range []float64{
		r.Last.Flexion, float64(r.Last.Lean), r.Slouch.Bent, s.Minute.Bent, float64(r.Signals.Motion.Sum), float64(r.Signals.Motion.SumQ),
		float64(r.Signals.Gravity[0]), float64(r.Signals.Gravity[1]), float64(r.Signals.Gravity[2]),
	} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("a number in it is not finite")
		}
	}
	for _, f := range r.Signals.Motion.Sums {
		if !(f >= 0 && f <= math.MaxFloat32) {
			return errors.New("a motion in it is not finite")
		}
	}
	switch {
	case r.Signals.Motion.Last >= slots:
		return errors.New("a motion slot in it does not exist")
	case r.Bout.Level < 0 || r.Bout.Level > 3 || r.Slouch.Level < 0 || r.Slouch.Level > 2:
		return errors.New("a level in it does not exist")
	case r.Slouch.Level > 0 && r.Slouch.Dwell <= 0, r.Bout.Level > 0 && !r.Bout.On:
		return errors.New("an episode in it is about nothing")
	case s.Measure != nil && len(s.Measure.Samples) > mostPoses:
		return errors.New("a calibration in it is too long")
	}
	return nil
}

// waiting brings back the items behind a hole.
func (s *state) waiting(w *Wearer) error {
	if len(s.Waiting) == 0 {
		return nil
	}
	items, rest, err := schemas.ReadItems(s.Waiting, nil)
	if err != nil {
		return err
	}
	if len(rest) > 0 || len(items) > mostWaiting {
		return fmt.Errorf("it has %d waiting items and %d bytes behind them", len(items), len(rest))
	}
	before := w.seq
	for i := range items {
		if items[i].Seq <= before {
			return errors.New("what waits in it is not in order")
		}
		before = items[i].Seq
	}
	w.waiting = items
	return nil
}

// names parses identifiers and keeps the first error.
type names struct{ err error }

func (n *names) parse(s string) schemas.ID {
	id, err := schemas.ParseID(s)
	if err != nil && n.err == nil {
		n.err = err
	}
	return id
}
