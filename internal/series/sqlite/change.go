package sqlite

import (
	"context"
	"errors"
	"fmt"

	"sitwell/internal/series"
)

// change makes changes, alone: it holds the lock of the index, which is that of the
// store, in this process and others. What do changes in files is committed file by file,
// what it changes in the index at the end. The context that do gets does
// not end: watching it at each statement costs more than the statements.
func (s *Store) change(ctx context.Context, do func(context.Context, *changing) error) error {
	return s.alone(func() error { return s.transact(ctx, do) })
}

// alone runs transactions that follow one another, as far as this process goes.
func (s *Store) alone(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := do()
	if err != nil {
		s.known = newKnown() // it may be ahead of the files, or not: a commit's error does not tell
	}
	return err
}

func (s *Store) transact(ctx context.Context, do func(context.Context, *changing) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	calm := context.WithoutCancel(ctx)
	w := &s.index.write
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.begin(ctx); err != nil {
		return err
	}
	c := &changing{Store: s, index: w, ended: ctx.Err}
	if err := c.run(calm, do); err != nil {
		w.rollback(calm)
		return err
	}
	s.known.trim()
	if err := w.tend(calm); err != nil {
		s.log.Warn("log of the index not moved into its file", "err", err)
	}
	return nil
}

// changing is a change of the store under way.
type changing struct {
	*Store

	index *writer
	ended func() error // ends the change between two files
}

func (c *changing) run(ctx context.Context, do func(context.Context, *changing) error) error {
	if err := c.recall(ctx); err != nil {
		return err
	}
	if err := do(ctx, c); err != nil {
		return err
	}
	if err := c.ended(); err != nil {
		return err
	}
	return c.index.commit(ctx)
}

// recall forgets what is known of the files if another connection has changed them, and
// then finishes a replacement that it may have left.
func (c *changing) recall(ctx context.Context) error {
	version, err := c.index.version(ctx)
	if err != nil {
		return err
	}
	if version == c.known.version && c.known.tombs != nil {
		return nil
	}
	c.known = newKnown()
	c.known.version = version
	if c.known.tombs, err = recallTombs(ctx, c.index); err != nil {
		return fmt.Errorf("read tombstones: %w", err)
	}
	return c.finish(ctx)
}

// fileTx is the transaction of a change in one file.
type fileTx struct {
	*changing
	*writer

	key    fileKey
	counts map[string]int64 // by how much counters grow

	identified bool
	was        int64 // the file's identity before this transaction, 0 if it had none
}

// in runs a transaction in a file, which is made where it is missing. What do has done is
// durable when it returns nil.
func (c *changing) in(ctx context.Context, key fileKey, do func(context.Context, *fileTx) error) error {
	if err := c.ended(); err != nil {
		return err
	}
	f, err := c.made(ctx, key)
	if err != nil {
		return err
	}
	defer c.pool.release(f)
	w := &f.write
	w.mu.Lock()
	defer w.mu.Unlock()
	tx := &fileTx{changing: c, writer: w, key: key, counts: map[string]int64{}}
	if err := tx.run(ctx, do); err != nil {
		return key.of(err)
	}
	c.counted.forget(key)
	if err := w.tend(ctx); err != nil {
		c.log.Warn("log of the store not moved into its file", "file", key.name(), "err", err)
	}
	return nil
}

func (tx *fileTx) run(ctx context.Context, do func(context.Context, *fileTx) error) error {
	if err := tx.begin(ctx); err != nil {
		return err
	}
	err := do(ctx, tx)
	for name, n := range tx.counts {
		if err == nil && n != 0 {
			err = tx.exec(ctx, sqlCount, name, n)
		}
	}
	if err == nil {
		err = tx.commit(ctx)
	}
	if err != nil {
		tx.rollback(ctx)
	}
	return err
}

// drop removes rows and takes them off their counter.
func (tx *fileTx) drop(ctx context.Context, query, counter string, args ...any) error {
	n, err := tx.count(ctx, query, args...)
	tx.counts[counter] -= n
	return err
}

// put inserts a row, counting it, or updates it where it is there already.
func (tx *fileTx) put(ctx context.Context, insert, update, counter string, args ...any) error {
	n, err := tx.count(ctx, insert, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return tx.exec(ctx, update, args...)
	}
	tx.counts[counter] += n
	return nil
}

// made is a file that is there, if need be from now on.
func (c *changing) made(ctx context.Context, key fileKey) (*file, error) {
	f, err := c.pool.acquire(ctx, key)
	if !errors.Is(err, errNoFile) {
		return f, err
	}
	if err := c.create(ctx, key); err != nil {
		return nil, err
	}
	return c.pool.acquire(ctx, key)
}

var _ series.Store = (*Store)(nil)
