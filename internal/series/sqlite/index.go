package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// createEmpty makes an empty file that its owner alone can read, since SQLite
// would let everybody, and puts its name on disk.
func createEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist): // another process was faster
		return nil
	case err != nil:
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

const sqlMarks = `SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
	(SELECT count(*) FROM sqlite_schema)`

// marks are what tells whose file it is.
type marks struct{ application, version, tables int64 }

func (m *marks) empty() bool { return *m == marks{} }

// marksOf reads them without changing the file.
func marksOf(ctx context.Context, path string) (m marks, err error) {
	db, err := sql.Open("sqlite", address(path, "ro", busyTimeout()))
	if err != nil {
		return m, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	db.SetMaxOpenConns(1)
	if err := db.QueryRowContext(ctx, sqlMarks).Scan(&m.application, &m.version, &m.tables); err != nil {
		return m, fmt.Errorf("read header: %w", err)
	}
	return m, nil
}

// checkIndex tells an index of this build, or a fresh one that is still to be filled, from others.
func checkIndex(ctx context.Context, path string) (fresh bool, err error) {
	m, err := marksOf(ctx, path)
	if err != nil || m.empty() {
		return err == nil, err
	}
	return false, checkMarks(m.application, m.version, schemaVersion)
}

// createIndex makes the tables of a new index, all or none of it; old, if a store of an older
// layout is to be brought into it.
func createIndex(ctx context.Context, path string, old bool) (err error) {
	// The page size counts only while the file is empty, so it comes first.
	db, err := sql.Open("sqlite", address(path, "rw", fmt.Sprintf("page_size(%d)", pageSize), busyTimeout(), "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)",
		"synchronous(FULL)", "wal_autocheckpoint(0)")+"&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it has nothing to do
	var m marks
	if err := tx.QueryRowContext(ctx, sqlMarks).Scan(&m.application, &m.version, &m.tables); err != nil || !m.empty() {
		return err
	}
	if _, err := tx.ExecContext(ctx, schema(classIndex)); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err := tx.ExecContext(ctx, sqlAddSalt, newSalt()); err != nil {
		return fmt.Errorf("store salt: %w", err)
	}
	if old {
		if _, err := tx.ExecContext(ctx, sqlCount, countUpgrade, upgradeBegun); err != nil {
			return fmt.Errorf("note upgrade: %w", err)
		}
	}
	return tx.Commit()
}
