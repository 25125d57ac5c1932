package sqlite

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// A page of a leaf with two rows, a free block between them and something in its middle.
func leaf() []byte {
	page := bytes.Repeat([]byte{0xee}, 64)
	copy(page, []byte{tableLeaf, 0, 48, 0, 2, 0, 40, 0, 0, 40, 0, 56}) // free block at 48, two rows at 40 and 56
	copy(page[48:], []byte{0, 0, 0, 8})
	return page
}

func TestWipesWhatNoRowIsIn(t *testing.T) {
	page, want := leaf(), leaf()
	clear(want[12:40])
	clear(want[52:56])
	if changed, err := wipePage(page, 3); err != nil || !changed || !bytes.Equal(page, want) {
		t.Errorf("page is\n%v, %v, %v, want\n%v", page, changed, err, want)
	}
	if changed, err := wipePage(page, 3); err != nil || changed {
		t.Errorf("wiped again, it is changed: %v, %v", changed, err)
	}
	for _, number := range []uint32{2, 822, 2 + 400*820} {
		page, was := leaf(), leaf()
		if changed, err := wipePage(page, number); err != nil || changed || !bytes.Equal(page, was) {
			t.Errorf("page %d, of a map, is changed: %v, %v", number, changed, err)
		}
	}
	other := make([]byte, 64)
	copy(other[4:], "part of a long row")
	was := bytes.Clone(other)
	if changed, err := wipePage(other, 3); err != nil || changed || !bytes.Equal(other, was) {
		t.Errorf("a page in no tree is changed: %v, %v", changed, err)
	}
	for _, damage := range []func([]byte){
		func(p []byte) { p[5], p[6] = 0, 8 },       // rows begin in the head
		func(p []byte) { p[3] = 1 },                // so many rows that they are beyond
		func(p []byte) { p[2] = 20 },               // a free block in the middle
		func(p []byte) { p[2] = 63 },               // one at the end
		func(p []byte) { p[51] = 200 },             // one that is too long
		func(p []byte) { p[48], p[49] = 0, 48 },    // one that follows itself
		func(p []byte) { p[1], p[2] = 0xff, 0xff }, // one beyond the page
	} {
		page := leaf()
		damage(page)
		if _, err := wipePage(page, 3); !errors.Is(err, errPage) {
			t.Errorf("error of a damaged page is %v", err)
		}
	}
}

func FuzzWipePage(f *testing.F) {
	f.Add(leaf(), uint32(3))
	f.Add(append(bytes.Repeat([]byte{1}, headerSize), leaf()...), uint32(1))
	f.Fuzz(func(t *testing.T, page []byte, number uint32) {
		if len(page) < headerSize+12 {
			return
		}
		_, err := wipePage(page, number)
		if err != nil {
			return
		}
		if changed, err := wipePage(page, number); changed || err != nil {
			t.Errorf("wiped again, it is changed: %v, %v", changed, err)
		}
	})
}

// Another program has moved a log into its file, as the shell does after a crash: the file is
// wiped as a whole before anything is said to be erased.
func TestLogMovedByAnother(t *testing.T) {
	dir := t.TempDir()
	crashed, err := Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	c := newCrowd(t, crashed, 12)
	for range 30 {
		c.round(rnd, 100)
	}
	copyOf := t.TempDir() // as the disk is when the process is killed
	copyFolder(t, copyOf, dir)
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	day := fileKey{series.Raw, dayOf(benchStart.UnixMilli())}
	moved := &Store{dir: copyOf}
	alter(t, moved.pathOf(day), "PRAGMA wal_checkpoint(TRUNCATE)")
	c.s = closedTest(t, copyOf)
	if err := c.s.with(t.Context(), day, func(f *file) error {
		f.write.mu.Lock()
		defer f.write.mu.Unlock()
		if err := f.write.connect(t.Context()); err != nil {
			return err
		}
		if !f.write.wiped.all {
			t.Error("nobody has noticed")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, victim := range []string{"wearer-000", "wearer-005"} {
		if _, err := c.s.Erase(t.Context(), org, schemas.MustID(victim), time.Now()); err != nil {
			t.Fatal(err)
		}
		c.wantNothing(victim)
	}
	wantWhole(t, c.s)
	wantWiped(t, c.s)
}

// A log that a reader of an old state keeps from being moved grows, is tried again now and then,
// and is moved once the reader is gone.
func TestReaderHoldsUpTheLog(t *testing.T) {
	s := closedTest(t, t.TempDir())
	if _, err := s.Append(t.Context(), batchOf(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	day := fileKey{series.Raw, dayOf(benchStart.UnixMilli())}
	path := s.pathOf(day)
	hold := func() (release func()) {
		f, err := s.pool.acquire(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := f.read.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM minutes").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return func() {
			_ = tx.Rollback()
			s.pool.release(f)
		}
	}
	release := hold()
	seq := uint64(1)
	grow := func() {
		t.Helper()
		seq++
		b := batchOf(seq, seq*10_000, 2000)
		for i := range b.Readings[0].Items { // among those of the batch before
			b.Readings[0].Items[i].Time = benchStart.UnixMilli() + int64(i)*20_000
		}
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if grow(); walSize(path) > checkpointAt*5/4 {
			break
		}
	}
	if n := walSize(path); n < checkpointAt*5/4 {
		t.Fatalf("the log has %d bytes: nobody holds it up", n)
	}
	release()
	for range 100 {
		if grow(); walSize(path) < checkpointAt {
			break
		}
	}
	if n := walSize(path); n >= checkpointAt {
		t.Errorf("the log still has %d bytes", n)
	}
	if err := s.with(t.Context(), day, func(f *file) error { return f.empty(context.Background()) }); err != nil {
		t.Fatal(err)
	}
	if n := walSize(path); n != 0 {
		t.Errorf("the log has %d bytes", n)
	}
	wantWhole(t, s)
}

// An erasure is killed before it has emptied the logs, and the shell moves them into their files:
// once the erasure is repeated, nothing is left, though no file tells of the wearer any more.
func TestLogMovedAfterAKilledErasure(t *testing.T) {
	dir, copyOf := t.TempDir(), t.TempDir()
	s := closedTest(t, dir)
	rnd := rand.New(rand.NewPCG(0, 1))
	c := newCrowd(t, s, 40)
	for range 6 {
		c.round(rnd, 200)
	}
	victim := schemas.MustID("wearer-007")
	e := erasing{name: wearerName{org, victim}}
	if err := s.change(t.Context(), func(ctx context.Context, ch *changing) error {
		if err := ch.bury(ctx, e.name, time.Now()); err != nil {
			return err
		}
		return s.eachFile(func(key fileKey) error { return ch.in(ctx, key, e.drop) })
	}); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, copyOf, dir)
	files, err := filepath.Glob(filepath.Join(copyOf, "*", "*"+suffix))
	if err != nil || len(files) < 3 {
		t.Fatalf("files are %v, %v", files, err)
	}
	for _, path := range files {
		alter(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	c.s = closedTest(t, copyOf)
	if n := notWiped(t, copyOf); n == 0 {
		t.Fatal("the shell has moved nothing that is to be wiped")
	}
	if _, err := c.s.Erase(t.Context(), org, victim, time.Now()); err != nil {
		t.Fatal(err)
	}
	c.wantNothing(victim.String())
	if n := notWiped(t, copyOf); n > 0 {
		t.Errorf("%d pages have more than their rows", n)
	}
}

// notWiped is how many pages of a store's files have more than their rows.
func notWiped(t testing.TB, dir string) (n int) {
	t.Helper()
	for name := range filesOf(t, dir) {
		if filepath.Ext(name) != suffix || filepath.Dir(name) == "." {
			continue
		}
		b := mustRead(t, filepath.Join(dir, name))
		for i := range len(b) / pageSize {
			changed, err := wipePage(b[i*pageSize:(i+1)*pageSize], uint32(i+1))
			if err != nil {
				t.Fatal(err)
			}
			if changed {
				n++
			}
		}
	}
	return n
}
