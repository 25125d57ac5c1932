//go:build faults

package faults

import (
	"os"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/faults/disk"
	"sitwell/schemas"
)

// The log reaches its limit: what does not fit is refused at once, no device is
// told that it was taken, and from 80 % on there is an alarm. With more room
// everything goes on, and nothing that was acknowledged is missing.
func TestStreamAtItsByteLimit(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	small := []string{"--log-limit", "64MiB", "--broker-limit", "16MiB"} // the least
	c := p.serve(small...)
	p.enrol(8)
	// Most of it is filled with what no reader can read and all pass over.
	for range 62 {
		must(t, p.log().Publish(t.Context(), schemas.ReadingsSubject(0), make([]byte, 1000<<10), ""))
	}
	f := p.fleet(0, 8, 1, time.Now().Add(-20*24*time.Hour))
	stop := f.pour(0, 60)
	alarm := func() float64 { return metric(t, p.http(), "sitwell_log_alarm", schemas.StreamReadings) }
	eventually(t, "the alarm is on", func() bool { return alarm() == 1 })
	f.stalls()
	asked := time.Now()
	if err := p.log().Publish(t.Context(), schemas.ReadingsSubject(0), make([]byte, 64<<10), ""); err == nil {
		t.Error("the full log took a message")
	} else if took := time.Since(asked); took > slack {
		t.Errorf("the full log refused after %s: %v", took, err)
	}
	eventually(t, "readiness is red", func() bool { ready, _ := p.ready(); return !ready })
	c.runs()
	c.stop()
	p.serve() // with the usual limits
	stop()
	f.flush()
	eventually(t, "the alarm is off", func() bool { return alarm() == 0 })
	p.check()
}

// stalls waits until no device is acknowledged any more, for some seconds.
func (f *fleet) stalls() {
	f.p.t.Helper()
	const quiet = 3 * time.Second
	count, since := f.acknowledged(), time.Now()
	within(f.p.t, 5*patience, "devices are no longer acknowledged", func() bool {
		if now := f.acknowledged(); now != count {
			count, since = now, time.Now()
		}
		return time.Since(since) > quiet
	})
}

// The disk fills up under load: nothing is acknowledged that is not stored,
// readiness says so, and once there is room again the same process goes on by
// itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := disk.Small(t, 256<<20)
	p := newPlace(t, dir)
	c := p.serve()
	p.enrol(8)
	f := p.fleet(0, 8, 1, time.Now().Add(-20*24*time.Hour))
	stop := f.pour(0, 10)
	eventually(t, "readings are acknowledged", func() bool { return f.acknowledged() > 2000 })
	ballast := disk.Fill(t, dir)
	f.stalls()
	eventually(t, "readiness is red", func() bool { ready, _ := p.ready(); return !ready })
	before := f.acknowledged()
	must(t, os.Remove(ballast))
	freed := time.Now()
	eventually(t, "readiness is green again", func() bool { ready, _ := p.ready(); return ready })
	eventually(t, "devices are acknowledged again", func() bool { return f.acknowledged() > before })
	figure(t, "a full disk: works again %s after there is room", time.Since(freed).Round(time.Millisecond))
	c.runs()
	stop()
	f.flush()
	p.check()
}

// The process that records is away while an hour of readings comes in: it costs
// nothing but disk, nudges go out as ever, and it catches up.
func TestStoreAwayForAnHour(t *testing.T) {
	p := newPlace(t, "")
	wearers := size(0, 12, 60)
	core := p.start("--roles", "broker,ingest,detect,notify")
	store := t.TempDir()
	at := freePort(t)
	dashboard := func() *child {
		return p.role("dashboard", "--nats", p.nats(), "--data", store, "--http", at)
	}
	d := dashboard()
	p.awaitReady(core)
	p.enrol(wearers + 1)
	p.httpAt = at
	p.awaitReady(d)
	f := p.fleet(0, wearers, 1, time.Now().Add(-3*time.Hour))
	// An hour with the store there: so fast a feed takes memory of its own.
	const hourly = 3600
	f.all(0, hourly, 60)
	p.settle()
	before := core.memory()
	d.kill()

	fed := time.Now()
	f.all(hourly, 2*hourly, 60)
	hour := time.Since(fed)
	// Somebody slouches just now, and is nudged though the store is away.
	const ago = 150 * time.Second
	base, begins := slouchSince(wearers, time.Now().Add(-ago))
	fresh := p.fleet(wearers, 1, 1, base)
	fresh.all(0, begins+int(ago.Seconds()), 10)
	took := eventually(t, "a nudge arrives while the store is away", func() bool { return len(fresh.nudged()) > 0 })
	after := core.memory()

	back := time.Now()
	d = dashboard()
	p.awaitReady(d)
	p.settle()
	caught := time.Since(back)
	figure(t, "G7: an hour of %d wearers' readings (%d) fed in %s while the store was away: memory %d -> %d MB, nudged %s after the slouch, caught up in %s",
		wearers, wearers*hourly, hour.Round(time.Second), before, after, took.Round(time.Millisecond), caught.Round(time.Millisecond))
	if after-before > 50 {
		t.Errorf("memory grew from %d to %d MB", before, after)
	}
	p.check()
	core.runs()
}

// slouchSince is the base of a wearer who begins to slouch at a time, and the
// second at which that is.
func slouchSince(i int, at time.Time) (base time.Time, begins int) {
	const period = 600
	begins = (period - 120*i%period) % period
	return at.Add(-time.Duration(begins) * time.Second), begins
}

// Ten times as much as usual for a while: it is shed by not acknowledging, and
// never dropped after that.
func TestBurst(t *testing.T) {
	p := newPlace(t, "")
	c := p.serve()
	const wearers = 60
	p.enrol(wearers)
	// The usual: each device sends what it measured in the last seconds.
	f := p.fleet(0, wearers, 1, time.Now().Add(-25*24*time.Hour))
	f.all(0, 60, 10)
	before := c.memory()
	burst := 8 * time.Second
	if !testing.Short() {
		burst = 5 * time.Minute
	}
	from, count := time.Now(), f.acknowledged()
	most := before
	stop := f.pour(60, 10)
	within(t, 2*burst, "the burst is over", func() bool {
		most = max(most, c.memory())
		return time.Since(from) > burst
	})
	stop()
	f.flush()
	n := f.acknowledged() - count
	over := time.Now()
	p.settle()
	took := time.Since(over)
	figure(t, "a burst of %s: %.0f readings/s acknowledged, memory %d -> %d MB, all judged and stored %s later",
		burst, float64(n)/burst.Seconds(), before, most, took.Round(time.Millisecond))
	if took > time.Minute {
		t.Errorf("it took %s to get over the burst", took)
	}
	p.check()
	c.runs()
}

// All devices connect again at once, because the broker was killed.
func TestReconnectStorm(t *testing.T) {
	p := newPlace(t, "")
	c := p.serve()
	const wearers = 50
	p.enrol(wearers)
	n := size(0, 1000, 5000)
	base := time.Now().Add(-6 * time.Hour)
	s := storm{p: p, n: n, wearers: wearers, base: base.Truncate(time.Second)}
	figure(t, "%d devices connect at once: all acknowledged after %s", n, s.blow(0).Round(time.Millisecond))
	c.signal(syscall.SIGKILL)
	c.kill()
	c = p.start()
	took := s.blow(1)
	figure(t, "%d devices connect again after a kill -9: all acknowledged after %s", n, took.Round(time.Millisecond))
	if took > time.Minute {
		t.Errorf("it took %s until all %d were back", took, n)
	}
	p.awaitReady(c)
	p.check()
}
