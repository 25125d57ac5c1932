package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"sitwell/internal/series"
)

const (
	sqlPosition    = `SELECT seq, log, epoch FROM positions WHERE stream = ?1`
	sqlSetPosition = `INSERT INTO positions (stream, seq, log, epoch) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT DO UPDATE SET seq = ?2, log = ?3, epoch = ?4`

	// Of a file.
	sqlFilePosition    = `SELECT seq FROM positions WHERE stream = ?1 AND epoch = ?2`
	sqlSetFilePosition = `INSERT INTO positions (stream, seq, epoch) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seq = ?2, epoch = ?3`
)

// Append stores a batch, each file's part of it in one transaction with the file's own
// position, and the store's position last. It
// keeps nothing of the batch. The context is asked before it starts and before
// each commit.
func (s *Store) Append(ctx context.Context, batch series.Batch) (done series.Appended, err error) {
	err = errNoStream
	if batch.Stream != "" {
		err = s.change(ctx, func(ctx context.Context, c *changing) error {
			done, err = c.append(ctx, &batch)
			return err
		})
	}
	if err != nil {
		return series.Appended{}, fmt.Errorf("append %s up to %d: %w", batch.Stream, batch.Seq, err)
	}
	return done, nil
}

var errNoStream = errors.New("the batch names no stream")

// position is where a stream stands.
type position struct {
	series.Position

	epoch int64
}

// append stores a batch that is not stored already.
func (c *changing) append(ctx context.Context, batch *series.Batch) (done series.Appended, err error) {
	at, err := positionOf(ctx, c.index, batch.Stream)
	if err != nil {
		return done, err
	}
	log := cmp.Or(batch.Log, at.Log)
	if at.Log != "" && log != at.Log {
		return done, fmt.Errorf("%w: %d of %q is stored, and this is of %q", series.ErrOtherLog, at.Seq, at.Log, batch.Log)
	}
	seq := max(at.Seq, batch.Seq)
	if batch.Seq > at.Seq {
		if done, err = c.store(ctx, batch, at.epoch); err != nil {
			return done, err
		}
	}
	if seq == at.Seq && (log == at.Log || seq == 0) {
		return done, nil
	}
	return done, c.index.exec(ctx, sqlSetPosition, batch.Stream, int64(seq), log, at.epoch) //nolint:gosec // the log counts to 2^63 at most
}

// store stores the parts of a batch, each in its file.
func (c *changing) store(ctx context.Context, batch *series.Batch, epoch int64) (done series.Appended, err error) {
	living, erased := c.known.tombs.living(batch)
	p := plan{changing: c, batch: &living, epoch: epoch, parts: map[fileKey]*part{}, sets: map[blockKey]*set{}, identities: map[fileKey]int64{}}
	if err := p.make(ctx); err != nil {
		return done, err
	}
	for _, part := range p.ordered() {
		if part.skip {
			continue
		}
		if err := c.in(ctx, part.key, part.store); err != nil {
			return done, err
		}
		done.Duplicates += int(part.duplicates)
		part.toBeSealed()
	}
	for key, set := range p.sets {
		if c.known.identities[key.file()] != 0 { // else nobody could tell it from the next one
			c.known.setBlock(key, set.spans)
		}
	}
	done.Erased = erased
	return done, c.storeReaches(ctx, p.reaches)
}

// Position is how far a stream is in the store.
func (s *Store) Position(ctx context.Context, stream string) (series.Position, error) {
	all, err := query(ctx, s, s.index, func(p *position) []any { return []any{&p.Seq, &p.Log, &p.epoch} }, sqlPosition, stream)
	if err != nil {
		return series.Position{}, fmt.Errorf("read position of %s: %w", stream, err)
	}
	if len(all) == 0 {
		return series.Position{}, nil
	}
	return all[0].Position, nil
}

// Rewind forgets the position of a stream and begins an epoch: what files have of
// earlier ones, they take again.
func (s *Store) Rewind(ctx context.Context, stream string) error {
	err := s.change(ctx, func(ctx context.Context, c *changing) error {
		at, err := positionOf(ctx, c.index, stream)
		if err != nil {
			return err
		}
		return c.index.exec(ctx, sqlSetPosition, stream, 0, "", at.epoch+1)
	})
	if err != nil {
		return fmt.Errorf("forget position of %s: %w", stream, err)
	}
	return nil
}

func positionOf(ctx context.Context, index *writer, stream string) (at position, err error) {
	_, err = index.find(ctx, sqlPosition, []any{stream}, []any{&at.Seq, &at.Log, &at.epoch})
	return at, err
}
