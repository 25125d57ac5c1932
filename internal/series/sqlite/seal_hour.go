package sqlite

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"sitwell/internal/series/column"
	"sitwell/schemas"
)

// minutesOfHour is how many rows an hour may have before it is sealed.
const minutesOfHour = 60

// hourOf is the key of the hour that a minute's row is of: that of its first minute.
func hourOf(key int64) int64 { return key - (key&maxMinute)%minutesOfHour }

// hourReader takes apart a wearer's hour: what is sealed of it and what is not, a row at a time.
// It uses its memory again and serves one goroutine.
type hourReader struct {
	sealed *column.Reader
	items  []schemas.Item
}

func newHourReader() *hourReader { return &hourReader{sealed: column.NewReader()} }

// hour calls each for the runs of a sealed hour. Their items are valid until it returns; their
// times count from the hour's start.
func (r *hourReader) hour(data []byte, each func(run uint64, items []schemas.Item) error) error {
	if err := r.sealed.Reset(data); err != nil {
		return err
	}
	var run column.Run
	for {
		ok, err := r.sealed.Next(&run)
		if err != nil || !ok {
			return err
		}
		if err := each(run.Number, run.Items); err != nil {
			return err
		}
	}
}

// minute does the same for the segments of a minute's row, times from the minute's start.
func (r *hourReader) minute(data []byte, each func(run uint64, items []schemas.Item) error) error {
	for len(data) > 0 {
		run, n := binary.Uvarint(data)
		if n <= 0 {
			return schemas.ErrRecord
		}
		var err error
		if r.items, data, err = schemas.ReadItems(data[n:], r.items[:0]); err != nil {
			return err
		}
		if err := each(run, r.items); err != nil {
			return err
		}
	}
	return nil
}

// hourPacker makes one row of an hour's rows. It uses its memory again and serves one goroutine.
type hourPacker struct {
	in   *hourReader
	pack *column.Packer
	runs []column.Run // in order of their number
	out  []byte
}

func newHourPacker() *hourPacker {
	return &hourPacker{in: newHourReader(), pack: column.NewPacker()}
}

// reset forgets the hour before.
func (p *hourPacker) reset() {
	for i := range p.runs {
		clear(p.runs[i].Items) // lets go of events
		p.runs[i].Items = p.runs[i].Items[:0]
	}
	p.runs = p.runs[:0]
}

// addHour adds what is sealed of the hour already.
func (p *hourPacker) addHour(data []byte) error {
	return p.in.hour(data, func(run uint64, items []schemas.Item) error {
		p.add(run, items, 0)
		return nil
	})
}

// addMinute adds the row of a minute.
func (p *hourPacker) addMinute(key int64, data []byte) error {
	since := (key - hourOf(key)) * minute
	return p.in.minute(data, func(run uint64, items []schemas.Item) error {
		p.add(run, items, since)
		return nil
	})
}

func (p *hourPacker) add(run uint64, items []schemas.Item, since int64) {
	i, ok := slices.BinarySearchFunc(p.runs, run, func(r column.Run, n uint64) int { return cmp.Compare(r.Number, n) })
	if !ok {
		var spare []schemas.Item
		if n := len(p.runs); n < cap(p.runs) {
			spare = p.runs[: n+1 : n+1][n].Items[:0]
		}
		p.runs = slices.Insert(p.runs, i, column.Run{Number: run, Items: spare})
	}
	all := p.runs[i].Items
	for j := range items {
		all = append(all, items[j])
		all[len(all)-1].Time += since
	}
	p.runs[i].Items = all
}

// packed is the hour as one row, with its n readings and events, valid until the next call.
func (p *hourPacker) packed() (row []byte, n int, err error) {
	for i := range p.runs {
		n += len(p.runs[i].Items)
	}
	if p.out, err = p.pack.Append(p.out[:0], p.runs); err != nil {
		return nil, 0, fmt.Errorf("seal hour: %w", err)
	}
	return p.out, n, nil
}
