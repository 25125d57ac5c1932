package runner

import (
	"context"
	"fmt"
	"sync"
)

// progress lets others wait until the runner has come to a sequence.
type progress struct {
	mu     sync.Mutex // guards what follows
	judged uint64     // everything up to here is judged, and what was found is on disk
	moved  chan struct{}
}

func newProgress() progress { return progress{moved: make(chan struct{})} }

// reached lets those who wait know how far the runner is.
func (p *progress) reached(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq == p.judged {
		return
	}
	p.judged = seq
	close(p.moved)
	p.moved = make(chan struct{})
}

// WaitFor returns once everything in READINGS up to seq is judged and what was
// found is in the log.
func (r *Runner) WaitFor(ctx context.Context, seq uint64) error {
	p := &r.progress
	for {
		p.mu.Lock()
		judged, moved := p.judged, p.moved
		p.mu.Unlock()
		if judged >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait until reading record %d is judged, at %d: %w", seq, judged, ctx.Err())
		}
	}
}
