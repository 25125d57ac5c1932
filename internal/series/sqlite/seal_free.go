package sqlite

import (
	"context"
	"time"
)

// leastFree is how many pages of a file have to be free for it to be made smaller.
const leastFree = 16

const sqlFreePages = `SELECT freelist_count FROM pragma_freelist_count`

// sqlGiveBack gives back 32 pages at most. It works because files are made with auto_vacuum(INCREMENTAL).
const sqlGiveBack = "PRAGMA incremental_vacuum(32)"

// free gives back the pages that sealing has freed, step by step.
func (s *sealing) free(ctx context.Context, key fileKey) error {
	for before := int64(-1); ; {
		var free int64
		if err := s.store.with(ctx, key, func(f *file) error {
			counts, err := query(ctx, s.store, f, func(n *int64) []any { return []any{n} }, sqlFreePages)
			if err == nil {
				free = counts[0]
			}
			return err
		}); err != nil || free < leastFree || free == before {
			return err
		}
		before = free
		if err := s.stepIn(ctx, key, func(ctx context.Context, tx *fileTx, began time.Time) error { return tx.free(ctx, began) }); err != nil {
			return err
		}
	}
}

// free gives back some pages: the last of the file take their places.
func (tx *fileTx) free(ctx context.Context, began time.Time) error {
	for time.Since(began) < sealFor {
		var left int64
		if err := tx.conn.QueryRowContext(ctx, sqlFreePages).Scan(&left); err != nil || left == 0 {
			return err
		}
		if _, err := tx.conn.ExecContext(ctx, sqlGiveBack); err != nil {
			return err
		}
	}
	return nil
}
