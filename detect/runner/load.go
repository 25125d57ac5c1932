package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// The bounds on what is asked of the log at a time: one question after the other, a
// link that is slow would hold a takeover up for minutes. A chunk has up to chunkBytes
// or a little more, so that the answers stay below the 64 MiB that the client lets wait.
const (
	partitionsAtOnce = 32 // loaded or saved; above it the others wait
	chunksAtOnce     = 2  // read or written of each slot
	wearersAtOnce    = 4  // asked for of each partition
)

// inLog makes the positions those of the log, of which the reader was opened: they mean
// nothing in one that is not the one of which a checkpoint speaks, or that ends
// before it. It was replaced since, or lost its end, and is judged from its beginning.
// The wearers' state stays: the devices' own sequences in it drop what was judged
// before. It reports whether the positions have changed.
func (r *Runner) inLog(is string, last uint64) (changed bool) {
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
		p.seq, p.saved, p.dirty, r.last, changed = 0, 0, true, 0, true
	}
	return changed
}

// taken is a partition that was taken over, and what is in its checkpoint.
type taken struct {
	p      *partition
	seq    uint64
	chunks []chunk // that the head names
	damage error   // the checkpoint cannot be read
	err    error   // the partition could not be taken over
}

// takeOver takes partitions over, each under its epoch, and reads their checkpoints: many
// at a time, and of each in the order of the fence. It fails with errFenced for one
// that has an owner of a higher epoch.
func (r *Runner) takeOver(ctx context.Context, epochs map[int]uint64) map[int]*taken {
	var mu sync.Mutex // guards all
	all := map[int]*taken{}
	var group errgroup.Group
	group.SetLimit(partitionsAtOnce)
	for n, epoch := range epochs {
		group.Go(func() error {
			t, err := r.takeOne(ctx, n, epoch)
			if err != nil {
				t = &taken{err: err}
			}
			mu.Lock()
			defer mu.Unlock()
			all[n] = t
			return nil
		})
	}
	_ = group.Wait() // none fails
	return all
}

func (r *Runner) takeOne(ctx context.Context, n int, epoch uint64) (*taken, error) {
	t, err := r.takeOnce(ctx, n, epoch)
	fence := &fenced{}
	for r.o.Lease == nil && errors.As(err, &fence) {
		t, err = r.takeOnce(ctx, n, fence.epoch+1)
	}
	return t, err
}

// takeOnce seals the head, and only then reads the chunks that it names.
func (r *Runner) takeOnce(ctx context.Context, n int, epoch uint64) (*taken, error) {
	p := &partition{n: n, epoch: epoch, wearers: map[key]*wearer{}, loaded: time.Now()}
	h, damage, err := r.seal(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("take partition %d over: %w", n, err)
	}
	p.follow(&h)
	p.log = h.Log
	t := &taken{p: p, seq: h.Seq, damage: damage}
	if err := r.readSlots(ctx, t); err != nil {
		return nil, fmt.Errorf("read checkpoint of partition %d: %w", n, err)
	}
	if err := r.knowAll(ctx, t); err != nil {
		return nil, fmt.Errorf("read checkpoint of partition %d: %w", n, err)
	}
	return t, nil
}

// load brings a partition back as its checkpoint says. A checkpoint that cannot
// be read is begun anew.
func (r *Runner) load(t *taken) *partition {
	p := t.p
	p.seq = t.seq
	for i := range t.chunks {
		if t.damage == nil {
			t.damage = p.decode(&t.chunks[i], r.o.Parameters)
		}
	}
	if t.damage != nil {
		r.o.Logger.Error("checkpoint cannot be read, judging the log from its beginning", "partition", p.n, "err", t.damage)
		p.seq, p.saved, p.wearers, p.dirty = 0, 0, map[key]*wearer{}, true
	}
	return p
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
	if err := cbor.Unmarshal(entry.Value(), &h); err != nil || h.Version != checkpointVersion || h.Slot>>1 != 0 || h.Chunks < 0 {
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

// readSlots reads the chunks of both slots.
func (r *Runner) readSlots(ctx context.Context, t *taken) error {
	var slots [2][]jetstream.KeyValueEntry
	var group errgroup.Group
	group.SetLimit(min(r.atOnce, len(slots)))
	for slot := range slots {
		group.Go(func() (err error) {
			slots[slot], err = r.readSlot(ctx, t.p, slot)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err //nolint:wrapcheck // the caller says of what
	}
	for slot, entries := range slots {
		for _, entry := range entries {
			t.p.chunks[slot] = append(t.p.chunks[slot], entry.Revision())
		}
	}
	live := slots[t.p.slot]
	for i, entry := range live[:min(len(live), t.p.count)] {
		t.add(chunkKey(t.p.n, t.p.slot, i), entry)
	}
	if len(live) < t.p.count && t.damage == nil {
		t.damage = fmt.Errorf("%w: %s is missing", errCheckpoint, chunkKey(t.p.n, t.p.slot, len(live)))
	}
	return nil
}

// readSlot is the chunks of a slot up to the first that is missing: those that the
// head names, and whatever else an earlier run left there behind them.
func (r *Runner) readSlot(ctx context.Context, p *partition, slot int) (entries []jetstream.KeyValueEntry, err error) {
	for {
		more := make([]jetstream.KeyValueEntry, r.atOnce)
		var group errgroup.Group
		for i := range more {
			group.Go(func() (err error) {
				more[i], err = r.readChunk(ctx, p, chunkKey(p.n, slot, len(entries)+i))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err //nolint:wrapcheck // the caller says of what
		}
		for _, entry := range more {
			if entry == nil {
				return entries, nil
			}
			entries = append(entries, entry)
		}
	}
}

// readChunk is a chunk, nil where there is none. It fails with errFenced if an owner
// of a higher epoch wrote it.
func (r *Runner) readChunk(ctx context.Context, p *partition, name string) (jetstream.KeyValueEntry, error) {
	entry, err := r.o.Checkpoints.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil //nolint:nilnil // as it says
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if epoch := stampOf(entry.Value()).Epoch; epoch > p.epoch {
		return nil, &fenced{name, epoch}
	}
	return entry, nil
}

// add takes a chunk that the head names.
func (t *taken) add(name string, entry jetstream.KeyValueEntry) {
	if t.damage != nil {
		return
	}
	var c chunk
	if err := cbor.Unmarshal(entry.Value(), &c); err != nil {
		t.damage = fmt.Errorf("%w: %s: %w", errCheckpoint, name, err)
		return
	}
	if t.p.cut != 0 && c.Cut != t.p.cut {
		t.damage = fmt.Errorf("%w: %s is of another checkpoint", errCheckpoint, name)
		return
	}
	t.chunks = append(t.chunks, c)
}

// knowAll returns once everything about the wearers of a checkpoint is known.
func (r *Runner) knowAll(ctx context.Context, t *taken) error {
	var group errgroup.Group
	group.SetLimit(wearersAtOnce)
	for i := range t.chunks {
		for _, s := range t.chunks[i].Wearers {
			group.Go(func() error { return r.know(ctx, s.Org, s.Wearer) })
		}
	}
	return group.Wait() //nolint:wrapcheck // it says what it waited for
}
