package transfer

import (
	"context"
	"fmt"
	"hash/maphash"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	// batchBytes is about how much memory an append may take: once there is more, it is
	// appended, in the middle of a unit if need be.
	batchBytes = 4 << 20
	// What things take in a batch, about.
	readingBytes, rollupBytes, decisionBytes, findingBytes = 72, 104, 600, 3000
	// chunkBits are those of a sequence that count the appends within a unit.
	chunkBits = 24
)

// copier is a copy under way.
type copier struct {
	Options

	limit  int // bytes of an append
	plan   plan
	report Report
	copied int64 // readings in this run
	seed   maphash.Seed
	b      *batch
	// done are the units that are in the destination or in b as a whole, moved where that
	// is not told the destination yet.
	done  uint64
	moved bool
	// chunk counts the appends since done grew, so that no two of a unit have one
	// sequence: what is at or behind a position is dropped, and after a crash a unit
	// need not come in the same pieces.
	chunk uint64
	took  series.Appended // of this unit's appends
}

// resume finds out how far an earlier copy of the same plan came.
func (c *copier) resume(ctx context.Context) error {
	c.b, c.seed = newBatch(), maphash.MakeSeed()
	at, err := c.To.Position(ctx, Stream)
	if err != nil {
		return fmt.Errorf("read how far the copy is: %w", err)
	}
	if at.Seq > 0 && at.Log != c.plan.fingerprint() {
		if err := c.To.Rewind(ctx, Stream); err != nil {
			return fmt.Errorf("begin the copy anew: %w", err)
		}
		c.report.Anew, at.Seq = true, 0
	}
	c.done, c.chunk = at.Seq>>chunkBits, at.Seq&(1<<chunkBits-1)+1
	c.report.Resumed = int(min(c.done, uint64(c.report.Units))) //nolint:gosec // both are a number of units
	return nil
}

// copyUnits appends what is left of the units.
func (c *copier) copyUnits(ctx context.Context) error {
	resumed := c.done
	if c.Progress != nil {
		c.Progress(Progress{Phase: Copying, Done: c.report.Resumed, All: c.report.Units})
	}
	for n, q := range c.plan.each() {
		if uint64(n) < resumed { //nolint:gosec // a number of units
			continue
		}
		if err := c.copyUnit(ctx, q); err != nil {
			return unitError("copy", q, err)
		}
		if c.b.bytes >= c.limit/4 {
			if err := c.flush(ctx); err != nil {
				return unitError("copy", q, err)
			}
		}
		if c.Progress != nil {
			c.Progress(Progress{Phase: Copying, Done: n + 1, All: c.report.Units, Readings: c.copied, Day: q.From})
		}
	}
	return c.flush(ctx)
}

// copyUnit puts a unit into the batch, and appends that where it is full.
func (c *copier) copyUnit(ctx context.Context, q series.Query) error {
	full := func() error {
		if c.b.bytes < c.limit {
			return nil
		}
		return c.flush(ctx)
	}
	n, err := c.read(ctx, c.From, q, sink{
		reading: func(r series.Reading) error { c.b.reading(q, r); return full() },
		rollups: func(all []schemas.Rollup) error {
			c.b.Rollups, c.b.bytes = append(c.b.Rollups, all...), c.b.bytes+len(all)*rollupBytes
			return full()
		},
		finding: func(f schemas.Finding) error {
			c.b.Findings, c.b.bytes = append(c.b.Findings, f), c.b.bytes+findingBytes
			return full()
		},
		decision: func(all []schemas.Decision) error {
			c.b.Decisions, c.b.bytes = append(c.b.Decisions, all...), c.b.bytes+len(all)*decisionBytes
			return full()
		},
	})
	if err != nil {
		return err
	}
	c.done, c.chunk, c.moved = c.done+1, 0, true
	c.copied += n.Readings
	return ctx.Err()
}

// flush appends the batch.
func (c *copier) flush(ctx context.Context) error {
	if c.b.bytes == 0 && !c.moved {
		return nil
	}
	took, err := c.To.Append(ctx, c.b.take(c.plan.fingerprint(), c.done<<chunkBits|c.chunk))
	if err != nil {
		return err
	}
	c.chunk, c.moved = c.chunk+1, false
	c.took.Erased, c.took.Refused, c.took.Expired = c.took.Erased+took.Erased, c.took.Refused+took.Refused, c.took.Expired+took.Expired
	return nil
}
