package sqlite

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fileError tells of which file an error is: once, however many layers it goes through.
type fileError struct {
	key fileKey
	err error
}

func (e *fileError) Error() string {
	text := e.key.name() + ": " + e.err.Error()
	if e.damaged() && !errors.Is(e.err, ErrForeign) { // which tells what to do
		text += "; move it away, and what is in it is missing from then on; everything else works"
	}
	return text
}

func (e *fileError) Unwrap() error { return e.err }

// damaged reports whether the file will not be readable however often one tries.
func (e *fileError) damaged() bool {
	if e.key.class == classIndex || e.key.class == classOld {
		return false // nothing works without them
	}
	for _, known := range []error{ErrForeign, io.EOF, fs.ErrPermission, errPage, errSpans, errPacked, errUnreadable} {
		if errors.Is(e.err, known) {
			return true
		}
	}
	failed := new(sqlite.Error)
	if !errors.As(e.err, &failed) {
		return false
	}
	switch code := failed.Code(); code & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	default:
		return code == sqlite3.SQLITE_IOERR_SHORT_READ
	}
}

// of names the file that an error is of, unless that tells one already.
func (k fileKey) of(err error) error {
	if err == nil || errors.As(err, new(*fileError)) {
		return err
	}
	return &fileError{k, err}
}

// isDamaged is the damaged file that an error is of.
func isDamaged(err error) (key fileKey, damaged bool) {
	var of *fileError
	if !errors.As(err, &of) || !of.damaged() {
		return key, false
	}
	return of.key, true
}

// passed are the damaged files that somebody has gone on without, each of which the log tells
// once. It is safe for concurrent use.
type passed struct {
	mu    sync.Mutex // guards files
	files map[fileKey]bool
}

func (p *passed) first(key fileKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files = map[fileKey]bool{}
	}
	was := p.files[key]
	p.files[key] = true
	return !was
}

// without is err, or none where that is of a damaged file that one can do without.
func (s *Store) without(ctx context.Context, err error) error {
	key, damaged := isDamaged(err)
	if !damaged || ctx.Err() != nil {
		return err
	}
	if s.passed.first(key) {
		s.log.Warn("a file of the store is damaged and is left out", "file", key.name(), "err", err)
	}
	return nil
}
