package schemas

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// A record is one message of the READINGS log: a version byte and batches.
//
//	record = version batch...
//	batch  = org wearer device boot|ahead<<32 received count item...
//	item   = flags seq time field...
//
// Names are a length and bytes, numbers are varints; seq and time are
// differences to the item before, less the step of one that seq mostly takes.
// A field is there where its flag is. An event is CBOR in place of the fields.
// A reading of angles, motion and sitting takes about 10 bytes. Builds that do
// not know of a clock's correction cut the boot's number to its 32 bits, and so
// pass it over.
const recordVersion = 1

// isEvent marks an item of a record as an event; it is no field of a reading.
const isEvent Fields = 1 << 15

// allFields are those this build reads. A flag beyond them may mean bytes that
// it would take for something else.
const allFields = HasQuality<<1 - 1

// ErrRecord says that bytes are no record this build can read.
var ErrRecord = errors.New("damaged or unknown log record")

// NewRecord is an empty record, to which AppendBatch appends.
func NewRecord(b []byte) []byte { return append(b, recordVersion) }

// AppendBatch appends a batch to a record. A batch without its names or with a
// field this build does not know is refused, because nobody could read it back.
func AppendBatch(b []byte, batch *Batch) ([]byte, error) {
	if batch.Org.IsZero() || batch.Wearer.IsZero() || batch.Device.IsZero() {
		return nil, fmt.Errorf("encode batch: organisation %q, wearer %q, device %q: %w", batch.Org, batch.Wearer, batch.Device, ErrBadID)
	}
	b = appendString(b, batch.Org.s)
	b = appendString(b, batch.Wearer.s)
	b = appendString(b, batch.Device.s)
	b = binary.AppendUvarint(b, uint64(batch.Ahead)<<32|uint64(batch.Boot))
	b = binary.AppendVarint(b, batch.Received)
	return AppendItems(b, batch.Items)
}

// AppendItems appends a count and items, the part of a batch that the embedded
// store keeps too.
func AppendItems(b []byte, items []Item) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(items)))
	var seq uint64
	var at int64
	for i := range items {
		item := &items[i]
		f := item.Fields
		switch {
		case item.Event != nil:
			f = isEvent
		case f&^allFields != 0:
			return nil, fmt.Errorf("encode reading seq %d: unknown fields %#x", item.Seq, uint16(f))
		}
		b = binary.AppendUvarint(b, uint64(f))
		b = binary.AppendVarint(b, int64(item.Seq-seq-1)) //nolint:gosec // wraps, and back on reading
		b = binary.AppendVarint(b, item.Time-at)
		seq, at = item.Seq, item.Time
		if item.Event == nil {
			b = appendFields(b, &item.Reading)
			continue
		}
		event, err := cbor.Marshal(item.Event)
		if err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
		b = appendString(b, string(event))
	}
	return b, nil
}

func appendFields(b []byte, r *Reading) []byte {
	f := r.Fields
	if f.Has(HasTrunk) {
		b = binary.AppendVarint(b, int64(r.TrunkPitch))
		b = binary.AppendVarint(b, int64(r.TrunkRoll))
	}
	if f.Has(HasAcc) {
		for _, g := range r.Acc {
			b = binary.AppendVarint(b, int64(g))
		}
	}
	if f.Has(HasLumbar) {
		b = binary.AppendVarint(b, int64(r.LumbarPitch))
	}
	if f.Has(HasHead) {
		b = binary.AppendVarint(b, int64(r.HeadPitch))
	}
	if f.Has(HasMotion) {
		b = binary.AppendUvarint(b, uint64(r.Motion))
	}
	if f.Has(HasSittingS) {
		b = binary.AppendUvarint(b, uint64(r.SittingS))
	}
	if f.Has(HasSteps) {
		b = binary.AppendUvarint(b, uint64(r.Steps))
	}
	if f.Has(HasBattery) {
		b = append(b, r.Battery)
	}
	if f.Has(HasQuality) {
		b = append(b, r.Quality)
	}
	return b
}

// RecordReader reads the batches of records. It reuses its memory from batch
// to batch and serves one goroutine.
type RecordReader struct {
	in    reader
	items []Item
}

// Reset starts the reading of a record.
func (r *RecordReader) Reset(record []byte) error {
	if len(record) == 0 || record[0] != recordVersion {
		return fmt.Errorf("%w: not version %d", ErrRecord, recordVersion)
	}
	r.in.b, r.in.bad = record[1:], false
	return nil
}

// Next reads the next batch, whose Items are valid until the next call. It
// returns false at the end of the record.
func (r *RecordReader) Next(batch *Batch) (bool, error) {
	if len(r.in.b) == 0 {
		return false, nil
	}
	batch.Org, batch.Wearer, batch.Device = r.in.id(), r.in.id(), r.in.id()
	boot := r.in.uvarint()
	batch.Boot, batch.Ahead = uint32(boot), uint32(boot>>32) //nolint:gosec // written from two of them
	batch.Received = r.in.varint()
	var err error
	if r.items, err = r.in.items(r.items[:0]); err != nil {
		return false, err
	}
	batch.Items = r.items
	return true, nil
}

// ReadItems appends what one AppendItems wrote at the start of b to items, and
// returns what follows it in b.
func ReadItems(b []byte, items []Item) (all []Item, rest []byte, err error) {
	in := reader{b: b}
	all, err = in.items(items)
	return all, in.b, err
}

// reader takes values from a record; after the first that is missing it only
// gives zeros and bad is set.
type reader struct {
	b   []byte
	bad bool
	ids map[string]ID // names seen before, so that they are parsed and allocated once
}

func (in *reader) items(items []Item) ([]Item, error) {
	n := in.uvarint()
	if n > uint64(len(in.b)) { // an item takes at least three bytes
		in.bad = true
	}
	var seq uint64
	var at int64
	for range n {
		if in.bad {
			break
		}
		var item Item
		flags := in.uvarint()
		f := Fields(flags) //nolint:gosec // what does not fit is refused below
		if flags != uint64(isEvent) && flags > uint64(allFields) {
			return items, fmt.Errorf("%w: unknown fields %#x", ErrRecord, flags)
		}
		item.Seq = seq + 1 + uint64(in.varint()) //nolint:gosec // wraps back
		item.Time = at + in.varint()
		seq, at = item.Seq, item.Time
		if f == isEvent {
			item.Event = &Event{}
			if err := cbor.Unmarshal(in.bytes(), item.Event); err != nil {
				return items, fmt.Errorf("%w: event: %w", ErrRecord, err)
			}
		} else {
			item.Fields = f
			in.fields(&item.Reading)
		}
		items = append(items, item)
	}
	if in.bad {
		return items, fmt.Errorf("%w: it ends early", ErrRecord)
	}
	return items, nil
}

//nolint:gosec // each number was written from the type it is read into
func (in *reader) fields(r *Reading) {
	f := r.Fields
	if f.Has(HasTrunk) {
		r.TrunkPitch, r.TrunkRoll = int16(in.varint()), int16(in.varint())
	}
	if f.Has(HasAcc) {
		r.Acc = [3]int16{int16(in.varint()), int16(in.varint()), int16(in.varint())}
	}
	if f.Has(HasLumbar) {
		r.LumbarPitch = int16(in.varint())
	}
	if f.Has(HasHead) {
		r.HeadPitch = int16(in.varint())
	}
	if f.Has(HasMotion) {
		r.Motion = uint16(in.uvarint())
	}
	if f.Has(HasSittingS) {
		r.SittingS = uint32(in.uvarint())
	}
	if f.Has(HasSteps) {
		r.Steps = uint16(in.uvarint())
	}
	if f.Has(HasBattery) {
		r.Battery = in.byte()
	}
	if f.Has(HasQuality) {
		r.Quality = in.byte()
	}
}

func (in *reader) uvarint() uint64 {
	v, n := binary.Uvarint(in.b)
	return v * uint64(in.advance(n)) //nolint:gosec // advance gives 0 or 1
}

func (in *reader) varint() int64 {
	v, n := binary.Varint(in.b)
	return v * int64(in.advance(n))
}

// advance moves past n bytes and returns 1, or marks the end and returns 0.
func (in *reader) advance(n int) int {
	if n <= 0 || n > len(in.b) {
		in.b, in.bad = nil, true
		return 0
	}
	in.b = in.b[n:]
	return 1
}

func (in *reader) byte() byte {
	if len(in.b) == 0 {
		in.bad = true
		return 0
	}
	c := in.b[0]
	in.b = in.b[1:]
	return c
}

func (in *reader) bytes() []byte {
	n := in.uvarint()
	if n > uint64(len(in.b)) {
		in.b, in.bad = nil, true
		return nil
	}
	v := in.b[:n]
	in.b = in.b[n:]
	return v
}

func (in *reader) id() ID {
	name := in.bytes()
	if id, ok := in.ids[string(name)]; ok {
		return id
	}
	if len(in.ids) > maxNames {
		clear(in.ids)
	}
	id, err := ParseID(string(name))
	if err != nil {
		in.bad = true
		return ID{}
	}
	if in.ids == nil {
		in.ids = map[string]ID{}
	}
	in.ids[id.s] = id
	return id
}

// maxNames bounds the names a reader remembers; above it, it starts anew.
const maxNames = 1 << 18

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
