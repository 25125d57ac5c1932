package ingest_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// clocks gives the pipeline the bucket of offsets.
func (p *plant) clocks(t *testing.T) jetstream.KeyValue {
	t.Helper()
	kv, err := p.log.KV(t.Context(), bus.BucketClocks)
	must(t, err)
	p.options.Clocks = kv
	return kv
}

// hour is a receipt that all times of a test are told from.
func hour() time.Time { return time.Now().Add(-time.Hour).Truncate(time.Millisecond) }

// wrong is a message of a device whose clock is ahead, sent and received at the
// same moment: its readings are of the seconds before it.
func wrong(boot uint32, received time.Time, ahead time.Duration, seqs ...int) []byte {
	var items []schemas.Item
	for i, seq := range seqs {
		items = append(items, readingAt(seq, received.Add(ahead-time.Duration(len(seqs)-i)*time.Second)))
	}
	return schemas.AppendMessage(nil, schemas.KindReadings, boot, received.Add(ahead), items)
}

// at hands a message to the pipeline as of a receipt.
func (r *running) at(t *testing.T, device schemas.ID, received time.Time, payload []byte) (refused int) {
	t.Helper()
	done := make(chan int, 1)
	r.Handle(within(t), topic(device, schemas.KindReadings), payload, received, func(refused int) { done <- refused })
	select {
	case refused = <-done:
	case <-within(t).Done():
		t.Fatal("not acknowledged")
	}
	return refused
}

// times are those of a device's readings in the log, by sequence.
func (s *stored) times(device schemas.ID) map[uint64]time.Time {
	all := map[uint64]time.Time{}
	for _, b := range s.batches {
		for i := range b.Items {
			if b.Device == device {
				all[b.Items[i].Seq] = b.Items[i].At()
			}
		}
	}
	return all
}

func TestAClockAheadIsCorrectedByOneOffsetForItsRun(t *testing.T) {
	p := newPlant(t)
	kv := p.clocks(t)
	const ahead = 10 * time.Minute
	received := hour()
	r := p.run(t)
	r.at(t, band1, received, wrong(7, received, ahead, 1, 2))
	// Later the network is slower, and the clock drifts: the offset stays.
	later := received.Add(time.Minute)
	r.at(t, band1, later.Add(3*time.Second), wrong(7, later, ahead+time.Second, 3, 4))
	r.stop(t)
	// What the device had buffered comes after a restart of ingest, and is no
	// longer ahead of its receipt.
	r = p.run(t)
	buffered := received.Add(-ahead)
	r.at(t, band1, received.Add(30*time.Minute), schemas.AppendMessage(nil, schemas.KindReadings, 7, received.Add(30*time.Minute),
		[]schemas.Item{readingAt(0, buffered.Add(ahead))}))
	// Another run begins with a clock that is right.
	next := received.Add(31 * time.Minute)
	r.at(t, band1, next, wrong(8, next, 0, 1))
	// And another device is none of its business.
	r.at(t, band2, next, wrong(7, next, 0, 1))
	r.stop(t)

	s := p.stored(t)
	s.exactly(t, p, 7)
	for _, b := range s.batches {
		if want := map[bool]uint32{true: uint32(ahead.Milliseconds()), false: 0}[b.Device == band1 && b.Boot == 7]; b.Ahead != want {
			t.Errorf("a batch of %s, boot %d, says %d ms ahead, want %d", b.Device, b.Boot, b.Ahead, want)
		}
	}
	s.batches = slices.DeleteFunc(s.batches, func(b schemas.Batch) bool { return b.Boot != 7 })
	want := map[uint64]time.Time{
		0: buffered, 1: received.Add(-2 * time.Second), 2: received.Add(-time.Second), 3: later.Add(-time.Second), 4: later,
	}
	for seq, at := range s.times(band1) {
		if !at.Equal(want[seq]) {
			t.Errorf("seq %d is dated %s, want %s", seq, at, want[seq].UTC())
		}
	}
	keys, err := kv.Keys(t.Context())
	if err != nil || len(keys) != 1 || keys[0] != "acme.band-1.7" {
		t.Errorf("offsets of %v are kept, %v", keys, err)
	}
	p.wantMetric(t, "sitwell_ingest_clock_offsets_total", "", 1)
	p.wantMetric(t, "sitwell_ingest_clock_corrected_total", "", 5)
}

func TestWhatIsTooFarAheadIsQuarantined(t *testing.T) {
	p := newPlant(t)
	kv := p.clocks(t)
	r, received := p.run(t), hour()
	for i, c := range []struct {
		ahead   time.Duration
		refused int
	}{
		{2 * time.Minute, 0},                  // taken as it is
		{2*time.Minute + time.Millisecond, 0}, // corrected
		{24 * time.Hour, 0},                   // corrected
		{24*time.Hour + time.Millisecond, 1},  // not a clock to be trusted
		{365 * 24 * time.Hour, 1},             // nor this
		{10 * 365 * 24 * time.Hour, 1},        //
	} {
		boot := uint32(i)
		body := schemas.AppendMessage(nil, schemas.KindReadings, boot, received.Add(c.ahead), []schemas.Item{readingAt(1, received.Add(c.ahead))})
		if got := r.at(t, band1, received, body); got != c.refused {
			t.Errorf("%s ahead: %d refused, want %d", c.ahead, got, c.refused)
		}
	}
	for _, q := range p.quarantined(t, 3) {
		if q.Reason != schemas.TimeAhead {
			t.Errorf("quarantined %+v", q)
		}
	}
	if keys, err := kv.Keys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("offsets of %v are kept, %v; want two", keys, err)
	}
}

func TestTheFirstIngestDecidesForAll(t *testing.T) {
	p := newPlant(t)
	p.clocks(t)
	one := p.run(t)
	p.options.Metrics = ingest.NewMetrics(prometheus.NewRegistry())
	other := p.run(t)
	received := hour()
	one.at(t, band1, received, wrong(7, received, 10*time.Minute, 1))
	other.at(t, band1, received, wrong(7, received, 11*time.Minute, 2))
	// What a device had buffered is not ahead of its receipt: the other knows of
	// the offset by its watch alone.
	one.at(t, band2, received, wrong(9, received, 10*time.Minute, 1000))
	s, seq := p.stored(t), 0
	until(t, "the other ingest does not hear of the offset", func() bool {
		seq++
		other.at(t, band2, received, schemas.AppendMessage(nil, schemas.KindReadings, 9, received, []schemas.Item{readingAt(seq, received.Add(-time.Minute))}))
		s.await(t, seq+3)
		last := s.batches[len(s.batches)-1]
		return last.Boot == 9 && last.Items[0].Seq < 1000 && last.Ahead == 600_000
	})
	for _, b := range s.batches {
		if b.Boot == 7 && b.Ahead != 600_000 {
			t.Errorf("seq %d is corrected by %d ms, want what was first", b.Items[0].Seq, b.Ahead)
		}
	}
}

func TestUnknownDevicesFixNoOffset(t *testing.T) {
	p := newPlant(t)
	kv := p.clocks(t)
	r, received := p.run(t), hour()
	if n := r.at(t, schemas.MustID("ghost"), received, wrong(7, received, time.Hour, 1)); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	if _, err := kv.Keys(t.Context()); err == nil {
		t.Error("its offset is kept")
	}
	if _, q := one(t, p.quarantined(t, 1)); q.Reason != schemas.UnknownDevice {
		t.Errorf("quarantined %+v", q)
	}
}

func TestADeviceThatRestartsWithoutEndKeepsFewOffsets(t *testing.T) {
	p := newPlant(t)
	kv := p.clocks(t)
	r, received := p.run(t), hour()
	const runs = 30
	for boot := range uint32(runs) {
		r.at(t, band1, received, wrong(boot, received, time.Hour, 1))
	}
	until(t, "more than 8 offsets are kept", func() bool {
		keys, err := kv.Keys(t.Context())
		must(t, err)
		return len(keys) == 8 && slices.Contains(keys, "acme.band-1."+strconv.Itoa(runs-1))
	})
}

func TestRedriveCorrectsOnce(t *testing.T) {
	p := newPlant(t)
	p.clocks(t)
	spare, eve := schemas.MustID("spare"), schemas.MustID("eve")
	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	r, received := p.serve(t), hour()
	r.at(t, spare, received, wrong(7, received, time.Hour, 1, 2))
	seq, q := one(t, p.quarantined(t, 1))
	if q.Reason != schemas.Unassigned || !strings.Contains(string(q.Payload), received.Add(time.Hour).UTC().Format("15:04:05")) {
		t.Errorf("quarantined %s: %s", q.Reason, q.Payload)
	}
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: eve}))
	must(t, p.registry.Assign(t.Context(), acme, spare, registry.Assignment{Wearer: eve, From: time.Unix(1, 0)}))
	if result := p.redrive(t, strconv.FormatUint(seq, 10)); result.Error != "" || result.Refused != 0 {
		t.Errorf("redriven: %+v", result)
	}
	s := p.stored(t)
	s.exactly(t, p, 2)
	for seq, at := range s.times(spare) {
		if want := received.Add(-time.Duration(3-seq) * time.Second); !at.Equal(want) {
			t.Errorf("seq %d is dated %s, want %s", seq, at, want.UTC())
		}
	}
}

// A device's clock that is set back while it runs contradicts its own sequence.
func TestAClockThatJumpsBackIsQuarantined(t *testing.T) {
	p := newPlant(t)
	p.clocks(t)
	r, received := p.run(t), hour()
	if n := r.at(t, band1, received, wrong(7, received, 0, 10, 11)); n != 0 {
		t.Errorf("%d refused", n)
	}
	back := received.Add(-time.Hour)
	body := func(boot uint32, seq int, at time.Time) []byte {
		return schemas.AppendMessage(nil, schemas.KindReadings, boot, received, []schemas.Item{readingAt(seq, at)})
	}
	for _, c := range []struct {
		what    string
		body    []byte
		refused int
	}{
		{"jumps back", body(7, 12, back), 1},
		{"jumps back a little", body(7, 13, received.Add(-2*time.Minute)), 0},
		{"comes late", body(7, 5, back), 0},
		{"comes again", body(7, 10, received.Add(-2*time.Second)), 0},
		{"jumps ahead of what is behind it", body(7, 4, received), 1},
		{"begins anew", body(8, 1, back), 0},
	} {
		if n := r.at(t, band1, received, c.body); n != c.refused {
			t.Errorf("%s: %d refused, want %d", c.what, n, c.refused)
		}
	}
	for _, q := range p.quarantined(t, 2) {
		if q.Reason != schemas.SeqTimeDisagree || q.Readings != 1 {
			t.Errorf("quarantined %+v", q)
		}
	}
	r.stop(t)
	p.stored(t).await(t, 5)
}

// The log may be away when an offset is to be fixed: the message waits for it.
func TestAnOffsetWaitsForTheLog(t *testing.T) {
	p := newPlant(t)
	l := p.far(t)
	log, ok := p.options.Log.(*bus.Bus)
	if !ok {
		t.Fatal("no log at the far end")
	}
	kv, err := log.KV(t.Context(), bus.BucketClocks)
	must(t, err)
	p.options.Clocks, p.options.Logger = kv, slog.New(slog.DiscardHandler)
	r, received := p.run(t), hour()
	r.at(t, band1, received, wrong(1, received, 0, 1)) // the bucket has been read
	l.hold()
	done := make(chan int, 1)
	r.Handle(within(t), topic(band1, schemas.KindReadings), wrong(7, received, time.Hour, 1), received, func(n int) { done <- n })
	near, err := p.log.KV(t.Context(), bus.BucketClocks)
	must(t, err)
	until(t, "the offset is not fixed", func() bool {
		_, err := near.Get(context.Background(), "acme.band-1.7")
		return err == nil
	})
	l.cut() // the answer is lost
	l.release()
	select {
	case n := <-done:
		if n != 0 {
			t.Errorf("%d refused", n)
		}
	case <-within(t).Done():
		t.Fatal("never acknowledged")
	}
	s := p.stored(t)
	s.await(t, 2)
	if b := s.batches[1]; b.Ahead != uint32(time.Hour.Milliseconds()) {
		t.Errorf("corrected by %d ms", b.Ahead)
	}
}
