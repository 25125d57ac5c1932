package record

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/schemas"
)

// bulk is how many readings a message of flood has.
const bulk = 2000

// flood publishes messages of bulk readings of ann's, ten a second, from seq on.
func (f *fixture) flood(seq uint64, messages int) {
	f.t.Helper()
	for range messages {
		b := schemas.Batch{Org: org, Wearer: ann, Device: chest, Boot: 2}
		for range bulk {
			b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
				Seq: seq, Time: monday.UnixMilli() + int64(seq)*100, TrunkPitch: int16(seq % 500), Fields: schemas.HasTrunk | schemas.IsWorn,
			}})
			seq++
		}
		record, err := schemas.AppendBatch(schemas.NewRecord(nil), &b)
		if err != nil {
			f.t.Fatal(err)
		}
		f.publish(schemas.ReadingsSubject(0), record)
	}
}

// wantFlood wants ann's first n readings of flood, each once, in order.
func (f *fixture) wantFlood(n uint64) {
	f.t.Helper()
	next := uint64(0)
	q := series.Query{Org: org, Wearer: ann, From: monday, To: monday.AddDate(0, 1, 0)}
	if err := f.store.Readings(f.t.Context(), q, func(r series.Reading) error {
		if r.Seq != next {
			f.t.Fatalf("reading %d comes where %d should", r.Seq, next)
		}
		next++
		return nil
	}); err != nil || next != n {
		f.t.Errorf("%d readings are stored, %v, want %d", next, err, n)
	}
	stats, err := f.store.Stats(f.t.Context())
	if err != nil || stats.Readings != int64(n) || stats.Duplicates != 0 {
		f.t.Errorf("stats are %+v, %v, want %d readings and no duplicates", stats, err, n)
	}
}

// lock keeps everybody else from writing to the store until release is called.
func (f *fixture) lock() (release func()) {
	f.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.dir, sqlite.FileName)+"?mode=rw&_txlock=exclusive")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return func() {
		f.t.Helper()
		if err := tx.Rollback(); err != nil {
			f.t.Error(err)
		}
	}
}

// until waits for something to be so.
func (f *fixture) until(what string, is func() bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// counted is a log that counts the bytes of readings that are taken from it.
type counted struct {
	Log
	taken atomic.Int64
}

func (c *counted) Messages(ctx context.Context, stream string, from uint64) (Source, error) {
	source, err := c.Log.Messages(ctx, stream, from)
	if err != nil || stream != schemas.StreamReadings {
		return source, err
	}
	return countedSource{source, &c.taken}, nil
}

type countedSource struct {
	Source
	taken *atomic.Int64
}

func (c countedSource) Next(ctx context.Context) (bus.Msg, error) {
	m, err := c.Source.Next(ctx)
	c.taken.Add(int64(len(m.Data)))
	return m, err
}

func (c countedSource) TryNext() (bus.Msg, bool) {
	m, ok := c.Source.TryNext()
	c.taken.Add(int64(len(m.Data)))
	return m, ok
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A store that another process has locked costs nothing but room in the log: what is
// taken from it stays within the bounds of one append, and all of it is stored
// afterwards. Most of the 130 MB of it is no good, and quickly passed over.
func TestStoreIsLocked(t *testing.T) {
	const (
		messages, junk, junkBytes = 600, 3600, 32 << 10

		mostHeap = 50 << 20 // what an hour without the store may cost
	)
	f := newFixture(t)
	log := &counted{Log: FromBus(f.bus)}
	f.flood(0, 1)
	r, _ := f.startWith(f.store, func(r *Recorder) { r.log = log })
	f.settle(r)
	release := f.lock()
	before := heap()
	taken := log.taken.Load()
	for i := range messages {
		f.flood(uint64(1+i)*bulk, 1)
		for range junk / messages {
			f.publish(schemas.ReadingsSubject(0), make([]byte, junkBytes))
		}
	}
	f.until("the store is said to fail", func() bool { return r.Err() != nil })
	if n := log.taken.Load() - taken; n > maxBytes+junkBytes {
		t.Errorf("%d bytes are taken while nothing is stored, want %d at most", n, maxBytes+junkBytes)
	}
	grown := int64(0)
	f.until("memory is bounded", func() bool { // the log's server is in this process; it forgets what it wrote in some seconds
		grown = heap() - before
		return grown < mostHeap
	})
	release()
	began := time.Now()
	f.settle(r)
	t.Logf("%d readings caught up in %v; the heap, the log's server included, had grown by less than %d MB", messages*bulk, time.Since(began).Round(time.Millisecond), grown>>20+1)
	f.wantFlood((messages + 1) * bulk)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v after the store works again", err)
	}
}

// A stop does not wait for the lock.
func TestStopsWhileTheStoreIsLocked(t *testing.T) {
	f := newFixture(t)
	f.flood(0, 1)
	r, stop := f.start(f.store)
	f.settle(r)
	release := f.lock()
	log := &counted{Log: FromBus(f.bus)}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, stop = f.startWith(f.store, func(r *Recorder) { r.log = log })
	f.flood(bulk, 3)
	f.until("something is taken", func() bool { return log.taken.Load() > 0 })
	began := time.Now()
	if err := stop(); err != nil || time.Since(began) > 4*time.Second {
		t.Errorf("stopped after %v, %v", time.Since(began), err)
	}
	release()
	r, _ = f.start(f.store)
	f.settle(r)
	f.wantFlood(4 * bulk)
}

// mute is a store that does not answer at first.
type mute struct {
	series.Store
	asked atomic.Int64
}

func (m *mute) Position(ctx context.Context, stream string) (series.Position, error) {
	if m.asked.Add(1) <= 3 {
		return series.Position{}, errDisk
	}
	return m.Store.Position(ctx, stream)
}

func TestStoreDoesNotAnswerAtTheStart(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	m := &mute{Store: f.store}
	r, _ := f.start(m)
	f.until("the store is said to fail", func() bool { return errors.Is(r.Err(), errDisk) })
	f.settle(r)
	f.wantReadings(50)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v", err)
	}
}
