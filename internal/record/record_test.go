package record

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/internal/series"
	"sitwell/schemas"
)

func TestStoresEveryStream(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 200)
	r, _ := f.start(f.store)
	f.publish(schemas.RollupsSubject(1), judged(t, schemas.Judged{
		Rollups: []schemas.Rollup{{Org: org, Wearer: ann, Minute: monday.Unix() / 60, Sitting: 60, LoadPeak: 0.5}},
		Late:    []schemas.Late{lateMark(7, 9)},
	}))
	f.publish(schemas.RollupsSubject(1), judged(t, schemas.Judged{Late: []schemas.Late{lateMark(250, 250), lateMark(8, 10)}}))
	f.publish(schemas.FindingsSubject(org, ann), finding(schemas.Opened))
	f.publish(schemas.FindingsSubject(org, ann), finding(schemas.Closed))
	decision := schemas.Decision{Schema: schemas.SchemaDecision, ID: "d", Org: org, Wearer: ann, Time: monday, Action: schemas.ActionSent}
	data, err := decision.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f.publish(schemas.NudgesSubject(org, ann), data)
	f.readings(200, 100)
	f.settle(r)
	f.wantReadings(300)
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.Readings != 300 || stats.Rollups != 1 || stats.Episodes != 1 || stats.Findings != 2 || stats.Decisions != 1 {
		t.Errorf("stats are %+v, %v", stats, err)
	}
	if got := f.late(); !slices.Equal(got, []uint64{7, 8, 9, 10, 250}) {
		t.Errorf("late are %v", got)
	}
	if got, err := f.store.Findings(t.Context(), org, "e"); err != nil || len(got) != 2 {
		t.Errorf("findings are %+v, %v, want two", got, err)
	}
	if n := count(t, r.metrics.readings); n != 300 {
		t.Errorf("metric says %v readings", n)
	}
	if err := r.Err(); err != nil {
		t.Errorf("error is %v", err)
	}
}

func TestGoesOnAfterRestart(t *testing.T) {
	f := newFixture(t)
	for i := range 4 {
		f.readings(uint64(100*i), 100)
		r, stop := f.start(f.store)
		f.readings(uint64(100*i), 100) // all of them again
		if i%2 == 0 {
			f.settle(r)
		}
		if err := stop(); err != nil { // otherwise somewhere on the way
			t.Fatal(err)
		}
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		f.openStore()
	}
	r, _ := f.start(f.store)
	f.settle(r)
	f.wantReadings(400)
}

func TestPassesOverWhatIsNoGood(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 10)
	good := schemas.Batch{Org: org, Wearer: ann, Device: chest, Boot: 1, Items: []schemas.Item{{Reading: schemas.Reading{Seq: 500, Time: 1}}}}
	half, err := schemas.AppendBatch(schemas.NewRecord(nil), &good)
	if err != nil {
		t.Fatal(err)
	}
	f.publish(schemas.ReadingsSubject(0), append(half, 3, 'a', 'b')) // good, and then cut off: none of it counts
	f.publish(schemas.ReadingsSubject(0), []byte{99})
	f.publish(schemas.ReadingsSubject(0), nil)
	good.Items[0].Time = -5
	old, err := schemas.AppendBatch(schemas.NewRecord(nil), &good)
	if err != nil {
		t.Fatal(err)
	}
	f.publish(schemas.ReadingsSubject(0), old)
	f.publish(schemas.FindingsSubject(org, ann), []byte(`{"schema":"sitwell.finding.v1"}`))
	f.publish(schemas.FindingsSubject(org, ann), []byte(`{`))
	f.publish(schemas.NudgesSubject(org, ann), []byte(`{"schema":"sitwell.decision.v9"}`))
	f.publish(schemas.RollupsSubject(0), []byte{1, 0x60})
	f.publish(schemas.RollupsSubject(0), judged(t, schemas.Judged{ // one is no good: none of it counts
		Rollups: []schemas.Rollup{{Org: org, Wearer: ann, Minute: monday.Unix() / 60}, {Org: org, Wearer: ann, Minute: 9, LoadPeak: 2}},
		Late:    []schemas.Late{lateMark(0, 20)},
	}))
	f.publish(schemas.RollupsSubject(0), judged(t, schemas.Judged{Late: []schemas.Late{lateMark(0, 20), lateMark(3, 2)}}))
	f.readings(10, 10)
	r, _ := f.start(f.store)
	f.settle(r)
	f.wantReadings(20)
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.Rollups+stats.Findings+stats.Decisions != 0 || len(f.late()) > 0 {
		t.Errorf("stats are %+v, %v, and late are %v", stats, err, f.late())
	}
	for _, c := range []struct {
		stream, reason string
		want           float64
	}{
		{schemas.StreamReadings, damaged, 3},
		{schemas.StreamReadings, invalid, 1},
		{schemas.StreamFindings, damaged, 1},
		{schemas.StreamFindings, invalid, 1},
		{schemas.StreamNudges, damaged, 1},
		{schemas.StreamRollups, damaged, 1},
		{schemas.StreamRollups, invalid, 2},
	} {
		if n := count(t, r.metrics.refused.WithLabelValues(c.stream, c.reason)); n != c.want {
			t.Errorf("%v messages of %s are refused as %s, want %v", n, c.stream, c.reason, c.want)
		}
	}
}

// failing is a store whose appends fail while it is told to; whether they have
// happened all the same is by turns.
type failing struct {
	series.Store
	on       atomic.Bool
	attempts atomic.Int64
	tried    chan struct{} // one for each of the first failures
}

var errDisk = errors.New("disk full")

func (s *failing) Append(ctx context.Context, b series.Batch) (series.Appended, error) {
	if !s.on.Load() {
		return s.Store.Append(ctx, b)
	}
	if s.attempts.Add(1)%2 == 0 {
		_, _ = s.Store.Append(ctx, b) // and the answer is lost
	}
	select {
	case s.tried <- struct{}{}:
	default:
	}
	return series.Appended{}, errDisk
}

func TestStoreFails(t *testing.T) {
	f := newFixture(t)
	s := &failing{Store: f.store, tried: make(chan struct{}, 3)}
	s.on.Store(true)
	r, _ := f.start(s)
	f.readings(0, 50)
	for range cap(s.tried) {
		<-s.tried
	}
	if err := r.Err(); !errors.Is(err, errDisk) {
		t.Errorf("error is %v, want %v", err, errDisk)
	}
	f.readings(50, 50)
	s.on.Store(false)
	f.settle(r)
	f.wantReadings(100)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v after the store works again", err)
	}
	if n := count(t, r.metrics.failures.WithLabelValues(schemas.StreamReadings)); n < 3 {
		t.Errorf("%v failures are counted", n)
	}
}

// purge removes the readings' messages before seq, as expiry does.
func (f *fixture) purge(seq uint64) {
	f.t.Helper()
	js, err := jetstream.New(f.nc)
	if err != nil {
		f.t.Fatal(err)
	}
	stream, err := js.Stream(f.t.Context(), schemas.StreamReadings)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := stream.Purge(f.t.Context(), jetstream.WithPurgeSequence(seq)); err != nil {
		f.t.Fatal(err)
	}
}

func TestExpiredMessagesAreAGap(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 100) // ten messages
	f.purge(7)
	r, _ := f.start(f.store)
	f.settle(r)
	if n := count(t, r.metrics.missing.WithLabelValues(schemas.StreamReadings)); n != 6 {
		t.Errorf("%v messages are missing, want 6", n)
	}
	stats, err := f.store.Stats(t.Context())
	if err != nil || stats.Readings != 40 {
		t.Errorf("stats are %+v, %v, want 40 readings", stats, err)
	}
}

// replaceLog deletes the stream of readings and makes it anew.
func (f *fixture) replaceLog() {
	f.t.Helper()
	js, err := jetstream.New(f.nc)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := js.DeleteStream(f.t.Context(), schemas.StreamReadings); err != nil {
		f.t.Fatal(err)
	}
	f.openBus()
}

// wantStored waits until n readings are stored. A recorder may still be on its
// way to notice that the log is another one.
func (f *fixture) wantStored(r *Recorder, n int64) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	for {
		r.mu.Lock()
		progress := r.progress
		r.mu.Unlock()
		stats, err := f.store.Stats(ctx)
		if err != nil {
			f.t.Fatal(err)
		}
		if stats.Readings >= n {
			if stats.Readings > n {
				f.t.Errorf("%d readings are stored, want %d", stats.Readings, n)
			}
			return
		}
		select {
		case <-progress:
		case <-ctx.Done():
			f.t.Fatalf("%d readings are stored, want %d", stats.Readings, n)
		}
	}
}

func TestAnotherLogIsReadFromItsBeginning(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 50)
	r, stop := f.start(f.store)
	f.settle(r)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	f.replaceLog()
	f.readings(30, 40) // half of it is stored already
	var logged bytes.Buffer
	r, stop = f.startWith(f.store, func(r *Recorder) { r.slog = slog.New(slog.NewTextHandler(&logged, nil)) })
	f.settle(r)
	f.wantReadings(70)
	f.readings(70, 50) // now beyond where the old one was
	f.settle(r)
	f.wantReadings(120)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v", err)
	}
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged, want 1:\n%s", n, &logged)
	}
}

// The beginning of the new log has expired before it is read: that is no gap.
func TestAnotherLogThatBeginsLater(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 200)
	r, stop := f.start(f.store)
	f.settle(r)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	f.replaceLog()
	f.readings(200, 100)
	f.purge(6)
	r, _ = f.start(f.store)
	f.wantStored(r, 250)
	if n := count(t, r.metrics.missing.WithLabelValues(schemas.StreamReadings)); n != 0 {
		t.Errorf("%v messages are missing, want 0", n)
	}
}

func TestLogIsReplacedWhileRunning(t *testing.T) {
	f := newFixture(t)
	r, _ := f.startWith(f.store, func(r *Recorder) { r.look = 50 * time.Millisecond })
	f.readings(0, 100)
	f.settle(r)
	f.replaceLog()
	f.readings(100, 50) // fewer messages than before
	f.wantStored(r, 150)
	f.wantReadings(150)
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
	f.readings(150, 100)
	f.wantStored(r, 250)
	f.wantReadings(250)
	if err := r.Err(); err != nil {
		t.Errorf("error is %v", err)
	}
}

// The new log has more messages than the old one had before anybody looks.
func TestLogIsReplacedAndOutgrown(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 100)
	gone := &goneLog{Log: FromBus(f.bus)}
	r, _ := f.startWith(f.store, func(r *Recorder) { r.log = gone })
	f.settle(r)
	gone.away.Store(true)
	f.replaceLog()
	f.readings(100, 300)
	gone.away.Store(false)
	f.wantStored(r, 400)
	f.wantReadings(400)
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
	if n := count(t, r.metrics.missing.WithLabelValues(schemas.StreamReadings)); n != 0 {
		t.Errorf("%v messages are missing, want 0", n)
	}
}

// goneLog is a log that cannot be looked at while it is away.
type goneLog struct {
	Log
	away atomic.Bool
}

func (g *goneLog) Identity(ctx context.Context, stream string) (string, error) {
	if g.away.Load() {
		return "", errDisk
	}
	return g.Log.Identity(ctx, stream)
}

// replacedUnderReader is a log whose first reader goes on in the new stream
// from its beginning.
type replacedUnderReader struct {
	Log
	read    atomic.Int64
	replace func()
}

func (l *replacedUnderReader) Messages(ctx context.Context, stream string, from uint64) (Source, error) {
	source, err := l.Log.Messages(ctx, stream, from)
	if err != nil || stream != schemas.StreamReadings || l.read.Add(1) > 1 {
		return source, err
	}
	return &twoSources{Source: source, left: 7, replace: func() (Source, error) {
		l.replace()
		return l.Log.Messages(ctx, stream, 1)
	}}, nil
}

type twoSources struct {
	Source
	left    int // messages of the old stream
	replace func() (Source, error)
}

func (s *twoSources) Next(ctx context.Context) (bus.Msg, error) {
	if s.left == 0 {
		s.Close()
		source, err := s.replace()
		if err != nil {
			return bus.Msg{}, err
		}
		s.Source = source
	}
	s.left--
	return s.Source.Next(ctx)
}

func (*twoSources) TryNext() (bus.Msg, bool) { return bus.Msg{}, false }

// What was read of the old stream is stored, and of the new one nothing is lost.
func TestSequencesBeginAgain(t *testing.T) {
	f := newFixture(t)
	f.readings(0, 70)
	r, _ := f.startWith(f.store, func(r *Recorder) {
		r.log = &replacedUnderReader{Log: r.log, replace: func() {
			f.replaceLog()
			f.readings(70, 30)
		}}
	})
	f.wantStored(r, 100)
	f.wantReadings(100)
	if n := count(t, r.metrics.rewinds.WithLabelValues(schemas.StreamReadings)); n != 1 {
		t.Errorf("%v rewinds are counted, want 1", n)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no options gave no error")
	}
}

func FuzzTake(f *testing.F) {
	good := schemas.Batch{Org: org, Wearer: ann, Device: chest, Boot: 1, Items: []schemas.Item{{Reading: schemas.Reading{Seq: 5, Time: 1}}}}
	record, err := schemas.AppendBatch(schemas.NewRecord(nil), &good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record, 0)
	f.Add([]byte{1, 0x80}, 1)
	f.Add(finding(schemas.Closed), 2)
	f.Add([]byte(`{"schema":"sitwell.decision.v1"}`), 3)
	f.Add(judged(f, schemas.Judged{Rollups: []schemas.Rollup{{Org: org, Wearer: ann, Minute: 9, Sitting: 60}}, Late: []schemas.Late{lateMark(1, 2)}}), 1)
	f.Add(judged(f, schemas.Judged{Late: []schemas.Late{lateMark(2, 1)}}), 1)
	f.Fuzz(func(t *testing.T, data []byte, stream int) {
		g := gathered{batch: series.Batch{Stream: streams()[uint(stream)%4]}}
		if err := g.take(bus.Msg{Seq: 1, Data: data}); err != nil && len(g.items)+len(g.batch.Readings)+len(g.batch.Rollups)+len(g.batch.Late)+len(g.batch.Findings)+len(g.batch.Decisions) > 0 {
			t.Errorf("something of a refused message is left: %v", err)
		}
	})
}
