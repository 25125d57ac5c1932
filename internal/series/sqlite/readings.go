package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// rowsAtOnce is how many minutes a query holds in memory.
const rowsAtOnce = 60

const sqlMinutes = `SELECT id, data FROM minutes WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3`

// Readings reads an hour at a time, so that a slow each holds neither a snapshot nor a
// place to read.
func (s *Store) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	from, to, found, err := spanOf(q)
	if err != nil || !found {
		return wrap("read readings", err)
	}
	var stopped error // by each
	err = s.scopes(ctx, series.Raw, q, dayOf(from), dayOf(to-1), func(f *file, sc scope) error {
		m := minuteReader{
			store: s, file: f, scope: sc, runs: runNames{store: s, file: f, names: map[uint64]runName{}},
			marks: lateMarks{store: s, file: f, windows: map[uint64]*window{}},
		}
		err := m.read(ctx, func(r series.Reading) error {
			stopped = each(r)
			return stopped
		})
		return err
	})
	if stopped != nil {
		return stopped
	}
	return wrap("read readings", err)
}

type minuteRow struct {
	key  int64
	data []byte
}

// minuteReader decodes the minutes of a file and uses its memory again.
type minuteReader struct {
	store    *Store
	file     *file
	scope    scope
	runs     runNames
	marks    lateMarks
	items    []schemas.Item
	readings []series.Reading
}

// read calls each for the readings of a file.
func (m *minuteReader) read(ctx context.Context, each func(series.Reading) error) error {
	first, last := m.scope.within(m.file.key.day).rowRange()
	for first <= last {
		rows, err := query(ctx, m.store, m.file, func(row *minuteRow) []any { return []any{&row.key, &row.data} }, sqlMinutes, first, last, rowsAtOnce)
		if err != nil {
			return err
		}
		clear(m.marks.windows) // marks are to be as new as the rows
		for _, row := range rows {
			if err := m.decode(ctx, row); err != nil {
				return err
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
