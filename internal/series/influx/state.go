package influx

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// stateAt is the time of all points of the state, so that each is overwritten.
	stateAt = int64(0)
	// stateFor is how long the state counts that an append has read: what another process
	// changed counts after that at the latest. An erasure's time lies further ahead.
	stateFor = 2 * time.Second
	// maxErased bounds the wearers that are remembered as erased or not; above it, all are
	// forgotten and looked up again.
	maxErased = 1 << 17
)

// state is how far streams are stored, and who was erased.
type state struct {
	read      time.Time
	positions map[string]series.Position
	salt      []byte           // of tombstones, none as long as nobody was erased
	before    map[string]int64 // by key: what is earlier, in milliseconds, is not taken
	of        map[wearerName]int64
}

type wearerName struct{ org, wearer schemas.ID }

// readState reads all of it: some streams, and a tombstone for each wearer who was ever
// erased.
func (s *Store) readState(ctx context.Context) (*state, error) {
	st := &state{read: time.Now(), positions: map[string]series.Position{}, before: map[string]int64{}, of: map[wearerName]int64{}}
	f := new(flux).from(s.bucket(bucketState), stateAt, stateAt+1, measurements(measPositions, measTombstones, measSalt))
	if err := s.rows(ctx, f, st.take); err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return st, nil
}

// take takes one field of a point.
func (st *state) take(r *row) error {
	switch r.text(colMeasurement) {
	case measPositions:
		stream := r.text(tagStream)
		at := st.positions[stream]
		if r.text(colField) == fieldSeq {
			at.Seq = uint64(r.int(colValue)) //nolint:gosec // written from one
		} else {
			at.Log = strings.Clone(r.text(colValue))
		}
		st.positions[strings.Clone(stream)] = at
	case measTombstones:
		st.before[strings.Clone(r.text(tagKey))] = r.int(colValue)
	case measSalt:
		salt, err := hex.DecodeString(r.text(colValue))
		if err != nil || len(salt) == 0 {
			return errors.New("the salt of its tombstones is damaged")
		}
		st.salt = salt
	}
	return nil
}

// recall is the state as it was at most stateFor ago. The caller holds writes.
func (s *Store) recall(ctx context.Context) (*state, error) {
	if s.state != nil && time.Since(s.state.read) < stateFor {
		return s.state, nil
	}
	if err := s.patience.wait(ctx); err != nil {
		return nil, err
	}
	st, err := s.readState(ctx)
	if e, ok := errors.AsType[*Error](err); ok && e.busy() {
		s.patience.set(e.RetryAfter)
	}
	s.state = st
	return st, err
}

// setPosition stores how far a stream is. The caller holds writes.
func (s *Store) setPosition(ctx context.Context, stream string, p series.Position) error {
	if !plain(p.Log) {
		return fmt.Errorf("the log's name %q has control characters in it", p.Log)
	}
	points := newPoints()
	points.enc.SetLax(false) // a stream may have any name
	points.start(measPositions)
	points.tag(tagStream, stream)
	points.text(fieldLog, p.Log)
	points.int(fieldSeq, int64(p.Seq)) //nolint:gosec // the log counts to 2^63 at most
	points.end(stateAt)
	if err := points.enc.Err(); err != nil {
		return fmt.Errorf("name a stream: %w", err)
	}
	if err := s.write(ctx, bucketState, points.bytes()); err != nil {
		s.state = nil // whether it is stored is not known
		return err
	}
	if s.state != nil {
		s.state.positions[stream] = p
	}
	return nil
}

// bury stores that nothing of a wearer from before a time, in milliseconds, is taken any
// more. An earlier tombstone is never put back. The caller holds writes.
func (s *Store) bury(ctx context.Context, org, wearer schemas.ID, before int64) error {
	st, err := s.readState(ctx)
	if err != nil {
		return err
	}
	s.state = nil
	points := newPoints()
	if st.salt == nil {
		st.salt = make([]byte, sha256.Size)
		_, _ = rand.Read(st.salt) // it never fails
		points.start(measSalt)
		points.text(fieldValue, hex.EncodeToString(st.salt))
		points.end(stateAt)
	}
	key := st.key(wearerName{org, wearer})
	if stored, ok := st.before[key]; ok {
		before = max(before, stored)
	}
	points.start(measTombstones)
	points.tag(tagKey, key)
	points.int(fieldBefore, before)
	points.end(stateAt)
	return s.write(ctx, bucketState, points.bytes())
}

// key stands for a wearer in a tombstone: who does not have the salt cannot tell a name
// that he guesses.
func (st *state) key(name wearerName) string {
	h := hmac.New(sha256.New, st.salt)
	_, _ = h.Write([]byte(name.org.String() + "/" + name.wearer.String())) // of a hash, which takes all
	return hex.EncodeToString(h.Sum(nil))
}

// erasedBefore is the time, in milliseconds, before which nothing of a wearer is taken.
func (st *state) erasedBefore(org, wearer schemas.ID) int64 {
	if len(st.before) == 0 {
		return minMillis
	}
	name := wearerName{org, wearer}
	before, known := st.of[name]
	if !known {
		var erased bool
		if before, erased = st.before[st.key(name)]; !erased {
			before = minMillis
		}
		if len(st.of) > maxErased {
			clear(st.of)
		}
		st.of[name] = before
	}
	return before
}
