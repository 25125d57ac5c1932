package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// suffixSealed is of the copy that is to take a file's place; it ends as one that is
	// not whole yet, which tidy removes.
	suffixSealed = ".sealed" + suffixNew
	// A file is made anew if a quarter of its pages is free, and leastFree at least.
	leastFree = 64
)

// errMeanwhile says that a file was changed, or read, while it was to be made anew.
var errMeanwhile = errors.New("the file is in use")

const sqlFreePages = `SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_count FROM pragma_page_count)`

type freePages struct{ free, all int64 }

// makeAnew puts a copy without free pages in place of a file of which much is free. The
// copy is made beside appends and queries. It takes the file's place, which takes some milliseconds, if nothing has come
// since; else the error is errMeanwhile. What an erasure removes is not in it: that removes the copy, too.
func (s *Store) makeAnew(ctx context.Context, key fileKey) error {
	return s.with(ctx, key, func(f *file) error {
		rows, err := query(ctx, s, f, func(p *freePages) []any { return []any{&p.free, &p.all} }, sqlFreePages)
		if err != nil || rows[0].free < max(leastFree, rows[0].all/4) {
			return err
		}
		c := copying{store: s, file: f, path: f.path + suffixSealed}
		return errors.Join(c.run(ctx), removeFile(c.path))
	})
}

// copying is a file that is made anew.
type copying struct {
	store  *Store
	file   *file
	path   string  // of the copy
	db     *sql.DB // one connection, of which others' changes since before are known
	before int64
}

func (c *copying) run(ctx context.Context) (err error) {
	if c.db, err = sql.Open("sqlite", address(c.file.path, "rw", busyTimeout(), fmt.Sprintf("cache_size(-%d)", readCache))); err != nil {
		return err
	}
	defer c.db.Close() //nolint:errcheck // it was only read
	c.db.SetMaxOpenConns(1)
	if err := c.make(ctx); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return c.take(ctx)
}

// make makes the copy.
func (c *copying) make(ctx context.Context) error {
	// The file is to have all that its log has, since that will not outlive it. Nobody waits for
	// a reader of an old state.
	whole, err := c.moved(ctx)
	if err == nil && !whole {
		err = errMeanwhile
	}
	if err != nil {
		return err
	}
	return copyFile(ctx, c.db, c.path)
}

// moved moves the log into the file and remembers which state that is, before anybody changes it.
func (c *copying) moved(ctx context.Context) (whole bool, err error) {
	w := &c.file.write
	w.mu.Lock()
	defer w.mu.Unlock()
	if whole, err = w.checkpoint(ctx, passive); err == nil {
		c.before, err = dataVersion(ctx, c.db)
	}
	return whole, err
}

// tend moves the log into the file if it is larger than that.
func (f *file) tend(ctx context.Context, size int64) error {
	if walSize(f.path) <= size {
		return nil
	}
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	_, err := f.write.checkpoint(ctx, passive)
	return err
}

// take puts the copy in the file's place, if that is as it was.
func (c *copying) take(ctx context.Context) error {
	return c.store.change(ctx, func(ctx context.Context, ch *changing) error {
		now, err := dataVersion(ctx, c.db)
		switch {
		case err != nil:
			return err
		case now != c.before, !ch.pool.current(c.file):
			return errMeanwhile
		}
		return ch.putInPlace(c.file, c.path)
	})
}

// putInPlace is the moment in which the copy becomes the file. Whoever reads the old one goes
// on with it.
func (c *changing) putInPlace(f *file, path string) error {
	c.pool.forget(f.key)
	for _, beside := range []string{suffixWAL, suffixSHM} { // of the old one, which has it all
		if err := remove(f.path + beside); err != nil {
			return err
		}
	}
	if err := os.Rename(path, f.path); err != nil {
		return err
	}
	c.counted.forget(f.key)
	return syncFolder(filepath.Dir(f.path))
}

func dataVersion(ctx context.Context, db *sql.DB) (n int64, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&n)
	return n, err
}

// copyFile makes a copy that is whole and on disk, with nothing between its rows.
func copyFile(ctx context.Context, db *sql.DB, path string) error {
	if err := removeFile(path); err != nil {
		return err
	}
	if err := writeFile(path, nil); err != nil { // that its owner alone can read
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?1", path); err != nil {
		return err
	}
	// Nothing but this file is written: it is of no use to anybody until it is whole.
	clean, err := sql.Open("sqlite", address(path, "rw", "journal_mode(OFF)", "synchronous(OFF)"))
	if err != nil {
		return err
	}
	_, err = clean.ExecContext(ctx, sqlClean)
	if err := errors.Join(err, clean.Close()); err != nil {
		return err
	}
	return finishCopy(ctx, path)
}

// The bytes of a file's first page that say how it is written and read, and that say "with a log".
const (
	headerFormat = 18
	formatWAL    = 2
)

// finishCopy wipes the pages of a copy and has it use a log.
func finishCopy(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	page := make([]byte, pageSize)
	for n := int64(0); ctx.Err() == nil; n++ {
		switch _, err := f.ReadAt(page, n*pageSize); {
		case errors.Is(err, io.EOF):
			return f.Sync()
		case err != nil:
			return err
		}
		changed, err := wipePage(page, uint32(n+1))
		if err != nil {
			return fmt.Errorf("wipe page %d: %w", n+1, err)
		}
		if n == 0 {
			page[headerFormat], page[headerFormat+1], changed = formatWAL, formatWAL, true
		}
		if changed {
			if _, err := f.WriteAt(page, n*pageSize); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
