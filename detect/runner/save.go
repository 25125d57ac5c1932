package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"
)

// idleLag is how many messages of the log a partition without any of its own
// lets pass before its checkpoint follows, which spares reading them again.
const idleLag = 10_000

// save writes what was found and then, of every step-th partition from first on,
// the checkpoints of those that have moved by themselves, or of which the log
// has moved on by lag.
func (r *Runner) save(ctx context.Context, lag uint64, first, step int) error {
	if err := r.writeRollups(ctx); err != nil {
		return err
	}
	if err := r.out.Flush(ctx); err != nil {
		return err
	}
	for n := first; n < len(r.partitions); n += step {
		p := r.partitions[n]
		if !p.dirty && r.last < p.saved+lag {
			continue
		}
		p.seq = max(p.seq, r.last) // the log was read in order: there is no more of it
		if err := r.savePartition(ctx, n, p); err != nil {
			return fmt.Errorf("save checkpoint of partition %d: %w", n, err)
		}
	}
	return nil
}

func (r *Runner) savePartition(ctx context.Context, n int, p *partition) error {
	h := head{Version: checkpointVersion, Owner: r.owner, Seq: p.seq, Slot: p.slot, Chunks: p.count}
	if p.dirty {
		h.Slot = 1 - p.slot
		chunks, err := p.encode(r.owner)
		if err != nil {
			return err
		}
		h.Chunks = len(chunks)
		if err := r.saveSlot(ctx, p, n, h.Slot, chunks); err != nil {
			return err
		}
	}
	b, err := cbor.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode head: %w", err)
	}
	if p.revision, err = r.swap(ctx, headKey(n), b, p.revision); err != nil {
		return err
	}
	p.saved, p.slot, p.count, p.dirty = p.seq, h.Slot, h.Chunks, false
	return nil
}

func (r *Runner) saveSlot(ctx context.Context, p *partition, n, slot int, chunks [][]byte) error {
	for i, b := range chunks {
		if i == len(p.chunks[slot]) {
			p.chunks[slot] = append(p.chunks[slot], 0)
		}
		revision := &p.chunks[slot][i]
		var err error
		if *revision, err = r.swap(ctx, chunkKey(n, slot, i), b, *revision); err != nil {
			return err
		}
	}
	return nil
}

// swap writes a key whose revision must be the one this run knows; 0 is none.
// An own write whose answer was lost is found by its owner and written over. It
// returns the key's revision as far as it is known.
func (r *Runner) swap(ctx context.Context, key string, b []byte, revision uint64) (uint64, error) {
	for {
		var next uint64
		var err error
		if revision == 0 {
			next, err = r.o.Checkpoints.Create(ctx, key, b)
		} else {
			next, err = r.o.Checkpoints.Update(ctx, key, b, revision)
		}
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) { // also says that the revision is another
			return revision, fmt.Errorf("write %s: %w", key, err)
		}
		entry, err := r.o.Checkpoints.Get(ctx, key)
		if err != nil {
			return revision, fmt.Errorf("read %s back: %w", key, err)
		}
		if ownerOf(entry.Value()) != r.owner {
			return revision, fmt.Errorf("write %s: %w; run one detector on a log", key, errFenced)
		}
		revision = entry.Revision()
	}
}
