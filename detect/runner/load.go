package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// load makes the partitions ready to go on in the log.
func (r *Runner) load(ctx context.Context) error {
	if err := r.loadAll(ctx); err != nil {
		return err
	}
	return r.checkLog(ctx)
}

// checkLog starts from the beginning of a log that ends before a checkpoint: it
// was replaced since, or lost its end, and no partition's sequence means
// anything in it. The wearers' state stays: the devices' own sequences in it
// drop what was judged before.
func (r *Runner) checkLog(ctx context.Context) error {
	last, err := r.o.Log.LastSeq(ctx, schemas.StreamReadings)
	if err != nil {
		return fmt.Errorf("compare checkpoints with the log: %w", err)
	}
	seq := uint64(0)
	for _, p := range r.partitions {
		seq = max(seq, p.seq)
	}
	if seq <= last {
		return nil
	}
	r.o.Logger.Warn("the log ends before a checkpoint; judging it from its beginning with the state of the checkpoints",
		"checkpoint", seq, "end", last)
	for _, p := range r.partitions {
		// Dirty, so that the old sequences go at once: the log may have outgrown
		// them by the next start.
		p.seq, p.saved, p.dirty = 0, 0, true
	}
	return nil
}

// loadAll reads the checkpoints of all partitions.
func (r *Runner) loadAll(ctx context.Context) error {
	r.partitions = make([]*partition, r.o.Log.Partitions())
	for n := range r.partitions {
		p, err := r.loadPartition(ctx, n)
		if errors.Is(err, errCheckpoint) {
			r.o.Logger.Error("checkpoint cannot be read, judging the log from its beginning", "partition", n, "err", err)
			p.seq, p.saved, p.wearers, p.dirty, err = 0, 0, map[key]*wearer{}, true, nil
		}
		if err != nil {
			return fmt.Errorf("read checkpoint of partition %d: %w", n, err)
		}
		r.partitions[n] = p
	}
	return nil
}

// loadPartition reads one checkpoint. If the error is errCheckpoint, the
// revisions of p hold nevertheless, so that it can be written anew.
func (r *Runner) loadPartition(ctx context.Context, n int) (*partition, error) {
	p := &partition{wearers: map[key]*wearer{}}
	h, damage := head{}, error(nil)
	entry, err := r.o.Checkpoints.Get(ctx, headKey(n))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
	case err != nil:
		return nil, err
	default:
		p.revision = entry.Revision()
		if err := cbor.Unmarshal(entry.Value(), &h); err != nil || h.Version != checkpointVersion || h.Slot>>1 != 0 {
			h, damage = head{}, fmt.Errorf("%w: its head is not of version %d", errCheckpoint, checkpointVersion)
		}
	}
	p.seq, p.saved, p.slot, p.count = h.Seq, h.Seq, h.Slot, h.Chunks
	for slot := range p.chunks {
		want := 0
		if slot == h.Slot {
			want = h.Chunks
		}
		broken, err := r.loadSlot(ctx, p, n, slot, want)
		if err != nil {
			return nil, err
		}
		damage = errors.Join(damage, broken)
	}
	return p, damage
}

// loadSlot decodes the first want chunks of a slot, and notes the revisions of
// those and of whatever else an earlier run left there.
func (r *Runner) loadSlot(ctx context.Context, p *partition, n, slot, want int) (damage, err error) {
	for i := 0; ; i++ {
		entry, err := r.o.Checkpoints.Get(ctx, chunkKey(n, slot, i))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			if i >= want {
				return damage, nil
			}
			p.chunks[slot] = append(p.chunks[slot], 0)
			damage = errors.Join(damage, fmt.Errorf("%w: %s is missing", errCheckpoint, chunkKey(n, slot, i)))
			continue
		}
		if err != nil {
			return nil, err
		}
		p.chunks[slot] = append(p.chunks[slot], entry.Revision())
		if i < want && damage == nil {
			damage = p.decode(entry.Value(), r.o.Parameters)
		}
	}
}
