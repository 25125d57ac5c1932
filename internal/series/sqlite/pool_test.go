package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series"
)

// Many at once use more files than are kept open, and change them: nobody finds a file
// half closed.
func TestFilesComeAndGo(t *testing.T) {
	s := closedTest(t, t.TempDir())
	const days = 2 * openFiles
	first := dayOf(benchStart.UnixMilli())
	for i := range uint64(days) {
		b := batchOf(i+1, i*10, 10)
		for j := range b.Readings[0].Items {
			b.Readings[0].Items[j].Time += int64(i) * dayMillis
		}
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var users sync.WaitGroup
	for user := range int64(6) {
		users.Go(func() {
			for i := range int64(40) {
				key := fileKey{series.Raw, first + (7*user+5*i)%days}
				err := s.with(t.Context(), key, func(f *file) error {
					f.write.mu.Lock()
					defer f.write.mu.Unlock()
					err := f.write.begin(t.Context())
					if err == nil {
						err = f.write.exec(t.Context(), sqlCount, fmt.Sprint("user", user), 1)
					}
					if err == nil {
						err = f.write.commit(t.Context())
					}
					if err == nil {
						err = f.write.checkpoint(t.Context(), truncate)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	n := int64(0)
	for day := first; day < first+days; day++ {
		if err := s.with(t.Context(), fileKey{series.Raw, day}, func(f *file) error {
			rows, err := query(t.Context(), s, f, func(n *int64) []any { return []any{n} }, `SELECT n FROM counters WHERE name LIKE 'user%'`)
			for _, r := range rows {
				n += r
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n != 6*40 {
		t.Errorf("%d changes are stored, want %d", n, 6*40)
	}
	wantWhole(t, s)
}

// Who wants a file that is being closed waits for that, or for the end of its context.
func TestWaitsForAFileThatIsClosed(t *testing.T) {
	s := closedTest(t, t.TempDir())
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	key := fileKey{series.Raw, dayOf(benchStart.UnixMilli())}
	s.pool.mu.Lock()
	f := s.pool.files[key]
	delete(s.pool.files, key)
	s.pool.closing[key] = make(chan struct{})
	s.pool.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.pool.acquire(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	acquired := make(chan error, 1)
	go func() { acquired <- s.with(t.Context(), key, func(*file) error { return nil }) }()
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	s.pool.done(f)
	if err := <-acquired; err != nil {
		t.Error(err)
	}
	wantReadings(t, s, 10, 0)
}
