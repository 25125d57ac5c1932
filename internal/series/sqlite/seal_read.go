package sqlite

import (
	"cmp"
	"context"
	"slices"
)

// sqlMinutes are a wearer's rows of whole hours, at one moment: an hour that is sealed between two
// looks would be read twice or not at all.
const sqlMinutes = `SELECT id, 1, data FROM hours WHERE id BETWEEN ?1 AND ?2 UNION ALL SELECT id, 0, data FROM minutes WHERE id BETWEEN ?3 AND ?4`

// hoursAtOnce is how many hours of a wearer a query holds in memory, packed.
const hoursAtOnce = 4

// storedRow is a row of minutes or of hours.
type storedRow struct {
	key    int64
	sealed bool
	data   []byte
}

// hours reads what a file has of the minutes first to last, and of the hours that they are
// in, hour by hour. One is to be read as a whole if its first row is sealed; else its rows
// are minutes, in order.
func (s *Store) hours(ctx context.Context, f *file, first, last int64) (hours [][]storedRow, err error) {
	all, err := query(ctx, s, f, func(r *storedRow) []any { return []any{&r.key, &r.sealed, &r.data} },
		sqlMinutes, hourOf(first), hourOf(last), first, last)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(x, y storedRow) int { // which leaves the sealed one first
		return cmp.Compare(hourOf(x.key), hourOf(y.key))
	})
	for len(all) > 0 {
		n := 1
		for n < len(all) && hourOf(all[n].key) == hourOf(all[0].key) {
			n++
		}
		hours, all = append(hours, all[:n]), all[n:]
	}
	return hours, nil
}
