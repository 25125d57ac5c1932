package runner

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/detect"
	"sitwell/schemas"
)

// A checkpoint of a partition is a head and chunks, each a key of the bucket.
// The chunks are written first, into the slot that the present head does not
// name, then the head, by compare-and-set on the head before: a crash in
// between leaves the old checkpoint whole.
type head struct {
	Version int    `cbor:"1,keyasint"`
	Seq     uint64 `cbor:"2,keyasint"` // the last sequence the state holds
	Slot    int    `cbor:"3,keyasint"` // 0 or 1
	Chunks  int    `cbor:"4,keyasint"`
}

type savedWearer struct {
	Org    schemas.ID `cbor:"1,keyasint"`
	Wearer schemas.ID `cbor:"2,keyasint"`
	State  []byte     `cbor:"3,keyasint"`
}

const (
	checkpointVersion = 1
	// chunkBytes keeps a chunk well below the server's max_payload of 1 MiB.
	chunkBytes = 256 << 10
)

var errCheckpoint = errors.New("damaged or unknown checkpoint")

func headKey(n int) string { return "detect." + strconv.Itoa(n) }

func chunkKey(n, slot, i int) string {
	return headKey(n) + "." + strconv.Itoa(slot) + "." + strconv.Itoa(i)
}

// load reads the checkpoints of all partitions.
func (r *Runner) load(ctx context.Context) error {
	r.partitions = make([]*partition, r.o.Log.Partitions())
	for n := range r.partitions {
		p, err := r.loadPartition(ctx, n)
		if errors.Is(err, errCheckpoint) || errors.Is(err, detect.ErrState) {
			r.o.Logger.Error("checkpoint cannot be read, judging the log from its beginning", "partition", n, "err", err)
			err = nil
		}
		if err != nil {
			return err
		}
		r.partitions[n] = p
	}
	return nil
}

func (r *Runner) loadPartition(ctx context.Context, n int) (*partition, error) {
	p := &partition{wearers: map[key]*wearer{}}
	entry, err := r.o.Checkpoints.Get(ctx, headKey(n))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read checkpoint of partition %d: %w", n, err)
	}
	p.revision = entry.Revision()
	var h head
	if err := cbor.Unmarshal(entry.Value(), &h); err != nil || h.Version != checkpointVersion {
		return p, fmt.Errorf("partition %d: %w of version %d", n, errCheckpoint, h.Version)
	}
	wearers := map[key]*wearer{}
	for i := range h.Chunks {
		if err := r.loadChunk(ctx, chunkKey(n, h.Slot, i), wearers); err != nil {
			return p, err
		}
	}
	p.seq, p.saved, p.slot, p.wearers = h.Seq, h.Seq, h.Slot, wearers
	return p, nil
}

func (r *Runner) loadChunk(ctx context.Context, name string, into map[key]*wearer) error {
	entry, err := r.o.Checkpoints.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("%w: %s is missing", errCheckpoint, name)
	}
	if err != nil {
		return fmt.Errorf("read checkpoint %s: %w", name, err)
	}
	var saved []savedWearer
	if err := cbor.Unmarshal(entry.Value(), &saved); err != nil {
		return fmt.Errorf("%w: %s: %w", errCheckpoint, name, err)
	}
	for _, s := range saved {
		state, err := detect.DecodeWearer(s.State, r.o.Params)
		if err != nil {
			return fmt.Errorf("wearer %s/%s: %w", s.Org, s.Wearer, err)
		}
		into[key{s.Org, s.Wearer}] = &wearer{Wearer: state}
	}
	return nil
}

// idleLag is how many messages of the log a partition without any of its own
// lets pass before its checkpoint follows, which spares reading them again.
const idleLag = 10_000

// save writes what was found and then the checkpoints of the partitions that
// have moved.
func (r *Runner) save(ctx context.Context) error {
	if err := r.writeRollups(ctx); err != nil {
		return err
	}
	if err := r.emit.confirm(ctx, len(r.emit.pending)); err != nil {
		return err
	}
	for n, p := range r.partitions {
		if !p.dirty && r.last-p.saved < idleLag {
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
	chunks, err := p.chunks()
	if err != nil {
		return err
	}
	h := head{Version: checkpointVersion, Seq: p.seq, Slot: 1 - p.slot, Chunks: len(chunks)}
	for i, chunk := range chunks {
		if _, err := r.o.Checkpoints.Put(ctx, chunkKey(n, h.Slot, i), chunk); err != nil {
			return fmt.Errorf("write chunk: %w", err)
		}
	}
	b, err := cbor.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode head: %w", err)
	}
	// The compare-and-set is the fence: of two owners the slower one fails here.
	revision, err := r.o.Checkpoints.Update(ctx, headKey(n), b, p.revision)
	if err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	p.revision, p.saved, p.slot, p.dirty = revision, p.seq, h.Slot, false
	return nil
}

// chunks is the state of a partition's wearers in pieces of about chunkBytes.
func (p *partition) chunks() ([][]byte, error) {
	var all [][]byte
	var saved []savedWearer
	size := 0
	flush := func() error {
		b, err := cbor.Marshal(saved)
		if err != nil {
			return fmt.Errorf("encode chunk: %w", err)
		}
		all, saved, size = append(all, b), saved[:0], 0
		return nil
	}
	for k, w := range p.wearers {
		state, err := w.AppendState(nil)
		if err != nil {
			return nil, fmt.Errorf("encode wearer %s/%s: %w", k.org, k.wearer, err)
		}
		saved = append(saved, savedWearer{k.org, k.wearer, state})
		if size += len(state) + 128; size >= chunkBytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if len(saved) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
