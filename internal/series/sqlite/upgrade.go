package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sitwell/internal/series"
)

// OldFileName is the file that stores of layouts 1 to 3 were all in.
const OldFileName = "series.db"

// oldVersion is the last layout of that file.
const oldVersion = 3

// How far the index has come in taking over an older store, its counter countUpgrade.
const (
	countUpgrade = "upgrade"
	upgradeBegun = 1
	upgradeDone  = 2 // all is in
)

// ErrTwo says that a folder has a store of this layout and an older one which is none of its own.
var ErrTwo = errors.New("there is a store beside it already; move one of them away")

// older reports whether there is a store of an older layout. The error wraps ErrVersion or
// ErrForeign where it is none that this build knows.
func (s *Store) older(ctx context.Context) (bool, error) {
	path := filepath.Join(s.dir, OldFileName)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	m, err := marksOf(ctx, path)
	switch {
	case err != nil, m.empty():
		return err == nil, err
	case m.application == applicationID && m.version == schemaVersion:
		return false, nil // the sign
	}
	return true, checkMarks(m.application, m.version, oldVersion)
}

// bar puts a sign in the place of the old file: an older build refuses the folder, as one of
// a newer version, where it would begin a store of its own.
func (c *changing) bar(ctx context.Context) error {
	return c.create(ctx, fileKey{class: classOld})
}

// upgrade takes over the old store: file by file, each in a transaction that marks it, then
// the positions. It goes on where a crash has left it. The old file is put out of the way
// last; until then, the disk has to hold both.
func (s *Store) upgrade(ctx context.Context) error {
	path := filepath.Join(s.dir, OldFileName)
	at, err := s.upgradedTo(ctx)
	if err == nil && at == 0 {
		err = ErrTwo
	}
	if err == nil && at < upgradeDone {
		s.log.Info("store is brought up to a new layout", "file", path, "layout", schemaVersion)
		err = s.takeOver(ctx, path)
	}
	if err == nil {
		err = s.transact(ctx, func(ctx context.Context, c *changing) error {
			return errors.Join(c.bar(ctx), c.index.exec(ctx, sqlSetUpgrade, 0))
		})
	}
	return wrap("bring up "+OldFileName, err)
}

const (
	sqlUpgrade    = `SELECT ifnull((SELECT n FROM counters WHERE name = 'upgrade'), 0)`
	sqlSetUpgrade = `UPDATE counters SET n = ?1 WHERE name = 'upgrade'`
)

func (s *Store) upgradedTo(ctx context.Context) (int, error) {
	rows, err := query(ctx, s, s.index, func(n *int) []any { return []any{n} }, sqlUpgrade)
	if err != nil {
		return 0, err
	}
	return rows[0], nil
}

// takeOver takes over all that an old file has.
func (s *Store) takeOver(ctx context.Context, path string) error {
	old, err := openOld(ctx, path)
	if err != nil || old == nil {
		return err
	}
	defer old.db.Close() //nolint:errcheck // it was only read
	return s.transact(ctx, func(ctx context.Context, c *changing) error {
		for class, do := range map[series.Class]func(context.Context, *fileTx, int64) error{
			series.Raw: old.takeReadings, series.Rollups: old.takeRollups, series.Events: old.takeEvents,
		} {
			days, err := old.days(ctx, class)
			if err != nil {
				return err
			}
			for _, day := range days {
				if err := c.takeFile(ctx, fileKey{class, day}, path, do); err != nil {
					return err
				}
			}
		}
		return old.takeIndex(ctx, c)
	})
}

// sqlTaken marks a file as one that has all of the old store that it is to have.
const sqlTaken = `SELECT n FROM counters WHERE name = 'upgrade'`

// takeFile fills a file of a day from the old one, unless that has happened.
func (c *changing) takeFile(ctx context.Context, key fileKey, path string, do func(context.Context, *fileTx, int64) error) error {
	f, err := c.made(ctx, key)
	if err != nil {
		return err
	}
	defer c.pool.release(f)
	w := &f.write
	if err := attach(ctx, w, path); err != nil {
		return err
	}
	err = c.in(ctx, key, func(ctx context.Context, tx *fileTx) error {
		var n int
		if taken, err := tx.find(ctx, sqlTaken, nil, []any{&n}); err != nil || taken {
			return err
		}
		tx.counts[countUpgrade] = 1
		return do(ctx, tx, key.day)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(err, w.close()) // with what was attached
}

func attach(ctx context.Context, w *writer, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.connect(ctx); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, `ATTACH DATABASE ?1 AS old`, path)
	return wrap("attach", err)
}

// openOld opens an old file and brings it up to the last of its layouts: all or none of it.
// It is nil if there is nothing in it.
func openOld(ctx context.Context, path string) (*oldFile, error) {
	m, err := marksOf(ctx, path)
	if err != nil || m.empty() {
		return nil, err
	}
	db, err := sql.Open("sqlite", address(path, "rw", busyTimeout(), "synchronous(FULL)")+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := bringUp(ctx, db, int(m.version)); err != nil {
		_ = db.Close() // the first error says more
		return nil, err
	}
	return &oldFile{db}, nil
}

func bringUp(ctx context.Context, db *sql.DB, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it has nothing to do
	for v := version; v < oldVersion; v++ {
		if _, err := tx.ExecContext(ctx, upgrades()[v]); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, tableLogs+fmt.Sprintf("PRAGMA user_version = %d;", oldVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// tableLogs tells which log a position is of. A row counts only beside a position. Layout 3
// has it in files that its last build has opened.
const tableLogs = `
CREATE TABLE IF NOT EXISTS logs (stream TEXT PRIMARY KEY, identity TEXT NOT NULL) WITHOUT ROWID;
`

// upgrades are how a file of a version becomes one of the next.
func upgrades() map[int]string { return map[int]string{1: upgrade1, 2: upgrade2} }

// upgrade1 makes version 2 of a file of version 1, which kept no time of the
// last finding: its length tells about the same.
const upgrade1 = `
ALTER TABLE episodes ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE episodes SET told = start + CAST(seconds * 1000 AS INTEGER);
`

// upgrade2 makes version 3 of a file of version 2, which kept neither marks nor
// findings. What it knew nothing of is zero: the severity of its episodes is
// unknown and they are explained by no finding.
const upgrade2 = `
CREATE TABLE late (run INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (run, last)) WITHOUT ROWID;
ALTER TABLE rollups ADD COLUMN flexion_p95 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN lean_left INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN lean_right INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN bent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN load_peak INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN shifts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN bout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE episodes ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE episodes ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE episodes ADD COLUMN caused INTEGER NOT NULL DEFAULT 1000;
CREATE TABLE findings (number INTEGER PRIMARY KEY, wearer INTEGER NOT NULL, episode TEXT NOT NULL, id TEXT NOT NULL,
	body BLOB NOT NULL, UNIQUE (episode, wearer, id));
`
