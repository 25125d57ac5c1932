package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sitwell/internal/series"
)

// Append stores a batch in one transaction together with its position. It
// keeps nothing of the batch. The context is asked before it starts and before
// it commits.
func (s *Store) Append(ctx context.Context, batch series.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.append(ctx, &batch); err != nil {
		s.known = newKnown() // it may be ahead of the file, or not: a commit's error does not tell
		return fmt.Errorf("append %s up to %d: %w", batch.Stream, batch.Seq, err)
	}
	return nil
}

func (s *Store) append(ctx context.Context, batch *series.Batch) error {
	switch {
	case batch.Stream == "":
		return errors.New("the batch names no stream")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	// The statements do not watch the context: watching costs more than they do.
	calm := context.WithoutCancel(ctx)
	tx, err := s.write.BeginTx(calm, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it has nothing to do
	a := &appending{Store: s, tx: tx, stmts: map[string]*sql.Stmt{}, blocks: map[blockKey]*spans{}, counts: map[string]int64{}}
	behind, err := a.behind(calm, batch)
	if err != nil || behind {
		return err
	}
	if err := a.store(calm, batch); err != nil {
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

// appending is one append's transaction.
type appending struct {
	*Store

	tx     *sql.Tx
	stmts  map[string]*sql.Stmt
	blocks map[blockKey]*spans // the sets it changes
	counts map[string]int64    // by how much counters grow
}

// behind reports whether the batch is stored already. It also forgets what is
// known of the file if another connection has changed it.
func (a *appending) behind(ctx context.Context, batch *series.Batch) (bool, error) {
	var version int64
	if err := a.tx.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return false, err
	}
	if version != a.known.version {
		a.known = newKnown()
		a.known.version = version
	}
	position, err := position(a.stmt(ctx, sqlPosition).QueryRowContext(ctx, batch.Stream))
	return batch.Seq <= position, err
}

func (a *appending) store(ctx context.Context, batch *series.Batch) error {
	if err := a.storeReadings(ctx, batch.Readings); err != nil {
		return err
	}
	for i := range batch.Rollups {
		if err := a.storeRollup(ctx, &batch.Rollups[i]); err != nil {
			return fmt.Errorf("store rollup: %w", err)
		}
	}
	for i := range batch.Findings {
		if err := a.storeFinding(ctx, &batch.Findings[i]); err != nil {
			return fmt.Errorf("store finding %q: %w", batch.Findings[i].ID, err)
		}
	}
	for i := range batch.Decisions {
		if err := a.storeDecision(ctx, batch.Decisions[i]); err != nil {
			return fmt.Errorf("store decision %q: %w", batch.Decisions[i].ID, err)
		}
	}
	for name, n := range a.counts {
		if err := a.exec(ctx, sqlCount, name, n); err != nil {
			return err
		}
	}
	return a.exec(ctx, sqlSetPosition, batch.Stream, int64(batch.Seq)) //nolint:gosec // the log counts to 2^63 at most
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

// Position is the highest log sequence of a stream in the file.
func (s *Store) Position(ctx context.Context, stream string) (uint64, error) {
	seq, err := position(s.read.QueryRowContext(ctx, sqlPosition, stream))
	if err != nil {
		return 0, fmt.Errorf("read position of %s: %w", stream, err)
	}
	return seq, nil
}

// Rewind removes the position of a stream and nothing else.
func (s *Store) Rewind(ctx context.Context, stream string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.write.ExecContext(ctx, sqlRewind, stream); err != nil {
		return fmt.Errorf("forget position of %s: %w", stream, err)
	}
	return nil
}

func position(row *sql.Row) (uint64, error) {
	var seq int64
	if err := row.Scan(&seq); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	return uint64(seq), nil //nolint:gosec // written from a uint64
}
