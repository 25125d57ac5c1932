package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"sitwell/internal/series"
)

// ErrVersion says that a file was written by a newer build.
var ErrVersion = errors.New("the file is of a newer version of sitwell; run that one, or restore a backup")

// ErrForeign says that a file is no series store.
var ErrForeign = errors.New("the file is not of a series store of sitwell; move it away, or name another folder")

// ErrNoIndex says that a folder has files of days but no index: it was lost, and with it
// who was erased.
var ErrNoIndex = errors.New("there are files of days but no " + FileName + "; restore it from a backup, or name another folder")

// Store is the embedded store of one folder.
type Store struct {
	log     *slog.Logger
	dir     string
	pool    *pool
	index   *file // open from Open to Close, as the next one
	office  *file
	reading chan struct{} // as many as may read at once
	listed  listed
	counted counted
	passed  passed
	sealing *sealing     // from Open to Close
	view    sync.RWMutex // held for reading while minutes, episodes or findings are read, for writing while a replacement is made

	mu        sync.Mutex // guards what follows: one change at a time
	known     known
	room      room
	pack      packer
	templates map[series.Class][]byte
}

// Open opens the store in dir and creates both where they are missing; a store of an
// older layout is brought up to this one. The
// error wraps ErrVersion or ErrForeign where a file is not this build's; it
// is then left as it was.
func Open(dir string, log *slog.Logger) (*Store, error) { return openStore(dir, log, defaultSealing()) }

func openStore(dir string, log *slog.Logger, o sealOptions) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open series store: %w", err)
	}
	s := &Store{
		log: log, dir: dir, reading: make(chan struct{}, readers), known: newKnown(),
		counted: counted{files: map[fileKey]counts{}}, templates: map[series.Class][]byte{},
	}
	s.pool = &pool{log: log, path: s.pathOf, files: map[fileKey]*file{}, closing: map[fileKey]chan struct{}{}}
	err = s.open(context.Background())
	if err == nil {
		err = s.startSealing(o)
	}
	if err != nil {
		_ = s.pool.close() // the first error says more
		return nil, fmt.Errorf("open series store %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := s.folders(); err != nil {
		return err
	}
	old, err := s.older(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", OldFileName, err)
	}
	if err := s.openIndex(ctx, old); err != nil {
		return err
	}
	return s.alone(func() error {
		if err := s.transact(ctx, func(ctx context.Context, c *changing) error {
			if err := c.tidy(); err != nil {
				return err
			}
			if s.office, err = c.made(ctx, fileKey{class: series.Office}); err != nil || c.exists(fileKey{class: classOld}) {
				return err
			}
			return c.bar(ctx)
		}); err != nil || !old {
			return err
		}
		return s.upgrade(ctx)
	})
}

// folders makes the store's folders.
func (s *Store) folders() error {
	for _, class := range dayClasses() {
		if err := os.MkdirAll(s.folder(class), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) folder(class series.Class) string { return filepath.Join(s.dir, string(class)) }

// openIndex opens the index, which is made where there is none.
func (s *Store) openIndex(ctx context.Context, old bool) (err error) {
	key := fileKey{class: classIndex}
	if _, err := os.Stat(s.pathOf(key)); errors.Is(err, fs.ErrNotExist) {
		if err := s.wantNoDays(); err != nil {
			return err
		}
		if err := createEmpty(s.pathOf(key)); err != nil {
			return err
		}
	}
	fresh, err := checkIndex(ctx, s.pathOf(key))
	if err == nil && fresh {
		err = createIndex(ctx, s.pathOf(key), old)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", FileName, err)
	}
	s.index, err = s.pool.acquire(ctx, key)
	return err
}

// wantNoDays is an error if there are files of days.
func (s *Store) wantNoDays() error {
	for _, class := range dayClasses() {
		days, err := s.everyDay(class)
		if err != nil {
			return err
		}
		if len(days) > 0 {
			return ErrNoIndex
		}
	}
	return nil
}

// Close waits for an append under way, moves all into the files and closes them.
func (s *Store) Close() error {
	s.sealing.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.pool.close(); err != nil {
		return fmt.Errorf("close series store %s: %w", s.dir, err)
	}
	return nil
}

func busyTimeout() string { return fmt.Sprintf("busy_timeout(%d)", lockWait) }

// address is the data source name of a file.
func address(path, mode string, pragmas ...string) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()}
	return u.String()
}
