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
	First   uint64       `cbor:"13,keyasint,omitempty"`
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
		Begun: w.begun, First: w.first, Seq: w.seq, Newest: w.newest, Rules: w.rules, Minute: w.minute, Measure: w.measuring,
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
	w.begun, w.boot, w.first, w.seq, w.newest = s.Begun, s.Boot, s.First, s.Seq, s.Newest
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
	r, m := &s.Rules, &s.Minute
	g, motion, slouch, bout := &r.Signals.Gravity, &r.Signals.Motion, &r.Slouch, &r.Bout
	if !finite(r.Last.Flexion, float64(r.Last.Lean), slouch.Bent, m.Bent, float64(motion.Sum), float64(motion.SumQ),
		float64(g[0]), float64(g[1]), float64(g[2])) {
		return errors.New("a number in it is not finite")
	}
	for _, sum := range motion.Sums {
		if !finite(float64(sum)) || sum < 0 {
			return errors.New("a motion in it is impossible")
		}
	}
	for _, ms := range []int64{
		s.Newest, r.Last.At, motion.From, slouch.Start, slouch.Dwell, slouch.ClearFrom, slouch.Blind.From,
		bout.Start, bout.Len, bout.AwayFrom, bout.Blind.From, bout.LastEnd, m.Minute * minuteMS,
		int64(slouch.Clear), int64(slouch.Moved), int64(bout.Away), int64(bout.Moved),
	} {
		if ms < 0 || ms > latest {
			return fmt.Errorf("a time in it is impossible: %d ms", ms)
		}
	}
	for _, ms := range []int32{m.Sitting, m.Standing, m.Moving, m.NotWorn, m.Upright, m.Slouched} {
		if ms < 0 || ms > minuteMS {
			return fmt.Errorf("%d ms of a minute in it are impossible", ms)
		}
	}
	switch {
	case motion.Last >= slots:
		return errors.New("a motion slot in it does not exist")
	case bout.Level < 0 || bout.Level > 3 || slouch.Level < 0 || slouch.Level > 2:
		return errors.New("a level in it does not exist")
	case slouch.Level > 0 && slouch.Dwell == 0, bout.Level > 0 && !bout.On:
		return errors.New("an episode in it is about nothing")
	case s.Measure != nil && len(s.Measure.Samples) > mostPoses:
		return errors.New("a calibration in it is too long")
	}
	return nil
}

// latest is the greatest event time in a checkpoint, the year 287396, in ms:
// differences of such times do not overflow.
const latest = 1 << 53

func finite(numbers ...float64) bool {
	for _, f := range numbers {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return true
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
