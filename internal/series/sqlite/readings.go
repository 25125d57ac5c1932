package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// room is memory that appends use again.
type room struct {
	items  []schemas.Item // the new ones, their time within the minute
	chunks []chunk
	merged []schemas.Item
	data   []byte
}

// chunk is a stretch of room.items that goes into one segment.
type chunk struct {
	key, run int64
	from, to int
}

// storeReadings drops what is stored already and appends the rest to its
// minutes: each minute is written once, with one segment for each run.
func (a *appending) storeReadings(ctx context.Context, batches []schemas.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	r := &a.room
	r.items, r.chunks = r.items[:0], r.chunks[:0]
	for i := range batches {
		if err := a.takeNew(ctx, &batches[i]); err != nil {
			return fmt.Errorf("store readings: %w", err)
		}
	}
	slices.SortStableFunc(r.chunks, func(x, y chunk) int {
		return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.run, y.run))
	})
	for rest := r.chunks; len(rest) > 0; {
		n, err := a.storeMinute(ctx, rest)
		if err != nil {
			return fmt.Errorf("store readings: %w", err)
		}
		rest = rest[n:]
	}
	a.counts[countReadings] += int64(len(r.items))
	clear(r.items) // lets go of events
	return a.storeBlocks(ctx)
}

// takeNew copies the items of a batch that are not stored yet to the room.
func (a *appending) takeNew(ctx context.Context, b *schemas.Batch) error {
	wearer, err := a.wearer(ctx, b.Org, b.Wearer)
	if err != nil {
		return err
	}
	run, err := a.run(ctx, runName{b.Org, b.Device, b.Boot})
	if err != nil {
		return err
	}
	r := &a.room
	var set *spans
	block, key, from := int64(-1), int64(-1), len(r.items)
	for i := range b.Items {
		item := &b.Items[i]
		if item.Time < 0 || item.Time > maxMillis || item.Seq > schemas.MaxSeq {
			return fmt.Errorf("reading %d of %s/%s at %d ms: out of range", item.Seq, b.Org, b.Device, item.Time)
		}
		if n := int64(item.Seq >> blockBits); n != block {
			if set, err = a.block(ctx, blockKey{run, n}); err != nil {
				return err
			}
			block = n
		}
		if !set.add(uint16(item.Seq & (1<<blockBits - 1))) {
			a.counts[countDuplicates]++
			continue
		}
		if k := rowKey(wearer, item.Time/minute); k != key {
			r.endChunk(key, run, from)
			key, from = k, len(r.items)
		}
		r.items = append(r.items, *item)
		r.items[len(r.items)-1].Time %= minute
	}
	r.endChunk(key, run, from)
	return nil
}

func (r *room) endChunk(key, run int64, from int) {
	if from < len(r.items) {
		r.chunks = append(r.chunks, chunk{key, run, from, len(r.items)})
	}
}

// storeMinute writes the minute of the first chunk and returns how many chunks
// it took.
//
//	minute  = segment...
//	segment = run items, as schemas.AppendItems writes them, times from the minute's start
func (a *appending) storeMinute(ctx context.Context, chunks []chunk) (n int, err error) {
	r := &a.room
	r.data = r.data[:0]
	key := chunks[0].key
	for n < len(chunks) && chunks[n].key == key {
		run := chunks[n].run
		items := r.items[chunks[n].from:chunks[n].to]
		n++
		if n < len(chunks) && chunks[n].key == key && chunks[n].run == run {
			r.merged = append(r.merged[:0], items...)
			for ; n < len(chunks) && chunks[n].key == key && chunks[n].run == run; n++ {
				r.merged = append(r.merged, r.items[chunks[n].from:chunks[n].to]...)
			}
			items = r.merged
		}
		r.data = binary.AppendUvarint(r.data, uint64(run)) //nolint:gosec // a row's number
		if r.data, err = schemas.AppendItems(r.data, items); err != nil {
			return n, err
		}
	}
	return n, a.exec(ctx, sqlMinute, key, r.data)
}

// block is a set that this append changes.
func (a *appending) block(ctx context.Context, key blockKey) (*spans, error) {
	if set, ok := a.blocks[key]; ok {
		return set, nil
	}
	set, ok := a.known.block(key)
	if !ok {
		var b []byte
		err := a.stmt(ctx, sqlSeen).QueryRowContext(ctx, key.run, key.block).Scan(&b)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read what is stored of run %d: %w", key.run, err)
		}
		if set, err = decodeSpans(b); err != nil {
			return nil, fmt.Errorf("read what is stored of run %d: %w", key.run, err)
		}
	}
	a.blocks[key] = &set
	return &set, nil
}

func (a *appending) storeBlocks(ctx context.Context) error {
	keys := make([]blockKey, 0, len(a.blocks))
	for key := range a.blocks {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y blockKey) int { // in the order of the tree
		return cmp.Or(cmp.Compare(x.run, y.run), cmp.Compare(x.block, y.block))
	})
	for _, key := range keys {
		if err := a.exec(ctx, sqlSetSeen, key.run, key.block, a.blocks[key].encode(a.room.data[:0])); err != nil {
			return fmt.Errorf("store what is stored: %w", err)
		}
	}
	return nil
}

// rowsAtOnce is how many minutes a query holds in memory.
const rowsAtOnce = 60

// Readings reads an hour at a time, so that a slow each holds no snapshot open.
func (s *Store) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	sc, found, err := s.scope(ctx, q)
	if err != nil || !found {
		return wrap("read readings", err)
	}
	m := minuteReader{scope: sc, runs: runNames{store: s, names: map[uint64]runName{}}, marks: lateMarks{store: s, windows: map[uint64]*window{}}}
	first, last := sc.rowRange()
	for first <= last {
		rows, err := s.minutes(ctx, first, last)
		if err != nil {
			return wrap("read readings", err)
		}
		clear(m.marks.windows) // marks are to be as new as the rows
		for _, row := range rows {
			if err := m.decode(ctx, row); err != nil {
				return wrap("read readings", err)
			}
			for i := range m.readings {
				if err := each(m.readings[i]); err != nil {
					return err
				}
			}
		}
		if len(rows) < rowsAtOnce {
			return nil
		}
		first = rows[len(rows)-1].key + 1
	}
	return nil
}

type minuteRow struct {
	key  int64
	data []byte
}

func (s *Store) minutes(ctx context.Context, first, last int64) ([]minuteRow, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, data FROM minutes WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`, first, last, rowsAtOnce)
	return collect(rows, err, func(row *minuteRow) []any { return []any{&row.key, &row.data} })
}

// minuteReader decodes minutes and uses its memory again.
type minuteReader struct {
	scope    scope
	runs     runNames
	marks    lateMarks
	items    []schemas.Item
	readings []series.Reading
}

// decode fills readings with those of a minute that are in range, in order.
func (m *minuteReader) decode(ctx context.Context, row minuteRow) error {
	m.readings = m.readings[:0]
	start := (row.key & maxMinute) * minute
	for b := row.data; len(b) > 0; {
		run, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("minute %d: %w", row.key, schemas.ErrRecord)
		}
		name, err := m.runs.get(ctx, run)
		if err != nil {
			return err
		}
		if m.items, b, err = schemas.ReadItems(b[n:], m.items[:0]); err != nil {
			return fmt.Errorf("minute %d: %w", row.key, err)
		}
		marks := m.marks.of(run)
		for _, item := range m.items {
			item.Time += start
			if item.Time < m.scope.from || item.Time >= m.scope.to {
				continue
			}
			late, err := m.marks.covers(ctx, marks, item.Seq)
			if err != nil {
				return err
			}
			m.readings = append(m.readings, series.Reading{Device: name.device, Boot: name.boot, Late: late, Item: item})
		}
	}
	slices.SortStableFunc(m.readings, func(x, y series.Reading) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Seq, y.Seq), x.Device.Compare(y.Device), cmp.Compare(x.Boot, y.Boot))
	})
	return nil
}
