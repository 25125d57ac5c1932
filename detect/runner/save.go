package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// idleLag is how many messages of the log a partition without any of its own
// lets pass before its checkpoint follows, which spares reading them again.
const idleLag = 10_000

// save writes what was found and then, of every step-th partition from one on,
// the checkpoints of those that have moved by themselves, or of which the log
// has moved on by lag. A partition that another detector has taken over is let go
// of, and the others go on.
func (r *Runner) save(ctx context.Context, lag uint64, from, step int) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	var moved []*partition
	for n := from; n < len(r.partitions); n += step {
		if p := r.partitions[n]; p != nil && (p.dirty || r.last >= p.saved+lag) {
			moved = append(moved, p)
		}
	}
	all := r.saveAll(ctx, moved)
	var errs []error
	lost := 0
	for _, p := range moved {
		err := all[p]
		switch {
		case errors.Is(err, errFenced) && r.o.Lease != nil:
			r.drop(p, err)
			lost++
		case err != nil:
			errs = append(errs, fmt.Errorf("save checkpoint of partition %d: %w", p.n, err))
		}
	}
	r.sayFenced(lost)
	return first(errs)
}

// saveAll saves partitions, many at a time, each in the order of the fence. It says of
// which there was an error.
func (r *Runner) saveAll(ctx context.Context, moved []*partition) map[*partition]error {
	var mu sync.Mutex // guards errs
	errs := map[*partition]error{}
	var group errgroup.Group
	group.SetLimit(partitionsAtOnce)
	for _, p := range moved {
		group.Go(func() error {
			if err := r.savePartition(ctx, p); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs[p] = err
			}
			return nil
		})
	}
	_ = group.Wait() // none fails
	return errs
}

// savePartition writes the checkpoint of a partition of which everything found is
// on disk.
func (r *Runner) savePartition(ctx context.Context, p *partition) error {
	if !p.sealed {
		if err := r.reseal(ctx, p); err != nil {
			return err
		}
	}
	p.seq = max(p.seq, r.last) // the log was read in order: there is no more of it
	h := head{
		Version: checkpointVersion, Owner: r.owner, Epoch: p.epoch,
		Seq: p.seq, Slot: p.slot, Chunks: p.count, Cut: p.cut, Log: p.log,
	}
	if p.dirty {
		h.Slot, h.Cut = 1-p.slot, p.seq
		chunks, err := p.encode(r.owner, r.chunk)
		if err != nil {
			return err
		}
		h.Chunks = len(chunks)
		if chunks, err = p.wipe(r.owner, chunks, len(p.chunks[h.Slot])); err != nil {
			return err
		}
		if err := r.saveSlot(ctx, p, h.Slot, chunks); err != nil {
			return err
		}
	}
	revision, err := r.put(ctx, headKey(p.n), &h, p.revision)
	if errors.Is(err, jetstream.ErrKeyExists) {
		p.sealed = false
		return r.reseal(ctx, p) // says who, unless it was an own write
	}
	if err != nil {
		p.sealed = false // it may have been written all the same
		return err
	}
	if p.revision = revision; p.dirty {
		p.wiping = max(p.wiping-1, 0)
		p.dirty = p.wiping > 0
	}
	p.follow(&h)
	return nil
}

// saveSlot writes the chunks of a slot in any order: nothing names them yet.
func (r *Runner) saveSlot(ctx context.Context, p *partition, slot int, chunks [][]byte) error {
	for len(p.chunks[slot]) < len(chunks) {
		p.chunks[slot] = append(p.chunks[slot], 0)
	}
	var group errgroup.Group
	group.SetLimit(r.atOnce)
	for i, b := range chunks {
		group.Go(func() error {
			revision, err := r.writeChunk(ctx, p, chunkKey(p.n, slot, i), b, p.chunks[slot][i])
			if err != nil {
				return err
			}
			p.chunks[slot][i] = revision
			return nil
		})
	}
	return group.Wait() //nolint:wrapcheck // each says which it was
}

// writeChunk writes a chunk. It writes over what an owner of a lower epoch has left
// there since, and over an own write whose answer was lost; the head does not name
// either. What an owner of a higher epoch has written it leaves alone.
func (r *Runner) writeChunk(ctx context.Context, p *partition, key string, b []byte, revision uint64) (uint64, error) {
	for {
		next, err := r.putRaw(ctx, key, b, revision)
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return next, err
		}
		entry, err := r.o.Checkpoints.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			revision = 0 // deleted by hand
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read %s back: %w", key, err)
		}
		s := stampOf(entry.Value())
		if s.Epoch >= p.epoch && s != (stamp{r.owner, p.epoch}) {
			return 0, &fenced{key, s.Epoch}
		}
		revision = entry.Revision()
	}
}

// put writes a head whose revision must be the one given; 0 is none.
func (r *Runner) put(ctx context.Context, key string, h *head, revision uint64) (uint64, error) {
	b, err := cbor.Marshal(h)
	if err != nil {
		return 0, fmt.Errorf("encode head: %w", err)
	}
	return r.putRaw(ctx, key, b, revision)
}

// putRaw writes a key by compare-and-set. It fails with jetstream.ErrKeyExists where
// the revision is another one.
func (r *Runner) putRaw(ctx context.Context, key string, b []byte, revision uint64) (next uint64, err error) {
	if revision == 0 {
		next, err = r.o.Checkpoints.Create(ctx, key, b)
	} else {
		next, err = r.o.Checkpoints.Update(ctx, key, b, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", key, err)
	}
	return next, nil
}
