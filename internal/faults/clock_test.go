//go:build faults

package faults

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/ingest"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// What a device's clock does wrong is answered by sitwell as a whole, restarts
// included.
func TestDeviceClock(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	c := p.serve()
	p.enrol(4)
	now := time.Now().Truncate(time.Second)
	f := p.fleet(0, 4, 1, now.Add(-time.Hour))
	// publish sends a minute that ended at a time of the device's clock.
	publish := func(i int, boot uint32, from int, base, sent time.Time) {
		t.Helper()
		items := day(i, base, from, from+60)
		must(t, f.devices[i].Publish(t.Context(), band(i), schemas.KindReadings, payload(boot, sent, items)))
		must(t, f.devices[i].Flush(t.Context()))
	}
	refused := func(reason string) float64 {
		return max(0, metric(t, p.http(), "sitwell_ingest_refused_total", reason))
	}

	t.Run("ahead by ten minutes", func(t *testing.T) {
		const ahead = 10 * time.Minute
		base := now.Add(-time.Minute)
		publish(0, 1, 0, base.Add(ahead), time.Now().Add(ahead))
		p.settle()
		first := p.stored(0, base.Add(-time.Hour), base.Add(time.Hour))
		if len(first) != 60 {
			t.Fatalf("%d of 60 readings are stored", len(first))
		}
		offset := base.Add(ahead).Sub(first[0].Time)
		if offset < ahead-time.Minute/2 || offset > ahead+time.Minute/2 {
			t.Errorf("the first reading was moved by %s, its clock is %s ahead", offset, ahead)
		}
		// Also after a kill, and though it was sent with another delay, the whole
		// boot is corrected by the same: the readings stay a second apart.
		c.kill()
		c = p.serve()
		publish(0, 1, 60, base.Add(ahead), time.Now().Add(ahead-20*time.Second))
		p.settle()
		all := p.stored(0, base.Add(-time.Hour), base.Add(time.Hour))
		if len(all) != 120 {
			t.Fatalf("%d of 120 readings are stored", len(all))
		}
		for _, v := range all {
			if want := base.Add(ahead - offset).Add(time.Duration(v.Seq-1) * time.Second); !v.Time.Equal(want) {
				t.Fatalf("reading %d is dated %s, by one offset of %s it is %s", v.Seq, v.Time, offset, want)
			}
		}
	})
	t.Run("ahead by a year", func(t *testing.T) {
		before := refused("time_ahead")
		const year = 365 * 24 * time.Hour
		publish(1, 1, 0, now.Add(year), time.Now().Add(year))
		eventually(t, "its readings are in quarantine", func() bool { return refused("time_ahead") == before+60 })
	})
	t.Run("jumps", func(t *testing.T) {
		publish(2, 1, 0, now.Add(-10*time.Minute), time.Now())
		before := refused("seq_time_disagree")
		// The clock goes back by half an hour, and the device counts on.
		publish(2, 1, 60, now.Add(-40*time.Minute), time.Now())
		eventually(t, "what contradicts its sequence is in quarantine", func() bool { return refused("seq_time_disagree") == before+60 })
		p.settle()
		if n := len(p.stored(2, now.Add(-time.Hour), now.Add(time.Hour))); n != 60 {
			t.Errorf("%d readings are stored, want the 60 before the jump", n)
		}
	})
	t.Run("jumps and says so by a new boot", func(t *testing.T) {
		publish(3, 1, 0, now.Add(-10*time.Minute), time.Now())
		publish(3, 2, 0, now.Add(-5*time.Minute), time.Now())
		p.settle()
		if n := len(p.stored(3, now.Add(-time.Hour), now.Add(time.Hour))); n != 120 {
			t.Errorf("%d of 120 readings of two boots are stored", n)
		}
	})
}

// desk is ingest on a real log, given messages with the time of their receipt:
// the clock of the server is the test's.
type desk struct {
	t       *testing.T
	ingest  *ingest.Ingest
	log     *bus.Bus
	metrics *prometheus.Registry
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	_, log := brokertest.Start(t)
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	must(t, err)
	reg, err := registry.Open(t.Context(), kv, quiet())
	must(t, err)
	t.Cleanup(func() { _ = reg.Close() })
	must(t, reg.AddOrg(t.Context(), registry.Org{ID: acme}))
	must(t, reg.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: wearer(0)}))
	must(t, reg.AddDevice(t.Context(), acme, band(0)))
	must(t, reg.Assign(t.Context(), acme, band(0), registry.Assignment{Wearer: wearer(0), From: time.Unix(1, 0)}))
	clocks, err := log.KV(t.Context(), bus.BucketClocks)
	must(t, err)
	d := &desk{t: t, log: log, metrics: prometheus.NewRegistry()}
	d.ingest = ingest.New(ingest.Options{
		Log: log, Directory: reg, Clocks: clocks, Metrics: ingest.NewMetrics(d.metrics), Logger: quiet(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.ingest.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ingest ended with %v", err)
		}
	})
	return d
}

// take gives ingest what the device sent, by the device's clock and the server's.
func (d *desk) take(items []schemas.Item, sent, received time.Time) {
	d.t.Helper()
	done := make(chan int, 1)
	d.ingest.Handle(d.t.Context(), topicOf(band(0)), payload(1, sent, items), received, func(refused int) { done <- refused })
	select {
	case <-done:
	case <-time.After(patience):
		d.t.Fatal("ingest does not take a message")
	}
}

// metric is a gauge or counter without labels.
func (d *desk) metric(name string) float64 {
	d.t.Helper()
	families, err := d.metrics.Gather()
	must(d.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	d.t.Fatalf("there is no metric %s", name)
	return 0
}

// findings is what the engine makes of the log.
func (d *desk) findings() []schemas.Finding {
	d.t.Helper()
	w := detect.NewWearer(acme, wearer(0), detect.Always(detect.Defaults()))
	var out detect.Output
	for _, b := range d.batches() {
		w.Take(&b, &out)
	}
	return out.Findings
}

// batches is what is in the log.
func (d *desk) batches() []schemas.Batch {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	last, err := d.log.LastSeq(ctx, schemas.StreamReadings)
	must(d.t, err)
	r, err := d.log.Reader(ctx, schemas.StreamReadings, nil, 1)
	must(d.t, err)
	defer r.Close()
	var list []schemas.Batch
	for seq := uint64(0); seq < last; {
		m, err := r.Next(ctx)
		must(d.t, err)
		seq = m.Seq
		var records schemas.RecordReader
		must(d.t, records.Reset(m.Data))
		for {
			var b schemas.Batch
			more, err := records.Next(&b)
			must(d.t, err)
			if !more {
				break
			}
			b.Items = append([]schemas.Item(nil), b.Items...)
			list = append(list, b)
		}
	}
	return list
}

// A clock that is behind cannot be told from messages that took so long: there is
// an alarm, and nothing is corrected.
func TestDeviceClockBehind(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const behind = 10 * time.Minute
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	for at := 0; at < 300; at += 10 {
		truly := start.Add(time.Duration(at+10) * time.Second)
		d.take(day(0, start.Add(-behind), at, at+10), truly.Add(-behind), truly)
	}
	if n := d.metric("sitwell_ingest_clock_suspect"); n != 1 {
		t.Errorf("%v clocks are suspected, want 1", n)
	}
	n := 0
	for _, b := range d.batches() {
		for _, it := range b.Items {
			n++
			if want := start.Add(-behind + time.Duration(it.Seq-1)*time.Second); !it.At().Equal(want) || b.Ahead != 0 {
				t.Fatalf("reading %d was changed to %s, corrected by %d ms", it.Seq, it.At(), b.Ahead)
			}
		}
	}
	if n != 300 {
		t.Errorf("%d of 300 readings are in the log", n)
	}
}

// The server's own clock steps while a device sends: no episode is found that
// is not there, and none is made longer.
func TestServerClockStep(t *testing.T) {
	t.Parallel()
	const seconds, stepAt = 1800, 700
	run := func(t *testing.T, step time.Duration) []schemas.Finding {
		t.Helper()
		d := newDesk(t)
		start := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
		for at := 0; at < seconds; at += 10 {
			truly := start.Add(time.Duration(at+10) * time.Second)
			received := truly
			if at >= stepAt {
				received = truly.Add(step)
			}
			d.take(day(0, start, at, at+10), truly, received)
		}
		return d.findings()
	}
	for _, step := range []time.Duration{0, time.Hour, 5 * time.Minute, -5 * time.Minute, -time.Hour, -12 * time.Hour, -48 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			found := run(t, step)
			if len(found) < 3 {
				t.Errorf("what lies before the step is not found: %v", found)
			}
			for _, f := range found {
				if did := held(f); f.Step != schemas.Closed && f.Seconds > did {
					t.Errorf("%s at reading %d, said to last %.0f s, did so for %.0f s", f.Rule, f.Seq, f.Seconds, did)
				}
			}
		})
	}
}

// held is for how many seconds the wearer had done what is found, by the reading
// that proved it: wearer 0 sits all the time and slouches as day says.
func held(f schemas.Finding) float64 {
	if f.Rule != schemas.RuleSlouch {
		return float64(f.Seq)
	}
	if phase := (f.Seq - 1) % 600; phase < 180 {
		return float64(phase + 1)
	}
	return 0
}
