package series

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"sitwell/schemas"
)

// ErrChanged says that what is stored is not any more what it was when it was read.
var ErrChanged = errors.New("what is stored has changed since it was read")

// State stands for what is stored of a wearer in a range, as StateOf read it. The
// zero State stands for anything.
type State [sha256.Size]byte

// Source is what a State is read from; every Store is one.
type Source interface {
	Readings(ctx context.Context, q Query, each func(Reading) error) error
	Rollups(ctx context.Context, q Query) ([]schemas.Rollup, error)
	Episodes(ctx context.Context, q Query) ([]Episode, error)
	Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error)
}

// StateOf is the state of a range: which readings and events are stored and which of
// them are late, the minutes, and the findings of the episodes that start in it. It
// is read piece by piece: take it before what it is to guard is read, and let Replace
// compare it.
func StateOf(ctx context.Context, s Source, q Query) (state State, err error) {
	d := digest{Hash: sha256.New()}
	for _, part := range []func(context.Context, Source, Query) error{d.readings, d.minutes, d.findings} {
		if err := part(ctx, s, q); err != nil {
			return state, fmt.Errorf("read the state of %s/%s: %w", q.Org, q.Wearer, err)
		}
	}
	return State(d.Sum(nil)), nil
}

// digest takes what is stored, each part with its length.
type digest struct {
	hash.Hash

	buf []byte
}

// readings takes their names: what is stored of one never changes.
func (d *digest) readings(ctx context.Context, s Source, q Query) error {
	n := uint64(0)
	err := s.Readings(ctx, q, func(r Reading) error {
		late := byte(0)
		if r.Late {
			late = 1
		}
		d.buf = append(append(d.buf[:0], r.Device.String()...), 0, late)
		d.buf = binary.LittleEndian.AppendUint32(d.buf, r.Boot)
		d.buf = binary.LittleEndian.AppendUint64(d.buf, r.Seq)
		_, _ = d.Write(d.buf) // of a hash, which takes all
		n++
		return ctx.Err()
	})
	d.end(n)
	return err
}

func (d *digest) minutes(ctx context.Context, s Source, q Query) error {
	rollups, err := s.Rollups(ctx, q)
	if err != nil {
		return err
	}
	b, err := (&schemas.Judged{Rollups: rollups}).Encode()
	_, _ = d.Write(b)
	d.end(uint64(len(b)))
	return err
}

func (d *digest) findings(ctx context.Context, s Source, q Query) error {
	episodes, err := s.Episodes(ctx, q)
	if err != nil {
		return err
	}
	for _, e := range episodes {
		if e.Start.Before(q.From) || !e.Start.Before(q.To) {
			continue
		}
		findings, err := s.Findings(ctx, q.Org, e.ID)
		if err != nil {
			return err
		}
		for i := range findings {
			b, err := findings[i].Encode()
			if err != nil {
				return err
			}
			_, _ = d.Write(b)
			d.end(uint64(len(b)))
		}
	}
	return nil
}

func (d *digest) end(n uint64) { _, _ = d.Write(binary.LittleEndian.AppendUint64(d.buf[:0], n)) }
