package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"sitwell/schemas"
)

// ErrVersion says that a newer build packed the bytes.
var ErrVersion = errors.New("an hour of readings packed by a newer version of sitwell")

// ErrDamaged says that bytes are not as they were packed.
var ErrDamaged = errors.New("damaged hour of readings")

// Reader reads what a Packer packed.
type Reader struct {
	fields  []field
	columns []column // seq, time and those of fields
	rest    []byte
	blocks  blockReader
	values  [groupSize]uint64
	items   []schemas.Item
	events  []schemas.Item
}

// NewReader makes a reader.
func NewReader() *Reader {
	f := fields()
	return &Reader{fields: f, columns: make([]column, places+len(f))}
}

// Reset starts to read an hour, of which it keeps the bytes until the next Reset. An
// error is ErrVersion or ErrDamaged.
func (r *Reader) Reset(b []byte) error {
	r.rest = nil
	switch {
	case len(b) > 0 && b[0] > version:
		return fmt.Errorf("%w: layout %d, this build knows %d", ErrVersion, b[0], version)
	case len(b) < header || b[0] != version:
		return fmt.Errorf("%w: it is too short, or of no known layout", ErrDamaged)
	case binary.LittleEndian.Uint32(b[1:]) != checksum(b[header:]):
		return fmt.Errorf("%w: its checksum is of other bytes", ErrDamaged)
	}
	r.rest = b[header:]
	return nil
}

// Next reads the next run, whose items are valid until the next call. It is false at the end.
func (r *Reader) Next(run *Run) (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	number, n, length := r.uvarint(), r.uvarint(), r.uvarint()
	if length > uint64(len(r.rest)) || n > length/2*groupSize { // a group takes more than two bytes
		r.rest = nil
		return false, fmt.Errorf("%w: it ends early", ErrDamaged)
	}
	r.blocks.in.reset(r.rest[:length])
	r.rest = r.rest[length:]
	r.items = r.items[:0]
	if !r.readings(int(n)) { //nolint:gosec // bounded above
		r.rest = nil
		return false, fmt.Errorf("%w: its columns do not hold %d readings", ErrDamaged, n)
	}
	var err error
	if r.events, r.rest, err = schemas.ReadItems(r.rest, r.events[:0]); err != nil {
		r.rest = nil
		return false, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r.merge()
	*run = Run{Number: number, Items: r.items}
	return true, nil
}

// merge puts the events where they belong among the readings, from the last on.
func (r *Reader) merge() {
	readings := len(r.items)
	r.items = append(r.items, r.events...)
	for to := len(r.items) - 1; len(r.events) > 0; to-- {
		last := &r.events[len(r.events)-1]
		if readings > 0 && Order(&r.items[readings-1], last) > 0 {
			readings--
			r.items[to] = r.items[readings]
			continue
		}
		r.items[to] = *last
		r.events = r.events[:len(r.events)-1]
	}
}

// uvarint takes a number, zero where there is none: then the rest is empty, too.
func (r *Reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest = nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// readings reads n of them, or as many as there are, and reports whether it was all.
func (r *Reader) readings(n int) bool {
	in := &r.blocks.in
	clear(r.columns)
	var state flags
	for n > 0 && !in.bad {
		size := min(groupSize, n)
		n -= size
		at := len(r.items)
		r.items = slices.Grow(r.items, size)[:at+size]
		group := r.items[at:]
		clear(group)
		state.read(in, group)
		r.places(group)
		for i := range r.fields {
			r.spread(&r.fields[i], &r.columns[places+i], group)
		}
	}
	return !in.bad
}

func (r *Reader) places(group []schemas.Item) {
	values := r.values[:len(group)]
	r.blocks.read(&r.columns[0], values)
	for i := range group {
		group[i].Seq = values[i]
	}
	r.blocks.read(&r.columns[1], values)
	for i := range group {
		group[i].Time = int64(values[i]) //nolint:gosec // taken modulo 2^64
	}
}

// spread reads a field and gives it to those readings that have it.
func (r *Reader) spread(f *field, c *column, group []schemas.Item) {
	n := 0
	for i := range group {
		if group[i].Fields&f.has != 0 {
			n++
		}
	}
	if n == 0 {
		return
	}
	values := r.values[:n]
	r.blocks.read(c, values)
	for i := range group {
		if item := &group[i].Reading; item.Fields&f.has != 0 {
			f.set(item, values[0])
			values = values[1:]
		}
	}
}
