//go:build faults

package faults

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sitwell/schemas"
)

// parcel is a message of a device, and when it arrives.
type parcel struct {
	from, to int
	at       float64 // seconds
}

// Every message comes five times and up to two minutes out of order: what is
// made of it is what comes of the readings in order, each once.
func TestDuplicatesAndDisorder(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	p.serve()
	wearers := size(0, 4, 60)
	p.enrol(wearers)
	rnd := random(t)
	f := p.fleet(0, wearers, 1, time.Now().Add(-2*time.Hour))
	const seconds, step, times, most = 1200, 10, 5, 100
	f.all(0, step, step) // the first, so that all know where a device begins
	p.settle()
	for i := range f.devices {
		var list []parcel
		for from := step; from < seconds; from += step {
			for range times {
				list = append(list, parcel{from, from + step, float64(from) + rnd.Float64()*most})
			}
		}
		slices.SortFunc(list, func(a, b parcel) int { return cmp.Compare(a.at, b.at) })
		for _, m := range list {
			must(t, f.send(t.Context(), i, m.from, m.to, step))
		}
	}
	f.all(seconds, seconds+300, step)
	settled := p.settle()
	report := p.check()
	if want := int64(wearers * (seconds + 300)); report.Stored != want || settled.Readings != want || report.Late != 0 {
		t.Errorf("%d readings stored, %d by the store's own count, %d late; want %d, none late", report.Stored, settled.Readings, report.Late, want)
	}
	if report.Episodes == 0 {
		t.Error("there were no episodes to compare")
	}
	figure(t, "G3: %d readings, each sent %d times and up to %d s out of order: %d stored, %d repetitions dropped, %d episodes as in order",
		report.Acknowledged, times, most, report.Stored, settled.Duplicates, report.Found)
}

// Readings that lie more than two minutes behind the newest are stored and
// marked, not judged, and nobody is nudged about them; recompute judges the day
// with them.
func TestTooLateToBeJudged(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	p.serve()
	p.enrol(2)
	f := p.fleet(0, 2, 1, noon())
	// The first one's slouch is missing, but for its begin.
	must(t, f.send(t.Context(), 0, 0, 30, 10))
	must(t, f.send(t.Context(), 0, 180, 600, 10))
	f.flush()
	must(t, f.send(t.Context(), 1, 0, 600, 10))
	f.flush()
	p.settle()
	from, to := f.base.Add(-time.Minute), f.base.Add(time.Hour)
	before := p.episodes(0, from, to)
	if len(p.episodes(1, from, to)) == 0 {
		t.Fatal("the one whose readings all came has no episode: this proves nothing")
	}
	must(t, f.send(t.Context(), 0, 30, 180, 10))
	f.flush()
	p.settle()
	late := 0
	for _, v := range p.stored(0, from, to) {
		if v.Late {
			late++
		}
	}
	if late != 150 {
		t.Errorf("%d of 150 readings are marked late", late)
	}
	if after := p.episodes(0, from, to); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("late readings changed the episodes from %v to %v", before, after)
	}
	if n := len(f.nudged()); n > 0 {
		t.Errorf("%d nudges about the past", n)
	}
	day := f.base.In(vienna(t)).Format(time.DateOnly)
	p.sitwell("recompute", "--wearer", wearer(0).String(), "--day", day)
	if rebuilt := p.episodes(0, from, to); len(rebuilt) <= len(before) {
		t.Errorf("recompute found %v, and %v before: the slouch is missing", rebuilt, before)
	}
}

// noon is a base in the middle of the last whole day, so that an hour from it
// belongs to one day.
func noon() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
}

func vienna(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Vienna")
	must(t, err)
	return zone
}

// A device was offline for hours and sends what it kept, in order: it is stored
// and judged as if it had come live, and nobody is nudged about the past.
func TestBufferOfHours(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	p.serve()
	p.enrol(3)
	f := p.fleet(0, 3, 1, time.Now().Add(-8*time.Hour))
	f.all(0, 60, 10)
	p.settle()
	from := time.Now()
	f.all(60, 6*3600, 300)
	p.settle()
	took := time.Since(from)
	report := p.check()
	if n := len(f.nudged()); n > 0 || report.Decided > 0 {
		t.Errorf("%d nudges arrived and %d are recorded, about the past", n, report.Decided)
	}
	if report.Late > 0 || report.Episodes == 0 {
		t.Errorf("%d late readings and %d episodes", report.Late, report.Episodes)
	}
	figure(t, "3 devices' buffers of 6 hours (%d readings): stored and judged in %s, %d episodes, no nudge",
		report.Stored, took.Round(time.Millisecond), report.Episodes)
}

// Devices publish as soon as they get in, while sitwell starts: nothing is
// acknowledged before ingest is there to take it.
func TestPublishBeforeIngestsSession(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	c := p.serve()
	p.enrol(1)
	base := time.Now().Add(-2 * time.Hour)
	s := storm{p: p, n: 1, wearers: 1, base: base.Truncate(time.Second)}
	restarts := size(0, 4, 20)
	var acknowledged atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for k := 0; ctx.Err() == nil; k++ { // a connection for each message, as early as can be
			one, err := s.persist(ctx, 0)
			if err != nil {
				return
			}
			if one, err = s.reading(ctx, one, 0, 0, k); err == nil {
				acknowledged.Add(1)
			}
			if one != nil {
				one.close()
			}
		}
	}()
	for n := range restarts {
		c.kill()
		c = p.start()
		eventually(t, "a device is acknowledged after the restart", func() bool { return acknowledged.Load() > int64(10*n) })
	}
	cancel()
	<-done
	p.awaitReady(c)
	if report := p.check(); report.Lost > 0 {
		t.Errorf("%d readings were acknowledged to nobody", report.Lost)
	}
	// A log that is new: nothing remembers a session of ingest.
	fresh := newPlace(t, "")
	first := make(chan error, 1)
	go func() {
		c, err := (&storm{p: fresh, n: 1, wearers: 1}).persist(t.Context(), 0)
		if err == nil {
			err = c.publish(t.Context(), topicOf(band(0)), payload(1, time.Now(), day(0, base, 0, 10)))
			c.close()
		}
		first <- err
	}()
	fresh.serve()
	must(t, <-first)
	// Nobody knows the device yet, so what arrived stands in quarantine.
	eventually(t, "the first message ever is in quarantine", func() bool {
		return fresh.count(schemas.StreamQuarantine) == 1
	})
}

// A poison message is put aside within a second, holds nothing up, and is taken
// again once its cause is mended.
func TestPoisonMessage(t *testing.T) {
	p := newPlace(t, "")
	p.serve()
	p.enrol(2)
	f := p.fleet(0, 2, 1, time.Now().Add(-2*time.Hour))
	f.all(0, 60, 10)
	stranger := schemas.MustID("band-77")
	unknown := day(0, f.base, 0, 60)
	poison := []struct {
		device  schemas.ID
		payload []byte
	}{
		{band(0), []byte(`{"schema":"sitwell.readings.v1","boot":1,"readings":[{"seq":`)},
		{band(0), []byte("\x00\xff\xfe")},
		{band(1), []byte(`{"schema":"sitwell.readings.v9"}`)},
		{stranger, payload(1, time.Now(), unknown)},
	}
	before := p.count(schemas.StreamQuarantine)
	from := time.Now()
	for i, m := range poison {
		must(t, f.devices[i%2].Publish(t.Context(), m.device, schemas.KindReadings, m.payload))
	}
	// The same devices go on behind it.
	f.all(60, 600, 10)
	eventually(t, "all poison is in quarantine", func() bool {
		return p.count(schemas.StreamQuarantine) == before+len(poison)
	})
	took := time.Since(from)
	figure(t, "G9: %d poison messages quarantined after %s, with what came behind them taken", len(poison), took.Round(time.Millisecond))
	if took > time.Second+slack {
		t.Errorf("it took %s", took)
	}
	p.check()
	// The stranger turns out to be somebody's.
	p.sitwell("wearer", "add", "acme", "w77")
	p.sitwell("device", "add", "acme", stranger.String())
	p.sitwell("device", "assign", "acme", stranger.String(), "--wearer", "w77", "--from", f.base.UTC().Format(time.RFC3339))
	p.sitwell("quarantine", "redrive")
	p.settle()
	if n := len(p.stored(77, f.base.Add(-time.Minute), time.Now())); n != len(unknown) {
		t.Errorf("%d of %d readings are stored after the redrive", n, len(unknown))
	}
	if left := p.count(schemas.StreamQuarantine); left != before+len(poison)-1 {
		t.Errorf("%d messages are left in quarantine, want %d", left, before+len(poison)-1)
	}
}
