package runner

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/schemas"
)

func TestTheLogGivesWhatTheEngineFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	w.publish(o, 0, len(o.records))
	r := w.start()
	w.judge(r)
	r.finish()
	w.same(o)
	if got := r.judged(); got != 5*hourItems {
		t.Errorf("judged %d readings, want %d", got, 5*hourItems)
	}
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	judged := 0
	for i, n := 0, len(o.records); i < 4; i++ {
		w.publish(o, i*n/4, (i+1)*n/4)
		r := w.start()
		w.judge(r)
		r.finish()
		judged += r.judged()
	}
	w.same(o)
	if judged != 5*hourItems {
		t.Errorf("judged %d readings in all, want %d: each once", judged, 5*hourItems)
	}
}

func TestAfterACrashTheSameIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	w.publish(o, 0, n/3)
	first := w.start()
	w.judge(first)
	first.finish()
	w.publish(o, n/3, 2*n/3)
	for range 3 {
		r := w.start()
		w.judge(r)
		if err := r.crash(); err == nil || strings.Contains(err.Error(), "checkpoint") {
			t.Fatalf("the crash ended with %v", err)
		}
	}
	w.publish(o, 2*n/3, n)
	last := w.start()
	w.judge(last)
	last.finish()
	w.same(o)
	if got := last.judged() + first.judged(); got != 5*hourItems {
		t.Errorf("judged %d readings before and after the crashes, want %d", got, 5*hourItems)
	}
}

// Parameters that change while it runs count from their own event time, for the
// readings that come later, for those judged again after a crash, and for a
// runner that knew them from its start.
func TestParametersChangeWhileItRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 5)
	n := len(o.records)
	gentle := detect.Defaults()
	gentle.SlouchDeg, gentle.SlouchNudge = 18, time.Minute
	before := detect.Always(detect.Defaults())
	after := detect.NewTimeline(detect.Revision{Version: detect.DefaultVersion, Params: detect.Defaults()},
		detect.Revision{Version: "org1", From: time.UnixMilli(day0).Add(40 * time.Minute), Params: gentle})
	params := &fixed{timeline: before}
	with := func(opt *Options) { opt.Parameters = params }

	w.publish(o, 0, n/4)
	r := w.start(with)
	w.judge(r)
	params.change(after) // of which nothing counts yet
	w.publish(o, n/4, n/2)
	w.judge(r)
	if err := r.crash(); err == nil {
		t.Fatal("the crash ended without an error")
	}
	w.publish(o, n/2, 3*n/4)
	again := w.start(with)
	w.judge(again)
	w.publish(o, 3*n/4, n)
	w.judge(again)
	again.finish()
	w.sameUnder(after, o)
	versions := map[string]bool{}
	for _, m := range w.all(schemas.StreamFindings) {
		f, err := schemas.DecodeFinding(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		versions[f.Receipt.Parameters] = true
	}
	if len(versions) != 2 {
		t.Errorf("findings name the versions %v, want both", versions)
	}
}

func TestDamagedRecordsAreSkipped(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 3)
	n := len(o.records)
	w.publish(o, 0, n/2)
	w.raw(schemas.ReadingsSubject(0), []byte("nonsense"))
	w.raw(schemas.ReadingsSubject(o.where[0]), o.records[n-1][:20])
	w.raw("readings.99", o.records[0])
	w.raw("readings.x", o.records[0])
	w.publish(o, n/2, n)
	r := w.start()
	w.judge(r)
	r.finish()
	w.same(o)
	if got := r.counted(r.metrics.damaged); got != 4 {
		t.Errorf("%d records were counted as damaged, want 4", got)
	}
	if logs := r.logs.String(); strings.Count(logs, "record of the log skipped") != 4 || !strings.Contains(logs, "no partition of 8") {
		t.Errorf("the log says\n%s", logs)
	}
}

func TestOneReadingMayMakeMoreMinutesThanAMessageHolds(t *testing.T) {
	w := newWorld(t)
	b := schemas.Batch{Org: acme, Wearer: schemas.MustID("w0"), Device: schemas.MustID("band-0"), Boot: 1}
	for day := range int64(36) {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: uint64(day), Time: day0 + day*24*3600*1000, SittingS: uint32(day * 24 * 3600), Fields: schemas.HasSittingS | schemas.IsWorn,
		}})
	}
	w.raw(schemas.ReadingsSubject(0), record(t, b))
	r := w.start()
	w.judge(r)
	r.finish()
	minutes, bytes := 0, 0
	for _, m := range w.all(schemas.StreamRollups) {
		list, err := schemas.DecodeJudged(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		minutes, bytes = minutes+len(list.Rollups), bytes+len(m.Data)
	}
	if minutes != 35*24*60 || bytes < 1<<20 {
		t.Errorf("%d minutes in %d bytes", minutes, bytes)
	}
}

func TestPosturesAreShownOfWatchedWearersOnly(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 4)
	var mu sync.Mutex
	shown := map[schemas.ID][]detect.Posture{}
	r := w.start(func(opt *Options) {
		opt.Watched = func(_, wearer schemas.ID) bool { return wearer == o.wearers[2] }
		opt.Show = func(_, wearer schemas.ID, p detect.Posture) {
			mu.Lock()
			defer mu.Unlock()
			shown[wearer] = append(shown[wearer], p)
		}
	})
	w.publish(o, 0, len(o.records))
	w.judge(r)
	mu.Lock()
	defer mu.Unlock()
	if len(shown) != 1 || len(shown[o.wearers[2]]) != hourItems/itemsPerBatch {
		t.Fatalf("shown are %d wearers, %d postures of the one", len(shown), len(shown[o.wearers[2]]))
	}
	// The latest of each batch.
	for i, p := range shown[o.wearers[2]] {
		if want := uint64((i + 1) * itemsPerBatch); p.Seq != want {
			t.Errorf("posture %d is of reading %d, want %d", i, p.Seq, want)
		}
	}
}

// The minute of a wearer whose readings have stopped is written as it stands,
// once, and replaced when they go on.
func TestTheOpenMinuteOfAnIdleWearerIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOffice(t, w.log, 1)
	r := w.internal()
	w.publish(o, 0, 3) // 90 seconds
	for _, m := range w.all(schemas.StreamReadings) {
		if err := r.take(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, at := range []time.Duration{0, idleAfter + time.Second, 2 * idleAfter} {
		if err := r.writeIdle(t.Context(), now.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.out.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var seconds []float32
	for _, m := range w.all(schemas.StreamRollups) {
		list, err := schemas.DecodeJudged(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, minute := range list.Rollups {
			seconds = append(seconds, minute.Sitting)
		}
	}
	if len(seconds) != 2 || seconds[0] != 60 || seconds[1] != 29 {
		t.Errorf("minutes of %g s were written, want 60 and 29", seconds)
	}
}

// A runner that may have been taken over from does not write what follows from the
// clock instead of the log.
func TestAnUnsureRunnerWritesNoOpenMinute(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 1)
	lease := grant(map[int]uint64{o.where[0]: 1})
	r := w.internal(func(opt *Options) { opt.Lease = lease })
	p := r.partitions[o.where[0]]
	p.wearer(acme, o.wearers[0], r.o.Parameters).Take(&o.batches[0][0], &r.found)
	idle := time.Now().Add(idleAfter + time.Second)
	minutes := func() uint64 {
		t.Helper()
		if err := errors.Join(r.writeIdle(t.Context(), idle), r.flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		last, err := w.log.LastSeq(t.Context(), schemas.StreamRollups)
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	lease.unsure = true
	if n := minutes(); n != 0 {
		t.Errorf("unsure it wrote %d", n)
	}
	lease.unsure, lease.partitions = false, map[int]uint64{o.where[0]: 2}
	if n := minutes(); n != 0 {
		t.Errorf("under an epoch that is over it wrote %d", n)
	}
	lease.partitions = map[int]uint64{o.where[0]: 1}
	if n := minutes(); n != 1 {
		t.Errorf("sure of itself it wrote %d", n)
	}
}

// A wearer is judged, and brought back, only once the team is known.
func TestWearersAreKnownBeforeTheyAreJudged(t *testing.T) {
	w := newWorld(t)
	o := newOffice(t, w.log, 3)
	n := len(o.records)
	var mu sync.Mutex
	asked, failed := map[schemas.ID]int{}, false
	with := func(opt *Options) {
		opt.Known = func(_ context.Context, _, wearer schemas.ID) error {
			mu.Lock()
			defer mu.Unlock()
			if !failed {
				failed = true
				return errLost
			}
			asked[wearer]++
			return nil
		}
	}
	w.publish(o, 0, n/2)
	r := w.start(with)
	w.judge(r)
	r.finish()
	w.publish(o, n/2, n)
	failed = false
	again := w.start(with)
	w.judge(again)
	again.finish()
	w.same(o)
	for _, id := range o.wearers {
		if asked[id] < 2 || asked[id] > 3 { // a load that failed asks anew
			t.Errorf("%s was asked about %d times, want once for each run", id, asked[id])
		}
	}
	if !strings.Contains(r.logs.String(), errLost.Error()) || !strings.Contains(again.logs.String(), "some partitions wait") {
		t.Errorf("the logs say\n%s\n%s", r.logs, again.logs)
	}
}
