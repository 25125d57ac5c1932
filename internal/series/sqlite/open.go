package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"sitwell/internal/series"
)

// FileName is the store's file in its folder; SQLite keeps two more beside it.
const FileName = "series.db"

// ErrVersion says that a file was written by a newer build.
var ErrVersion = errors.New("the file is of a newer version of sitwell; run that one, or restore a backup")

// ErrForeign says that a file is no series store.
var ErrForeign = errors.New("the file is not a series store of sitwell; move it away, or name another folder")

const (
	pageSize = 4096 // bytes; see DESIGN.md for the comparison with 8192
	// readers are the read connections at once. Further queries wait for one until their
	// context ends; the dashboard bounds how many there are.
	readers = 6
	// lockWait is how long a statement waits for a lock that another process holds, in
	// milliseconds; then it fails, and the recorder tries again. A wait ends with its
	// context, too.
	lockWait = 5_000
)

// Store is the embedded store of one folder.
type Store struct {
	log  *slog.Logger
	path string
	read *sql.DB // read-only connections

	mu    sync.Mutex // guards what follows: one append at a time
	write *sql.DB    // one connection
	stmt  map[string]*sql.Stmt
	known known
	room  room
	pack  packer
}

var _ series.Store = (*Store)(nil)

// Open opens the store in dir and creates both where they are missing. The
// error wraps ErrVersion or ErrForeign where the file is not this build's; it
// is then left as it was.
func Open(dir string, log *slog.Logger) (*Store, error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("open series store: %w", err)
	}
	s := &Store{log: log, path: path, known: newKnown(), stmt: map[string]*sql.Stmt{}}
	if err := s.open(context.Background()); err != nil {
		_ = s.closeAll() // the first error says more
		return nil, fmt.Errorf("open series store %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := createFile(s.path); err != nil {
		return err
	}
	if err := checkFile(ctx, s.path); err != nil {
		return err
	}
	var err error
	// The page size counts only while the file is empty, so it comes first.
	if s.write, err = sql.Open("sqlite", address(s.path, "rw", fmt.Sprintf("page_size(%d)", pageSize),
		busyTimeout(), "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "foreign_keys(OFF)",
		"cache_size(-16384)", "wal_autocheckpoint(2000)", "journal_size_limit(67108864)")+"&_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := s.create(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", address(s.path, "ro", busyTimeout(), "query_only(ON)", "cache_size(-4096)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s.prepare(ctx)
}

// create makes the tables of a new file, or brings those of an older one up to
// this layout: all or none of it.
func (s *Store) create(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it has nothing to do
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, tables(version)+tableLogs+tableAggregates+tableTombstones); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err := tx.ExecContext(ctx, sqlAddSalt, newSalt()); err != nil {
		return fmt.Errorf("store salt: %w", err)
	}
	return tx.Commit()
}

// tables brings a file of a version, 0 for a new one, up to this layout.
func tables(version int) string {
	if version == schemaVersion {
		return ""
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	if version == 0 {
		return schema + marks
	}
	var all strings.Builder
	for v := version; v < schemaVersion; v++ {
		all.WriteString(upgrades()[v])
	}
	return all.String() + marks
}

func (s *Store) prepare(ctx context.Context) error {
	for _, q := range statements() {
		stmt, err := s.write.PrepareContext(ctx, q)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", q, err)
		}
		s.stmt[q] = stmt
	}
	return nil
}

// Close waits for an append under way, moves all into the one file and closes it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.closeAll(); err != nil {
		return fmt.Errorf("close series store %s: %w", s.path, err)
	}
	return nil
}

// closeAll ends with the writer: the last connection moves the log into the file.
func (s *Store) closeAll() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	for _, stmt := range s.stmt {
		errs = append(errs, stmt.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

// createFile makes an empty file that its owner alone can read, since SQLite
// would let everybody, and puts its name on disk.
func createFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it was only read
	return d.Sync()
}

// checkFile reads whose file it is without changing it.
func checkFile(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", address(path, "ro", busyTimeout()))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	db.SetMaxOpenConns(1)
	var application, version, tables int
	err = db.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&application, &version, &tables)
	switch {
	case err != nil:
		return fmt.Errorf("read header: %w", err)
	case application == 0 && version == 0 && tables == 0:
		return nil // new
	case application != applicationID:
		return ErrForeign
	case version > schemaVersion:
		return fmt.Errorf("version %d, this build knows %d: %w", version, schemaVersion, ErrVersion)
	}
	return nil
}

func busyTimeout() string { return fmt.Sprintf("busy_timeout(%d)", lockWait) }

// address is the data source name of a file.
func address(path, mode string, pragmas ...string) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()}
	return u.String()
}
