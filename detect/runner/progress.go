package runner

import (
	"maps"
	"sync"
)

// progress is how far the runner is, for others to ask.
type progress struct {
	mu   sync.Mutex // guards done
	done map[int]uint64
}

func newProgress() progress { return progress{done: map[int]uint64{}} }

// reached notes that of a partition everything up to a sequence is judged, and what
// was found is on disk.
func (p *progress) reached(n int, seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[n] = seq
}

// forget drops a partition that another one judges from now on.
func (p *progress) forget(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.done, n)
}

// positions is by partition up to where everything is done.
func (p *progress) positions() map[int]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.done)
}
