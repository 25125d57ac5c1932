package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	sqlNextMinute  = `SELECT id FROM minutes WHERE id >= ?1 ORDER BY id LIMIT 1`
	sqlHourSize    = `SELECT ifnull((SELECT sum(length(data)) FROM minutes WHERE id BETWEEN ?1 AND ?2), 0) + 4 * ifnull((SELECT length(data) FROM hours WHERE id = ?1), 0)`
	sqlHourMinutes = `SELECT id, data FROM minutes WHERE id BETWEEN ?1 AND ?2 ORDER BY id`
	sqlHour        = `SELECT id, data FROM hours WHERE id = ?1`
	sqlSetHour     = `INSERT INTO hours (id, n, data) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = ?2, data = ?3`
)

// maxSealed is the most bytes of rows that are made one, a sealed hour counted four times:
// some 100,000 readings. An hour of more, of no device that there is, stays in minutes, so
// that nobody waits for it.
const maxSealed = 1 << 20

// nextHour is the first hour, by key, from the key of a minute on, that has minutes and ends at the
// minute over at the latest. It takes one look for each wearer: next is the
// first minute from a key on.
func nextHour(from, over int64, next func(key int64) (int64, bool, error)) (hour int64, found bool, err error) {
	for {
		key, found, err := next(from)
		if err != nil || !found {
			return 0, false, err
		}
		if hour := hourOf(key); hour&maxMinute+minutesOfHour <= over {
			return hour, true, nil
		}
		from = rowKey(key>>minuteBits+1, 0)
	}
}

// nextHour is that of the file of a transaction.
func (tx *fileTx) nextHour(ctx context.Context, from, over int64) (hour int64, found bool, err error) {
	return nextHour(from, over, func(from int64) (key int64, found bool, err error) {
		found, err = tx.find(ctx, sqlNextMinute, []any{from}, []any{&key})
		return key, found, err
	})
}

// sealHour makes one row of an hour's rows. One that is damaged or too large stays as it is.
func (tx *fileTx) sealHour(ctx context.Context, p *hourPacker, hour int64) error {
	last := hour + minutesOfHour - 1
	var size int64
	if _, err := tx.find(ctx, sqlHourSize, []any{hour, last}, []any{&size}); err != nil {
		return err
	}
	if size > maxSealed {
		tx.log.Warn("an hour of a wearer is too large to be sealed and stays as it is", "file", tx.key.name(), "row", hour, "bytes", size)
		return nil
	}
	data, n, err := tx.packHour(ctx, p, hour, last)
	if errors.Is(err, errUnreadable) {
		tx.log.Error("an hour of a wearer cannot be read and stays as it is", "file", tx.key.name(), "err", err)
		return nil
	}
	if err == nil {
		err = tx.exec(ctx, sqlSetHour, hour, n, data)
	}
	if err == nil {
		err = tx.exec(ctx, sqlDropMinutes, hour, last)
	}
	return err
}

// errUnreadable says that a row is not as it was written.
var errUnreadable = errors.New("damaged row")

// packHour packs an hour's rows, which hold n readings and events.
func (tx *fileTx) packHour(ctx context.Context, p *hourPacker, hour, last int64) (packed []byte, n int, err error) {
	p.reset()
	err = tx.eachRow(ctx, func(_ int64, data []byte) error { return p.addHour(data) }, sqlHour, hour)
	if err == nil {
		err = tx.eachRow(ctx, p.addMinute, sqlHourMinutes, hour, last)
	}
	if err != nil {
		return nil, 0, err
	}
	if packed, n, err = p.packed(); err != nil {
		err = fmt.Errorf("row %d: %w: %w", hour, errUnreadable, err)
	}
	return packed, n, err
}

// eachRow calls take for each row, a key and data, that are valid until it returns.
func (tx *fileTx) eachRow(ctx context.Context, take func(int64, []byte) error, query string, args ...any) error {
	stmt, err := tx.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells it
	for rows.Next() {
		var key int64
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		if err := take(key, data); err != nil {
			return fmt.Errorf("row %d: %w: %w", key, errUnreadable, err)
		}
	}
	return rows.Err()
}
