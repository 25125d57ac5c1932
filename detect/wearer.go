package detect

import "sitwell/schemas"

// Wearer is the state of one wearer.
type Wearer struct {
	org, wearer schemas.ID
	p           *Params
}

// NewWearer is a wearer of whom nothing is known yet.
func NewWearer(org, wearer schemas.ID, p *Params) *Wearer {
	return &Wearer{org: org, wearer: wearer, p: p}
}

// Take judges a batch of one device, in the order of the log, and appends the
// results to out.
func (w *Wearer) Take(b *schemas.Batch, out *Output) {}

// OpenMinute is the rollup of the minute that is still open, as it stands; a
// later rollup of the same minute replaces it. It is false if there is nothing
// new since the last rollup.
func (w *Wearer) OpenMinute() (schemas.Rollup, bool) { return schemas.Rollup{}, false }
