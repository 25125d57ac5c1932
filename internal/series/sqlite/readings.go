package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sitwell/internal/series"
	"sitwell/schemas"
)

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
			store: s, file: f, scope: sc, in: newHourReader(), runs: runNames{store: s, file: f, names: map[uint64]runName{}},
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

// minuteReader decodes the minutes and hours of a file and uses its memory again.
type minuteReader struct {
	store    *Store
	file     *file
	scope    scope
	runs     runNames
	marks    lateMarks
	in       *hourReader
	readings []series.Reading
}

// read calls each for the readings of a file.
func (m *minuteReader) read(ctx context.Context, each func(series.Reading) error) error {
	first, last := m.scope.within(m.file.key.day).rowRange()
	for from := hourOf(first); from <= last; from += hoursAtOnce * minutesOfHour {
		hours, err := m.store.hours(ctx, m.file, max(first, from), min(last, from+hoursAtOnce*minutesOfHour-1))
		if err != nil {
			return err
		}
		clear(m.marks.windows) // marks are to be as new as the rows
		for _, rows := range hours {
			if err := m.hour(ctx, rows, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// hour calls each for the readings of an hour's rows, a minute at a time if it is not sealed.
func (m *minuteReader) hour(ctx context.Context, rows []storedRow, each func(series.Reading) error) error {
	for len(rows) > 0 {
		n := 1
		if rows[0].sealed {
			n = len(rows)
		}
		if err := m.decode(ctx, rows[:n]); err != nil {
			return err
		}
		for i := range m.readings {
			if err := each(m.readings[i]); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

// decode fills readings with those of rows that are in range, in order.
func (m *minuteReader) decode(ctx context.Context, rows []storedRow) error {
	m.readings = m.readings[:0]
	for _, row := range rows {
		unpack := m.in.minute
		if row.sealed {
			unpack = m.in.hour
		}
		start := (row.key & maxMinute) * minute
		var failed error // of what is not in the row
		err := unpack(row.data, func(run uint64, items []schemas.Item) error {
			failed = m.take(ctx, run, start, items)
			return failed
		})
		if err != nil && failed == nil {
			err = fmt.Errorf("%w: %w", errUnreadable, err)
		}
		if err != nil {
			return fmt.Errorf("minute %d: %w", row.key, err)
		}
	}
	if !slices.IsSortedFunc(m.readings, inTime) {
		slices.SortStableFunc(m.readings, inTime)
	}
	return nil
}

// take adds the items of a run that are in range; their times count from start.
func (m *minuteReader) take(ctx context.Context, run uint64, start int64, items []schemas.Item) error {
	name, err := m.runs.get(ctx, run)
	if err != nil {
		return err
	}
	marks := m.marks.of(run)
	m.readings = slices.Grow(m.readings, len(items))
	for i := range items {
		at := items[i].Time + start
		if at < m.scope.from || at >= m.scope.to {
			continue
		}
		late, err := m.marks.covers(ctx, marks, items[i].Seq)
		if err != nil {
			return err
		}
		m.readings = append(m.readings, series.Reading{Device: name.device, Boot: name.boot, Late: late, Item: items[i]})
		m.readings[len(m.readings)-1].Time = at
	}
	return nil
}

func inTime(x, y series.Reading) int {
	return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Seq, y.Seq), x.Device.Compare(y.Device), cmp.Compare(x.Boot, y.Boot))
}
