package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sitwell/internal/series"
)

// pageSize is in bytes; see DESIGN.md for the comparison with 8192.
const pageSize = 4096

// create makes a file, whole or not at all, in a form that its owner alone can read:
// SQLite itself would let everybody, and would show a file with no tables in it. Whoever
// calls it holds the store's lock.
func (s *Store) create(ctx context.Context, key fileKey) error {
	template, ok := s.templates[key.class]
	if !ok {
		var err error
		if template, err = s.template(ctx, key.class); err != nil {
			return fmt.Errorf("create %s: %w", key.name(), err)
		}
		s.templates[key.class] = template
	}
	if err := place(s.pathOf(key), template); err != nil {
		return fmt.Errorf("create %s: %w", key.name(), err)
	}
	return nil
}

// template is the content of an empty file of a class.
func (s *Store) template(ctx context.Context, class series.Class) (content []byte, err error) {
	path := filepath.Join(s.dir, string(class)+suffixNew)
	if err := removeFile(path); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeFile(path)) }()
	if err := writeFile(path, nil); err != nil {
		return nil, err
	}
	// The page size counts only while the file is empty, so it comes first.
	mode := "WAL"
	if class == classOld {
		mode = "DELETE" // it is looked at by connections that would leave a log behind
	}
	db, err := sql.Open("sqlite", address(path, "rw", fmt.Sprintf("page_size(%d)", pageSize), "auto_vacuum(INCREMENTAL)", "journal_mode("+mode+")"))
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, schema(class))
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// place puts a file in its place at once, with its name on disk. A log that was left
// beside another file of this name would be taken for its own.
func place(path string, content []byte) error {
	for _, beside := range []string{suffixWAL, suffixSHM} {
		if err := remove(path + beside); err != nil {
			return err
		}
	}
	if err := writeFile(path+suffixNew, content); err != nil {
		return err
	}
	if err := os.Rename(path+suffixNew, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// removeFile removes a database with what SQLite keeps beside it. The log goes first: one
// without its file would be taken for that of the next file of this name.
func removeFile(path string) error {
	for _, part := range []string{suffixWAL, suffixSHM, ""} {
		if err := remove(path + part); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it was only read
	return d.Sync()
}

// tidy removes what a crash has left of files that were not whole. Whoever calls it holds
// the store's lock.
func (s *Store) tidy() error {
	for _, class := range dayClasses() {
		left, err := filepath.Glob(filepath.Join(escape(s.dir), string(class), "*"+suffixNew+"*")) // and what SQLite keeps beside
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// escape is a path for a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// The places of what is told in a file's first page, https://www.sqlite.org/fileformat.html#the_database_header
const (
	headerSize        = 100
	headerVersion     = 60
	headerApplication = 68
)

// checkHeader reads whose file it is without SQLite: files of days have their marks
// from the beginning.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var head [headerSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	application := binary.BigEndian.Uint32(head[headerApplication:])
	version := binary.BigEndian.Uint32(head[headerVersion:])
	return checkMarks(int64(application), int64(version), schemaVersion)
}

// checkMarks tells a file of this build, of layouts up to latest, from others.
func checkMarks(application, version, latest int64) error {
	switch {
	case application != applicationID:
		return ErrForeign
	case version > latest:
		return fmt.Errorf("version %d, this build knows %d: %w", version, schemaVersion, ErrVersion)
	}
	return nil
}
