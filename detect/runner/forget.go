package runner

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// forget lets go of wearers who are erased, once their readings have stopped, and
// writes both slots of the checkpoint, which then know nothing of them either. A log
// that cannot say it now is asked again at the next tick; a save that fails is made up
// for by the next two.
func (r *Runner) forget(ctx context.Context) {
	if r.o.Gone == nil {
		return
	}
	for _, p := range r.held() {
		some, err := r.forgetIn(ctx, p)
		for i := 0; i < len(p.chunks) && some && err == nil; i++ {
			err = r.save(ctx, idleLag, p.n, len(r.partitions))
		}
		if err != nil {
			r.o.Logger.Warn("who is erased is not forgotten yet, trying again", "partition", p.n, "err", err)
			return
		}
	}
}

// forgetIn lets go of those of a partition.
func (r *Runner) forgetIn(ctx context.Context, p *partition) (some bool, err error) {
	for k, w := range p.wearers {
		if !w.flushed {
			continue
		}
		gone, err := r.o.Gone(ctx, k.org, k.wearer)
		if err != nil {
			return some, err
		}
		if gone {
			delete(p.wearers, k)
			p.dirty, p.wiping, some = true, len(p.chunks), true
		}
	}
	return some, nil
}

// wipe adds empty chunks in place of those of a slot that are not needed any more, while
// they may hold somebody who was forgotten.
func (p *partition) wipe(owner string, chunks [][]byte, there int) ([][]byte, error) {
	if p.wiping == 0 {
		return chunks, nil
	}
	for len(chunks) < there {
		b, err := cbor.Marshal(chunk{Owner: owner, Epoch: p.epoch, Cut: p.seq})
		if err != nil {
			return nil, fmt.Errorf("encode chunk: %w", err)
		}
		chunks = append(chunks, b)
	}
	return chunks, nil
}
