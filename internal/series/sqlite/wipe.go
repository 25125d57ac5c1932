package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// SQLite's secure_delete overwrites what is deleted, but a page that is made anew from
// the cells of its neighbours keeps what lay in its unused middle. So no page gets into a
// file before that is wiped: the pages that transactions have changed are those in the
// log (the WAL), and nobody but checkpoint, below, moves them on. An erasure has then
// nothing to look for in pages that it does not change itself.
//
// Another program could still move a log into its file, such as the shell after a crash.
// Each file is therefore marked while its log has something to be wiped; one that is
// marked and has no log is wiped as a whole.

// wiped is how far a log was wiped.
type wiped struct {
	salt   uint64 // tells a log from the one before it
	frames int64
	all    bool // the file itself is to be wiped
}

// checkpointAt is the size of a log, in bytes, from which on it is moved into its file.
const checkpointAt = 2000 * (pageSize + frameHead)

// The layout of a log, https://www.sqlite.org/fileformat.html#the_write_ahead_log
const (
	walHead   = 32
	walSalt   = 16
	frameHead = 24
	frameSalt = 8
)

// The ways to move a log into its file: as far as readers let it, or waiting for them and
// leaving an empty log.
const (
	passive  = "PASSIVE"
	truncate = "TRUNCATE"
)

var errReaders = errors.New("somebody reads the file; try again")

// tend moves the log into the file once it is large. It may fail, as on a full disk: what is
// in the log is safe there, and the next commits will try again.
func (w *writer) tend(ctx context.Context) error {
	size := walSize(w.path)
	if size < checkpointAt {
		w.nextAt = checkpointAt
	}
	if size < w.nextAt {
		return nil
	}
	w.nextAt = size + checkpointAt
	return w.checkpoint(ctx, passive)
}

func walSize(path string) int64 {
	info, err := os.Stat(path + suffixWAL) //nolint:gosec,nolintlint // of the store's own folder; it is not always said to be otherwise
	if err != nil {
		return 0
	}
	return info.Size()
}

// checkpoint wipes the pages in the log and moves them into the file.
func (w *writer) checkpoint(ctx context.Context, how string) error {
	for range 3 {
		var before int64
		if err := w.unsynced(ctx, func() (err error) {
			before, err = w.wipeLog(ctx)
			return err
		}); err != nil {
			return fmt.Errorf("wipe: %w", err)
		}
		w.nextAt = walSize(w.path) + checkpointAt
		if err := w.move(ctx, how); err != nil {
			return fmt.Errorf("move log into the file: %w", err)
		}
		after, err := w.version(ctx)
		if err != nil || after == before {
			return err
		}
		w.wiped.all = true // another process has written in between, and that was moved as it was
	}
	return errReaders
}

// wipeLog wipes the pages in the log, in a transaction, and tells the file's version.
func (w *writer) wipeLog(ctx context.Context) (version int64, err error) {
	if err := w.begin(ctx); err != nil {
		return 0, err
	}
	done, err := w.wipe(ctx)
	if err == nil {
		err = w.exec(ctx, sqlClean)
	}
	if err == nil {
		version, err = w.version(ctx)
	}
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		w.rollback(ctx)
		return 0, err
	}
	w.wiped = done
	return version, nil
}

// version changes when another connection has changed the file.
func (w *writer) version(ctx context.Context) (n int64, err error) {
	_, err = w.find(ctx, "PRAGMA data_version", nil, []any{&n})
	return n, err
}

// move moves the log into the file. Where that is to leave none, another process that does the
// same is waited for, as long as for a lock.
func (w *writer) move(ctx context.Context, how string) error {
	for deadline := time.Now().Add(lockWait * time.Millisecond); ; {
		var busy, frames, moved int
		if err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+how+")").Scan(&busy, &frames, &moved); err != nil {
			return err
		}
		if busy == 0 || how == passive {
			return nil
		}
		if time.Now().After(deadline) {
			return errReaders
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// wipe wipes what a transaction that has begun finds in the log, or all of the file.
func (w *writer) wipe(ctx context.Context) (wiped, error) {
	var count uint32
	if err := w.conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&count); err != nil {
		return wiped{}, err
	}
	if count >= maxPages {
		return wiped{}, fmt.Errorf("the file has %d pages, which is more than can be wiped", count)
	}
	pages, done, err := changedPages(w.path, w.wiped)
	if err != nil {
		return wiped{}, err
	}
	if w.wiped.all {
		clear(pages)
		for n := range count {
			pages[n+1] = true
		}
	}
	for n := range pages {
		if err := w.wipePage(ctx, n); err != nil {
			return wiped{}, fmt.Errorf("page %d: %w", n, err)
		}
	}
	return done, nil
}

const (
	sqlPage    = `SELECT data FROM sqlite_dbpage WHERE pgno = ?1`
	sqlSetPage = `UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1`
)

func (w *writer) wipePage(ctx context.Context, n uint32) error {
	var page []byte
	found, err := w.find(ctx, sqlPage, []any{n}, []any{&page})
	if err != nil || !found {
		return err // the file has become shorter
	}
	changed, err := wipePage(page, n)
	if err != nil || !changed {
		return err
	}
	return w.exec(ctx, sqlSetPage, n, page)
}

// changedPages are those in a file's log that are not wiped yet.
func changedPages(path string, before wiped) (pages map[uint32]bool, done wiped, err error) {
	pages = map[uint32]bool{}
	f, err := os.Open(path + suffixWAL) //nolint:gosec,nolintlint // of the store's own folder; it is not always said to be otherwise
	if errors.Is(err, fs.ErrNotExist) {
		return pages, done, nil
	}
	if err != nil {
		return nil, done, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var head [walHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		if errors.Is(err, io.EOF) {
			return pages, done, nil // nothing in it
		}
		return nil, done, err
	}
	done.salt = binary.BigEndian.Uint64(head[walSalt:])
	if before.salt == done.salt {
		done.frames = before.frames
	}
	for {
		var frame [frameHead]byte
		_, err := f.ReadAt(frame[:], walHead+done.frames*(frameHead+pageSize))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, done, err
		}
		// What is behind the end is of the log before.
		if err != nil || binary.BigEndian.Uint64(frame[frameSalt:]) != done.salt {
			return pages, done, nil
		}
		pages[binary.BigEndian.Uint32(frame[:])] = true
		done.frames++
	}
}

// maxPages is how many pages a file may have so that the first byte of one that is in no
// tree, the number of another page, cannot be taken for a kind of page: 128 GiB of them.
const maxPages = 1 << 25

// The kinds of pages of trees, https://www.sqlite.org/fileformat.html#b_tree_pages
const (
	indexInner = 2
	tableInner = 5
	indexLeaf  = 10
	tableLeaf  = 13
)

var errPage = errors.New("damaged page")

// mapEvery is how many pages one page of a map is for, with itself: files are made with auto_vacuum,
// so that they can be made smaller, and then every so manyth page tells what the next ones are. Its first byte
// could be taken for a kind of page. https://www.sqlite.org/fileformat.html#pointer_map_or_ptrmap_pages
const mapEvery = pageSize/5 + 1

// isMap reports whether a page is of the map.
func isMap(number uint32) bool { return number >= 2 && (number-2)%mapEvery == 0 }

// wipePage overwrites what no row is in: the middle of a page, and the blocks that are
// free between rows, but for their own heads.
func wipePage(page []byte, number uint32) (changed bool, err error) {
	if isMap(number) {
		return false, nil
	}
	head := 0
	if number == 1 {
		head = headerSize
	}
	at := func(i int) int { return int(binary.BigEndian.Uint16(page[i:])) }
	cells := head
	switch page[head] {
	case indexInner, tableInner:
		cells += 12
	case indexLeaf, tableLeaf:
		cells += 8
	default:
		return false, nil // in no tree: of a long row, or free and overwritten
	}
	from, to := cells+2*at(head+3), at(head+5)
	if from > to || to > len(page) {
		return false, errPage
	}
	changed = zero(page[from:to])
	for free := at(head + 1); free != 0; {
		if free < to || free+4 > len(page) {
			return false, errPage
		}
		next, size := at(free), at(free+2)
		if size < 4 || free+size > len(page) || next != 0 && next < free+size {
			return false, errPage
		}
		changed = zero(page[free+4:free+size]) || changed
		free = next
	}
	return changed, nil
}

// zero overwrites b and reports whether there was anything in it.
func zero(b []byte) (changed bool) {
	for i := range b {
		changed = changed || b[i] != 0
		b[i] = 0
	}
	return changed
}
