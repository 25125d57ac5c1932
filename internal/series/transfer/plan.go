package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const day = 24 * time.Hour

// plan is what is copied, in which order.
type plan struct {
	extents []series.Extent // by organisation and wearer
	orgs    []schemas.ID    // whose aggregates are copied, in order
}

func planOf(ctx context.Context, from series.Store, orgs []schemas.ID) (plan, error) {
	p := plan{orgs: slices.Clone(orgs)}
	err := from.Wearers(ctx, func(e series.Extent) error {
		p.extents = append(p.extents, e)
		p.orgs = append(p.orgs, e.Org)
		return nil
	})
	if err != nil {
		return plan{}, fmt.Errorf("list the source's wearers: %w", err)
	}
	slices.SortFunc(p.extents, func(a, b series.Extent) int {
		return cmp.Or(a.Org.Compare(b.Org), a.Wearer.Compare(b.Wearer))
	})
	slices.SortFunc(p.orgs, schemas.ID.Compare)
	p.orgs = slices.Compact(p.orgs)
	return p, nil
}

func (p *plan) units() (n int) {
	for _, e := range p.extents {
		n += int(e.To.Sub(e.From) / day)
	}
	return n
}

// fingerprint names the plan: the same one has the same units in the same order.
func (p *plan) fingerprint() string {
	h := sha256.New()
	for _, e := range p.extents {
		_, _ = fmt.Fprintln(h, e.Org, e.Wearer, e.From.Unix(), e.To.Unix()) // of a hash, which takes all
	}
	return "copy-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// each are the units and their number, from 0 on: the oldest day first, and in it by
// organisation and wearer. A store of files by the day is filled file by file.
func (p *plan) each() iter.Seq2[int, series.Query] {
	return func(yield func(int, series.Query) bool) {
		var from, to time.Time
		for i, e := range p.extents {
			if i == 0 || e.From.Before(from) {
				from = e.From
			}
			if e.To.After(to) {
				to = e.To
			}
		}
		n := 0
		for ; from.Before(to); from = from.Add(day) {
			for _, e := range p.extents {
				if from.Before(e.From) || !from.Before(e.To) {
					continue
				}
				if !yield(n, series.Query{Org: e.Org, Wearer: e.Wearer, From: from, To: from.Add(day)}) {
					return
				}
				n++
			}
		}
	}
}
