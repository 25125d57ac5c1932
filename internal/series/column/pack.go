package column

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"sitwell/schemas"
)

// version is the first byte: of another one everything may be different.
const version = 1

// header is what stands before the first run.
const header = 1 + crc32.Size

// Run is what one run of a device brought.
type Run struct {
	Number uint64 // as its owner counts runs
	Items  []schemas.Item
}

// Packer packs.
type Packer struct {
	fields   []field
	columns  []column // seq, time and those of fields
	blocks   blockWriter
	values   [groupSize]uint64
	readings []schemas.Item
	events   []schemas.Item
}

// NewPacker makes a packer.
func NewPacker() *Packer {
	f := fields()
	return &Packer{fields: f, columns: make([]column, places+len(f))}
}

// Append appends runs, packed. It puts the items of each in order of time and then
// sequence, in place. Times may count from anywhere; from the hour's start they take the
// least. A field counts where its flag is set. A flag that this build does not know is
// refused, because nobody could read it back.
func (p *Packer) Append(b []byte, runs []Run) ([]byte, error) {
	start := len(b)
	b = append(b, version)
	b = append(b, make([]byte, crc32.Size)...)
	var err error
	for _, run := range runs {
		if b, err = p.run(b, run); err != nil {
			return b[:start], fmt.Errorf("pack run %d: %w", run.Number, err)
		}
	}
	binary.LittleEndian.PutUint32(b[start+1:], checksum(b[start+header:]))
	return b, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Order is the order of items of a run: by time, then sequence.
func Order(x, y *schemas.Item) int {
	return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Seq, y.Seq))
}

func order(x, y schemas.Item) int { return Order(&x, &y) }

func (p *Packer) run(b []byte, run Run) ([]byte, error) {
	if !slices.IsSortedFunc(run.Items, order) {
		slices.SortStableFunc(run.Items, order)
	}
	readings, err := p.split(run.Items)
	if err != nil {
		return b, err
	}
	b = binary.AppendUvarint(b, run.Number)
	b = binary.AppendUvarint(b, uint64(len(readings)))
	p.bits(readings)
	b = binary.AppendUvarint(b, uint64(len(p.blocks.out.b)))
	b = append(b, p.blocks.out.b...)
	return schemas.AppendItems(b, p.events)
}

// split takes the events out. Where there are none the readings stay where they are.
func (p *Packer) split(items []schemas.Item) ([]schemas.Item, error) {
	p.events = p.events[:0]
	for i := range items {
		switch {
		case items[i].Event != nil:
			p.events = append(p.events, items[i])
		case items[i].Fields&^allFields != 0:
			return nil, fmt.Errorf("reading seq %d: unknown fields %#x", items[i].Seq, uint16(items[i].Fields))
		}
	}
	if len(p.events) == 0 {
		return items, nil
	}
	p.readings = p.readings[:0]
	for i := range items {
		if items[i].Event == nil {
			p.readings = append(p.readings, items[i])
		}
	}
	return p.readings, nil
}

// bits makes the bits of all groups.
func (p *Packer) bits(readings []schemas.Item) {
	out := &p.blocks.out
	out.b = out.b[:0]
	clear(p.columns)
	var state flags
	for len(readings) > 0 {
		group := readings[:min(groupSize, len(readings))]
		readings = readings[len(group):]
		state.write(out, group)
		values := p.values[:len(group)]
		for i := range group {
			values[i] = group[i].Seq
		}
		p.blocks.write(&p.columns[0], values)
		for i := range group {
			values[i] = uint64(group[i].Time) //nolint:gosec // taken modulo 2^64
		}
		p.blocks.write(&p.columns[1], values)
		for i := range p.fields {
			if values := p.gather(&p.fields[i], group); len(values) > 0 {
				p.blocks.write(&p.columns[places+i], values)
			}
		}
	}
	out.flush()
}

// gather takes a field of those readings that have it.
func (p *Packer) gather(f *field, group []schemas.Item) []uint64 {
	n := 0
	for i := range group {
		if r := &group[i].Reading; r.Fields&f.has != 0 {
			p.values[n] = f.get(r)
			n++
		}
	}
	return p.values[:n]
}
