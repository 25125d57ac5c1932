package record

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"

	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

// again closes the store and opens it, as the next process does.
func (f *fixture) again() {
	f.t.Helper()
	if err := f.store.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.openStore()
}

// stored runs a recorder until n readings are stored, and reports how often it rewound.
func (f *fixture) stored(n int) (rewinds float64) {
	f.t.Helper()
	r, stop := f.start(f.store)
	f.settle(r)
	f.wantStored(r, int64(n))
	f.wantReadings(n)
	if err := r.Err(); err != nil {
		f.t.Errorf("error is %v", err)
	}
	if n := count(f.t, r.metrics.missing.WithLabelValues(schemas.StreamReadings)); n != 0 {
		f.t.Errorf("%v messages are missing, want 0", n)
	}
	rewinds = count(f.t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings))
	if err := stop(); err != nil {
		f.t.Fatal(err)
	}
	f.again()
	return rewinds
}

// The log is made anew while no recorder runs, and has outgrown the position when the
// next one starts: its beginning is stored, too.
func TestAnotherLogThatHasOutgrownThePosition(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	f.stored(50)
	f.replaceLog()
	f.readings(50, 100)
	if n := f.stored(150); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
	f.readings(150, 10)
	if n := f.stored(160); n != 0 {
		t.Errorf("%v rewinds are counted with the log that was there before, want 0", n)
	}
}

// forgetLogs makes the store what the build before left, which knew no logs.
func (f *fixture) forgetLogs() {
	f.t.Helper()
	if err := f.store.Close(); err != nil {
		f.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.dir, sqlite.FileName)+"?mode=rw")
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := db.ExecContext(f.t.Context(), "UPDATE positions SET log = ''"); err != nil {
		f.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.openStore()
}

// A store of the build before takes the log that is there for its own, even if nothing
// comes of it, and knows it from then on.
func TestStoreThatKnowsNoLog(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	f.stored(50)
	f.forgetLogs()
	if n := f.stored(50); n != 0 {
		t.Errorf("%v rewinds are counted, want 0", n)
	}
	f.replaceLog()
	f.readings(50, 100)
	if n := f.stored(150); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
	f.forgetLogs()
	f.replaceLog()
	f.readings(150, 20) // this one ends before the position
	if n := f.stored(170); n != 1 {
		t.Errorf("%v rewinds are counted after the log was lost, want 1", n)
	}
}

// lateReplaced is a log that is made anew between being looked at and being read.
type lateReplaced struct {
	Log
	done    atomic.Bool
	replace func()
}

func (l *lateReplaced) Messages(ctx context.Context, stream string, from uint64) (Source, error) {
	if stream == schemas.StreamReadings && !l.done.Swap(true) {
		l.replace()
	}
	return l.Log.Messages(ctx, stream, from)
}

func TestLogIsReplacedBeforeItIsRead(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	f.stored(50)
	r, _ := f.startWith(f.store, func(r *Recorder) {
		r.log = &lateReplaced{Log: r.log, replace: func() {
			f.replaceLog()
			f.readings(50, 100)
		}}
	})
	f.wantStored(r, 150)
	f.wantReadings(150)
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
}

// Another recorder, of another log, on the same store: what this one reads is stored
// nevertheless.
func TestTheStoreComesToBeOfAnotherLog(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	r, _ := f.start(f.store)
	f.settle(r)
	if err := f.store.Rewind(t.Context(), schemas.StreamReadings); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Append(t.Context(), series.Batch{Stream: schemas.StreamReadings, Log: "another", Seq: 1000}); err != nil {
		t.Fatal(err)
	}
	f.readings(50, 50)
	f.wantStored(r, 100)
	f.wantReadings(100)
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
}
