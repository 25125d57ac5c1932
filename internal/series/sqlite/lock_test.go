package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// lockOf takes the right to write of a folder's store, as another process would, and
// gives it back once release is called.
func lockOf(t *testing.T, dir string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", address(filepath.Join(dir, FileName), "rw")+"&_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// A file that another process has locked holds up an append only until its context ends;
// reading goes on.
func TestLockedFile(t *testing.T) {
	dir := t.TempDir()
	s := closedTest(t, dir)
	if _, err := s.Append(t.Context(), batchOf(1, 0, 100)); err != nil {
		t.Fatal(err)
	}
	release := lockOf(t, dir)
	for _, c := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"append", func(ctx context.Context) error { _, err := s.Append(ctx, batchOf(2, 100, 100)); return err }},
		{"rewind", func(ctx context.Context) error { return s.Rewind(ctx, "READINGS") }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- c.do(ctx) }()
		select {
		case err := <-ended:
			t.Errorf("%s: it did not wait for the lock: %v", c.name, err)
		case <-time.After(300 * time.Millisecond): // it waits
		}
		wantReadings(t, s, 100, 0)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v, want %v", c.name, err, context.Canceled)
		}
		if took := time.Since(began); took > lockWait*time.Millisecond {
			t.Errorf("%s: it ended after %v, not with its context", c.name, took)
		}
	}
	release()
	if _, err := s.Append(t.Context(), batchOf(2, 100, 100)); err != nil {
		t.Fatal(err)
	}
	wantReadings(t, s, 200, 0)
}
