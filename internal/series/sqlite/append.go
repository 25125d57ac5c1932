package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sitwell/internal/series"
)

// Append stores a batch in one transaction together with its position. It
// keeps nothing of the batch. The context is asked before it starts and before
// it commits.
func (s *Store) Append(ctx context.Context, batch series.Batch) (done series.Appended, err error) {
	err = errNoStream
	if batch.Stream != "" {
		err = s.change(ctx, func(ctx context.Context, a *appending) error {
			living, erased := a.known.tombs.living(&batch)
			err := a.append(ctx, &living)
			done = series.Appended{Duplicates: int(a.counts[countDuplicates]), Erased: erased}
			return err
		})
	}
	if err != nil {
		return series.Appended{}, fmt.Errorf("append %s up to %d: %w", batch.Stream, batch.Seq, err)
	}
	return done, nil
}

var errNoStream = errors.New("the batch names no stream")

// change makes changes in one transaction, alone. The context that do gets does
// not end: watching it at each statement costs more than the statements.
func (s *Store) change(ctx context.Context, do func(context.Context, *appending) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.transact(ctx, do)
	if err != nil {
		s.known = newKnown() // it may be ahead of the file, or not: a commit's error does not tell
	}
	return err
}

func (s *Store) transact(ctx context.Context, do func(context.Context, *appending) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	calm := context.WithoutCancel(ctx)
	tx, release, err := s.begin(ctx, calm)
	if err != nil {
		return err
	}
	defer release()
	a := &appending{Store: s, tx: tx, stmts: map[string]*sql.Stmt{}, blocks: map[blockKey]*spans{}, counts: map[string]int64{}}
	if err := a.recall(calm); err != nil {
		return err
	}
	if err := do(calm, a); err != nil {
		return err
	}
	if err := a.storeCounts(calm); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for key, set := range a.blocks {
		s.known.setBlock(key, *set)
	}
	s.known.trim()
	return nil
}

// begin waits for the right to write, for lockWait at most: another process may have
// it. The wait ends with ctx, so that a locked file does not hold up a stop; the
// transaction does not. release undoes what was not committed.
func (s *Store) begin(ctx, calm context.Context) (tx *sql.Tx, release func(), err error) {
	waiting, cancel := context.WithCancel(calm)
	begun := context.AfterFunc(ctx, cancel)
	tx, err = s.write.BeginTx(waiting, nil)
	ended := !begun()
	release = func() {
		if tx != nil {
			_ = tx.Rollback() // after a commit it has nothing to do
		}
		cancel()
	}
	switch {
	case ended:
		err = ctx.Err()
	case err != nil:
	default:
		return tx, release, nil
	}
	release()
	return nil, nil, err
}

// appending is the transaction of an append or a replacement.
type appending struct {
	*Store

	tx     *sql.Tx
	stmts  map[string]*sql.Stmt
	blocks map[blockKey]*spans // the sets it changes
	counts map[string]int64    // by how much counters grow
}

// recall forgets what is known of the file if another connection has changed it.
func (a *appending) recall(ctx context.Context) error {
	var version int64
	if err := a.tx.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return err
	}
	if version != a.known.version {
		a.known = newKnown()
		a.known.version = version
	}
	if a.known.tombs != nil {
		return nil
	}
	var err error
	a.known.tombs, err = a.recallTombs(ctx)
	return err
}

// append stores a batch that is not stored already.
func (a *appending) append(ctx context.Context, batch *series.Batch) error {
	at, err := position(a.stmt(ctx, sqlPosition).QueryRowContext(ctx, batch.Stream))
	if err != nil {
		return err
	}
	log := cmp.Or(batch.Log, at.Log)
	if at.Log != "" && log != at.Log {
		return fmt.Errorf("%w: %d of %q is stored, and this is of %q", series.ErrOtherLog, at.Seq, at.Log, batch.Log)
	}
	if batch.Seq > at.Seq {
		if err := a.store(ctx, batch); err != nil {
			return err
		}
		if err := a.exec(ctx, sqlSetPosition, batch.Stream, int64(batch.Seq)); err != nil { //nolint:gosec // the log counts to 2^63 at most
			return err
		}
	}
	if log == at.Log && at.Seq > 0 {
		return nil
	}
	// With the first batch even an empty one: a rewind leaves the row of the log before.
	return a.exec(ctx, sqlSetLog, batch.Stream, log)
}

func (a *appending) store(ctx context.Context, batch *series.Batch) error {
	if err := a.storeReadings(ctx, batch.Readings); err != nil {
		return err
	}
	for i := range batch.Late {
		if err := a.storeLate(ctx, &batch.Late[i]); err != nil {
			return fmt.Errorf("store late mark: %w", err)
		}
	}
	for i := range batch.Rollups {
		if err := a.storeRollup(ctx, &batch.Rollups[i], sqlGrowRollup); err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
	}
	for i := range batch.Findings {
		f := &batch.Findings[i]
		body, err := a.pack.finding(f)
		if err == nil {
			err = a.storeFinding(ctx, f, body)
		}
		if err != nil {
			return fmt.Errorf("store finding %q: %w", f.ID, err)
		}
	}
	for i := range batch.Decisions {
		if err := a.storeDecision(ctx, batch.Decisions[i]); err != nil {
			return fmt.Errorf("store decision %q: %w", batch.Decisions[i].ID, err)
		}
	}
	return nil
}

func (a *appending) storeCounts(ctx context.Context) error {
	for name, n := range a.counts {
		if err := a.exec(ctx, sqlCount, name, n); err != nil {
			return err
		}
	}
	return nil
}

// stmt is a prepared statement within the transaction.
func (a *appending) stmt(ctx context.Context, query string) *sql.Stmt {
	stmt, ok := a.stmts[query]
	if !ok {
		stmt = a.tx.StmtContext(ctx, a.Store.stmt[query])
		a.stmts[query] = stmt
	}
	return stmt
}

func (a *appending) exec(ctx context.Context, query string, args ...any) error {
	_, err := a.stmt(ctx, query).ExecContext(ctx, args...)
	return err
}

// drop removes rows and takes them off their counter.
func (a *appending) drop(ctx context.Context, query, counter string, args ...any) error {
	result, err := a.stmt(ctx, query).ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	a.counts[counter] -= n
	return err
}

// put inserts a row, counting it, or updates it where it is there already.
func (a *appending) put(ctx context.Context, insert, update, counter string, args ...any) error {
	result, err := a.stmt(ctx, insert).ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return a.exec(ctx, update, args...)
	}
	a.counts[counter] += n
	return nil
}

// Position is how far a stream is in the file.
func (s *Store) Position(ctx context.Context, stream string) (series.Position, error) {
	at, err := position(s.read.QueryRowContext(ctx, sqlPosition, stream))
	if err != nil {
		return at, fmt.Errorf("read position of %s: %w", stream, err)
	}
	return at, nil
}

// Rewind removes the position of a stream and nothing else: the log's row counts for
// nothing without it.
func (s *Store) Rewind(ctx context.Context, stream string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.write.ExecContext(ctx, sqlRewind, stream); err != nil {
		return fmt.Errorf("forget position of %s: %w", stream, err)
	}
	return nil
}

func position(row *sql.Row) (series.Position, error) {
	var seq int64
	var log string
	if err := row.Scan(&seq, &log); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return series.Position{}, err
	}
	return series.Position{Seq: uint64(seq), Log: log}, nil //nolint:gosec // written from a uint64
}
