package transfer

import (
	"sitwell/internal/series"
	"sitwell/schemas"
)

// batch is an append that grows.
type batch struct {
	series.Batch

	bytes int            // about what it takes
	runs  map[runKey]int // where in Readings
	marks map[runKey]int // where in Late is the mark that the run's last reading is in
}

// runKey is what a wearer had of a device's run.
type runKey struct {
	org, wearer, device schemas.ID
	boot                uint32
}

func newBatch() *batch { return &batch{runs: map[runKey]int{}, marks: map[runKey]int{}} }

func (b *batch) reading(q series.Query, r series.Reading) {
	key := runKey{q.Org, q.Wearer, r.Device, r.Boot}
	i, ok := b.runs[key]
	if !ok {
		i = len(b.Readings)
		b.runs[key] = i
		b.Readings = append(b.Readings, schemas.Batch{Org: q.Org, Wearer: q.Wearer, Device: r.Device, Boot: r.Boot})
	}
	items := &b.Readings[i]
	items.Items, items.Received = append(items.Items, r.Item), max(items.Received, r.Time)
	b.bytes += readingBytes
	if r.Late {
		b.late(key, r)
	}
}

// late marks a reading. A mark covers sequences one behind the other alone: nothing says
// that what is missing between two of them is late.
func (b *batch) late(key runKey, r series.Reading) {
	if i, ok := b.marks[key]; ok && b.Late[i].Last+1 == r.Seq {
		l := &b.Late[i]
		l.Last, l.From, l.To = r.Seq, min(l.From, r.Time), max(l.To, r.Time)
		return
	}
	b.marks[key] = len(b.Late)
	b.Late = append(b.Late, schemas.Late{
		Org: key.org, Wearer: key.wearer, Device: key.device, Boot: key.boot, First: r.Seq, Last: r.Seq, From: r.Time, To: r.Time,
	})
	b.bytes += readingBytes
}

// take is what is to be appended, and leaves an empty batch.
func (b *batch) take(log string, seq uint64) series.Batch {
	out := b.Batch
	out.Stream, out.Log, out.Seq = Stream, log, seq
	*b = *newBatch()
	return out
}
