package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// checkLog starts from the beginning of a log that is not the one of which a
// checkpoint speaks, or that ends before it: it was replaced since, or lost its end,
// and the sequence means nothing in it. The wearers' state stays: the devices' own
// sequences in it drop what was judged before.
func (r *Runner) checkLog(ctx context.Context) error {
	is, err := r.o.Log.Identity(ctx, schemas.StreamReadings)
	if err != nil {
		return fmt.Errorf("compare checkpoints with the log: %w", err)
	}
	last, err := r.o.Log.LastSeq(ctx, schemas.StreamReadings)
	if err != nil {
		return fmt.Errorf("compare checkpoints with the log: %w", err)
	}
	seq := uint64(0)
	for _, p := range r.held() {
		p.seq = max(p.seq, r.last)
		seq = max(seq, p.seq)
	}
	for _, p := range r.held() {
		another := p.log != "" && p.log != is
		p.log = is
		if !another && seq <= last {
			continue
		}
		r.o.Logger.Warn("the log is not the one of this checkpoint, or ends before it; judging it from its beginning with the state of the checkpoint",
			"partition", p.n, "checkpoint", p.seq, "end", last)
		// Dirty, so that the old sequences go at once: the log may have outgrown
		// them by the next start.
		p.seq, p.saved, p.dirty, r.last = 0, 0, true, 0
	}
	return nil
}

// load takes a partition over under an epoch and reads its checkpoint. It fails
// with errFenced if there is an owner of a higher epoch. A checkpoint that cannot
// be read is begun anew.
func (r *Runner) load(ctx context.Context, n int, epoch uint64) (*partition, error) {
	p, err := r.loadOnce(ctx, n, epoch)
	fence := &fenced{}
	for r.o.Lease == nil && errors.As(err, &fence) {
		r.all.epochs[n] = fence.epoch + 1
		p, err = r.loadOnce(ctx, n, fence.epoch+1)
	}
	return p, err
}

func (r *Runner) loadOnce(ctx context.Context, n int, epoch uint64) (*partition, error) {
	p := &partition{n: n, epoch: epoch, wearers: map[key]*wearer{}, loaded: time.Now()}
	h, damage, err := r.seal(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("take partition %d over: %w", n, err)
	}
	p.follow(&h)
	p.seq, p.log = h.Seq, h.Log
	for slot := range p.chunks {
		want := 0
		if slot == h.Slot {
			want = h.Chunks
		}
		broken, err := r.loadSlot(ctx, p, slot, want)
		if err != nil {
			return nil, fmt.Errorf("read checkpoint of partition %d: %w", n, err)
		}
		damage = errors.Join(damage, broken)
	}
	if damage == nil {
		return p, nil
	}
	r.o.Logger.Error("checkpoint cannot be read, judging the log from its beginning", "partition", n, "err", damage)
	p.seq, p.saved, p.wearers, p.dirty = 0, 0, map[key]*wearer{}, true
	return p, nil
}

// follow notes what the head in the bucket says.
func (p *partition) follow(h *head) { p.saved, p.slot, p.count, p.cut = h.Seq, h.Slot, h.Chunks, h.Cut }

// readHead reads a partition's head; revision 0 is that there is none.
func (r *Runner) readHead(ctx context.Context, n int) (h head, revision uint64, damage, err error) {
	entry, err := r.o.Checkpoints.Get(ctx, headKey(n))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return h, 0, nil, nil
	case err != nil:
		return h, 0, nil, fmt.Errorf("read %s: %w", headKey(n), err)
	}
	if err := cbor.Unmarshal(entry.Value(), &h); err != nil || h.Version != checkpointVersion || h.Slot>>1 != 0 {
		damage = fmt.Errorf("%w: its head is not of version %d", errCheckpoint, checkpointVersion)
		h = head{Epoch: stampOf(entry.Value()).Epoch} // begun anew
	}
	return h, entry.Revision(), damage, nil
}

// seal writes the head as it is under the own name and epoch, so that no owner
// before can write it any more, and so nothing that it names.
func (r *Runner) seal(ctx context.Context, p *partition) (h head, damage, err error) {
	for {
		var revision uint64
		h, revision, damage, err = r.readHead(ctx, p.n)
		if err != nil {
			return h, nil, err
		}
		mine := h.Owner == r.owner && h.Epoch == p.epoch
		if h.Epoch >= p.epoch && !mine {
			return h, nil, &fenced{headKey(p.n), h.Epoch}
		}
		before := h.Owner
		h.Version, h.Owner, h.Epoch = checkpointVersion, r.owner, p.epoch
		if p.revision, err = r.put(ctx, headKey(p.n), &h, revision); err == nil {
			p.sealed = true
			if before != "" && before != r.owner {
				r.metrics.takeovers.Inc()
			}
			return h, damage, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) { // or else somebody was faster, perhaps this runner itself
			return h, nil, err
		}
	}
}

// reseal makes sure of the head again: after a write that was not answered, nobody
// knows which slot it names, and the answer may even come late. Of the state in
// memory it changes nothing.
func (r *Runner) reseal(ctx context.Context, p *partition) error {
	for {
		h, revision, _, err := r.readHead(ctx, p.n)
		if err != nil {
			return err
		}
		if h.Owner != r.owner || h.Epoch != p.epoch {
			return &fenced{headKey(p.n), h.Epoch}
		}
		p.follow(&h)
		if p.revision, err = r.put(ctx, headKey(p.n), &h, revision); err == nil {
			p.sealed = true
			return nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return err
		}
	}
}

// loadSlot decodes the first want chunks of a slot, and notes the revisions of
// those and of whatever else an earlier run left there.
func (r *Runner) loadSlot(ctx context.Context, p *partition, slot, want int) (damage, err error) {
	for i := 0; ; i++ {
		name := chunkKey(p.n, slot, i)
		entry, err := r.o.Checkpoints.Get(ctx, name)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			if i >= want {
				return damage, nil
			}
			p.chunks[slot] = append(p.chunks[slot], 0)
			damage = errors.Join(damage, fmt.Errorf("%w: %s is missing", errCheckpoint, name))
			continue
		}
		if err != nil {
			return nil, err
		}
		if epoch := stampOf(entry.Value()).Epoch; epoch > p.epoch {
			return nil, &fenced{name, epoch}
		}
		p.chunks[slot] = append(p.chunks[slot], entry.Revision())
		if i < want && damage == nil {
			if damage, err = r.loadChunk(ctx, p, name, entry.Value()); err != nil {
				return nil, err
			}
		}
	}
}

// loadChunk brings the wearers of a chunk back, once their teams are known.
func (r *Runner) loadChunk(ctx context.Context, p *partition, name string, b []byte) (damage, err error) {
	var c chunk
	if err := cbor.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("%w: %s: %w", errCheckpoint, name, err), nil
	}
	if p.cut != 0 && c.Cut != p.cut {
		return fmt.Errorf("%w: %s is of another checkpoint", errCheckpoint, name), nil
	}
	for _, s := range c.Wearers {
		if err := r.know(ctx, s.Org, s.Wearer); err != nil {
			return nil, err
		}
	}
	return p.decode(&c, r.o.Parameters), nil
}
