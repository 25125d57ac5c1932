package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// erasers is how many files an erasure changes at once: most of its time it waits for the
// disk.
const erasers = 8

const (
	sqlBury = `INSERT INTO tombstones (key, before) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET before = max(before, ?2)`

	sqlDropWearer  = `DELETE FROM wearers WHERE id = ?1`
	sqlSumReadings = `SELECT ifnull((SELECT sum(n) FROM minutes WHERE id BETWEEN ?1 AND ?2), 0) +
		ifnull((SELECT sum(n) FROM hours WHERE id BETWEEN ?1 AND ?2), 0)`
	sqlDropMinutes = `DELETE FROM minutes WHERE id BETWEEN ?1 AND ?2`
	sqlDropHours   = `DELETE FROM hours WHERE id BETWEEN ?1 AND ?2`
	// Each finding has its episode's row, and there is no index of wearers but that.
	sqlClearFindings  = `DELETE FROM findings WHERE wearer = ?1 AND episode IN (SELECT id FROM episodes WHERE wearer = ?1)`
	sqlClearEpisodes  = `DELETE FROM episodes WHERE wearer = ?1`
	sqlClearDecisions = `DELETE FROM decisions WHERE wearer = ?1`

	// Runs are removed with the last one who wore them.
	sqlDropWorn    = `DELETE FROM worn WHERE wearer = ?1`
	sqlDropOwnSeen = `DELETE FROM seen WHERE run IN (` + sqlOwnRuns + `)`
	sqlDropOwnLate = `DELETE FROM late WHERE run IN (` + sqlOwnRuns + `)`
	sqlDropOwnRuns = `DELETE FROM runs WHERE id IN (` + sqlOwnRuns + `)`
	sqlOwnRuns     = `SELECT w.run FROM worn w WHERE w.wearer = ?1 AND NOT EXISTS (SELECT 1 FROM worn o WHERE o.run = w.run AND o.wearer <> ?1)`
)

var errLeft = errors.New("something of it is left; repeat the erasure")

// Erase writes a tombstone, removes the wearer from each file that has something of it, and
// moves their logs into them, wiped: then the disk has no byte of it. Appends wait for it.
// One that fails tells what it has removed so far; what is left is removed when it is repeated.
func (s *Store) Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (series.Erased, error) {
	name := wearerName{org, wearer}
	e := erasing{name: name}
	err := checkWearer(org, wearer)
	if err == nil {
		err = s.alone(func() error {
			bury := func(calm context.Context, c *changing) error { return c.bury(calm, name, before) }
			if err := s.transact(ctx, bury); err != nil {
				return err
			}
			return s.transact(ctx, func(calm context.Context, c *changing) error {
				// Once more, so that other processes know that what they remember is old.
				if err := c.bury(calm, name, before); err != nil {
					return err
				}
				if err := s.eachFile(func(key fileKey) error { return e.erase(calm, c, key) }); err != nil {
					return err
				}
				return s.tidy() // a copy of a file may have been under way
			})
		})
	}
	if err == nil {
		err = s.index.empty(ctx) // a replacement may have left something
	}
	if err != nil {
		return e.done, fmt.Errorf("erase %s/%s: %w", org, wearer, err)
	}
	return e.done, nil
}

func (c *changing) bury(ctx context.Context, name wearerName, before time.Time) error {
	key := c.known.tombs.key(name)
	c.known = known{} // the next change reads the tombstones again, and all else
	return c.index.exec(ctx, sqlBury, key, ceilMillis(before))
}

// erasing is an erasure under way. It is safe for concurrent use.
type erasing struct {
	name wearerName

	mu   sync.Mutex // guards done
	done series.Erased
}

// erase removes the wearer from a file, empties its log and looks whether it is gone. A file that
// has nothing of the wearer any more may still have something in its log.
func (e *erasing) erase(ctx context.Context, c *changing, key fileKey) error {
	if err := c.ended(); err != nil {
		return err
	}
	return c.with(ctx, key, func(f *file) error {
		w := &f.write
		w.mu.Lock()
		defer w.mu.Unlock()
		number, err := e.find(ctx, w)
		if err != nil {
			return err
		}
		if number != 0 {
			// On disk it is with the file itself, which is before this returns.
			tx := &fileTx{changing: c, writer: w, key: key, counts: map[string]int64{}}
			if err := w.unsynced(ctx, func() error { return tx.run(ctx, e.drop) }); err != nil {
				return err
			}
			c.counted.forget(key)
		}
		if err := w.empty(ctx); err != nil || number == 0 {
			return err
		}
		return e.verify(ctx, w, key.class, number)
	})
}

// find is the wearer's number in a file, 0 for none. One connection does all that is done here:
// most of an erasure is opening files.
func (e *erasing) find(ctx context.Context, w *writer) (number int64, err error) {
	if err := w.connect(ctx); err != nil {
		return 0, err
	}
	_, err = w.find(ctx, sqlWearer, []any{e.name.org.String(), e.name.wearer.String()}, []any{&number})
	return number, err
}

// verify asks a file whether anything is left of the wearer who had a number.
func (e *erasing) verify(ctx context.Context, w *writer, class series.Class, number int64) error {
	if left, err := e.find(ctx, w); err != nil || left != 0 {
		return errors.Join(err, errLeft)
	}
	var n int64
	_, err := w.find(ctx, sqlLeft(class), []any{number}, []any{&n})
	if err == nil && n > 0 {
		err = fmt.Errorf("%d rows: %w", n, errLeft)
	}
	return err
}

// sqlLeft counts the rows of a number.
func sqlLeft(class series.Class) string {
	count := func(table, where string) string { return `(SELECT count(*) FROM ` + table + ` WHERE ` + where + `)` }
	const rows, wearer = `id BETWEEN ?1 << 28 AND (?1 << 28) + 0xfffffff`, `wearer = ?1`
	switch class {
	case series.Raw:
		return `SELECT ` + count("minutes", rows) + ` + ` + count("hours", rows) + ` + ` + count("worn", wearer) +
			` + (SELECT count(*) FROM runs WHERE id NOT IN (SELECT run FROM worn))`
	case series.Rollups:
		return `SELECT ` + count("rollups", rows)
	case series.Events, series.Office:
	}
	return `SELECT ` + count("episodes", wearer) + ` + ` + count("findings", wearer) + ` + ` + count("decisions", wearer)
}

// drop is the transaction that removes the wearer from a file.
func (e *erasing) drop(ctx context.Context, tx *fileTx) error {
	var wearer int64
	found, err := tx.find(ctx, sqlWearer, []any{e.name.org.String(), e.name.wearer.String()}, []any{&wearer})
	if err != nil || !found {
		return err
	}
	if err := tx.dropWearer(ctx, wearer); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done.Readings -= tx.counts[countReadings]
	e.done.Rollups -= tx.counts[countRollups]
	e.done.Episodes -= tx.counts[countEpisodes]
	e.done.Findings -= tx.counts[countFindings]
	e.done.Decisions -= tx.counts[countDecisions]
	return nil
}

func (tx *fileTx) dropWearer(ctx context.Context, wearer int64) error {
	first, last := rowKey(wearer, 0), rowKey(wearer, maxMinute)
	var err error
	switch tx.key.class {
	case series.Raw:
		err = tx.dropReadings(ctx, wearer, first, last)
	case series.Rollups:
		err = tx.drop(ctx, sqlDropRollups, countRollups, first, last)
	case series.Events, series.Office:
		for _, c := range []struct{ query, counter string }{
			{sqlClearFindings, countFindings}, {sqlClearEpisodes, countEpisodes}, {sqlClearDecisions, countDecisions},
		} {
			err = errors.Join(err, tx.drop(ctx, c.query, c.counter, wearer))
		}
	}
	if err != nil {
		return err
	}
	return tx.exec(ctx, sqlDropWearer, wearer)
}

// dropReadings removes the readings, and what is known of the runs that nobody else has worn.
func (tx *fileTx) dropReadings(ctx context.Context, wearer, first, last int64) error {
	var n int64
	if _, err := tx.find(ctx, sqlSumReadings, []any{first, last}, []any{&n}); err != nil {
		return err
	}
	tx.counts[countReadings] -= n
	for _, query := range []string{sqlDropMinutes, sqlDropHours} {
		if err := tx.exec(ctx, query, first, last); err != nil {
			return err
		}
	}
	for _, query := range []string{sqlDropOwnSeen, sqlDropOwnLate, sqlDropOwnRuns, sqlDropWorn} {
		if err := tx.exec(ctx, query, wearer); err != nil {
			return err
		}
	}
	return nil
}

// empty moves the log of a file into it and leaves nothing in it.
func (f *file) empty(ctx context.Context) error {
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	return f.write.empty(ctx)
}

// empty does so. A file that has no log but is marked is wiped: another program has moved its log
// into it.
func (w *writer) empty(ctx context.Context) error {
	if walSize(w.path) == 0 {
		if err := w.connect(ctx); err != nil {
			return err
		}
		var dirty int
		if _, err := w.find(ctx, sqlDirty, nil, []any{&dirty}); err != nil || dirty == 0 {
			return err
		}
		w.wiped.all = true
	}
	return w.checkpoint(ctx, truncate)
}

// eachFile calls do for all files of days, some at once, and returns the errors of all.
func (s *Store) eachFile(do func(fileKey) error) error {
	var all []fileKey
	for _, class := range dayClasses() {
		days, err := s.everyDay(class)
		if err != nil {
			return err
		}
		for _, day := range days {
			all = append(all, fileKey{class, day})
		}
	}
	var wait sync.WaitGroup
	next := make(chan fileKey)
	errs := make([]error, erasers)
	for i := range errs {
		wait.Go(func() {
			for key := range next {
				if err := do(key); err != nil {
					errs[i] = errors.Join(errs[i], key.of(err))
				}
			}
		})
	}
	for _, key := range all {
		next <- key
	}
	close(next)
	wait.Wait()
	return errors.Join(errs...)
}
