//go:build faults

package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"sitwell/internal/sim"
	"sitwell/schemas"
)

// fleet is the devices of wearers first to first+n, which publish what the
// wearers do from a time on, and write down in the ledger what is acknowledged.
type fleet struct {
	p       *place
	first   int
	devices []*sim.Device
	boot    uint32
	base    time.Time // second 0 of everybody

	mu     sync.Mutex // guards what follows; held while an acknowledgement is written down
	frozen bool
	acked  map[id]time.Time
	nudges []sim.Received
}

// id is a reading's identity.
type id struct {
	device schemas.ID
	boot   uint32
	seq    uint64
}

// fleet connects the devices of some wearers. With another boot they start to
// count again.
func (p *place) fleet(first, n int, boot uint32, base time.Time) *fleet {
	p.t.Helper()
	f := &fleet{p: p, first: first, boot: boot, base: base.Truncate(time.Second), acked: map[id]time.Time{}}
	for i := first; i < first+n; i++ {
		f.devices = append(f.devices, f.connect(i))
	}
	return f
}

func (f *fleet) connect(i int) *sim.Device {
	f.p.t.Helper()
	d, err := sim.Connect(f.p.t.Context(), sim.DeviceOptions{
		URL: f.p.mqtt(), Org: acme, ID: band(i), Hertz: 1, Logger: quiet(),
		OnAck: func(device schemas.ID, boot uint32, items []schemas.Item) { f.onAck(wearer(i), device, boot, items) },
	})
	must(f.p.t, err)
	ended := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case n := <-d.Nudges():
				f.onNudge(wearer(i), n)
			case <-stop:
				return
			}
		}
	}()
	f.p.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // the test has waited for what it wanted to be acknowledged
		_ = d.Close(ctx)
		close(stop)
		<-ended
	})
	return d
}

func (f *fleet) onAck(wearer, device schemas.ID, boot uint32, items []schemas.Item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen {
		return
	}
	now := time.Now()
	for i := range items {
		f.acked[id{device, boot, items[i].Seq}] = now
	}
	if err := f.p.ledger.Acked(acme, wearer, device, boot, items); err != nil {
		f.p.t.Error(err)
	}
}

func (f *fleet) onNudge(wearer schemas.ID, n sim.Received) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nudges = append(f.nudges, n)
	if err := f.p.ledger.Nudged(acme, wearer, n.Device, n.Nudge); err != nil {
		f.p.t.Error(err)
	}
}

// freeze ends the writing down: what is acknowledged later does not count.
func (f *fleet) freeze() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = true
	return time.Now()
}

func (f *fleet) acknowledged() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked)
}

// nudged is the nudges that arrived.
func (f *fleet) nudged() []sim.Received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]sim.Received(nil), f.nudges...)
}

// send publishes the seconds from..to of the i-th wearer of the fleet, a message
// for each step seconds. It waits for room in the device's window.
func (f *fleet) send(ctx context.Context, i, from, to, step int) error {
	for at := from; at < to; at += step {
		items := f.items(i, at, min(at+step, to))
		f.p.ledger.Sent(acme, wearer(f.first+i), f.devices[i].ID(), f.boot, items)
		if err := f.devices[i].Send(ctx, f.devices[i].ID(), f.boot, items); err != nil {
			return err
		}
	}
	return nil
}

// all publishes the seconds from..to of everybody and waits for the
// acknowledgements.
func (f *fleet) all(from, to, step int) {
	f.p.t.Helper()
	ctx, cancel := context.WithTimeout(f.p.t.Context(), 10*patience)
	defer cancel()
	var work sync.WaitGroup
	for i := range f.devices {
		work.Go(func() {
			if err := f.send(ctx, i, from, to, step); err != nil {
				f.p.t.Errorf("send: %v", err)
			}
		})
	}
	work.Wait()
	f.flush()
}

// flush waits until all that was sent is acknowledged.
func (f *fleet) flush() {
	f.p.t.Helper()
	ctx, cancel := context.WithTimeout(f.p.t.Context(), 2*patience)
	defer cancel()
	for _, d := range f.devices {
		must(f.p.t, d.Flush(ctx))
	}
}

// close disconnects without waiting for acknowledgements.
func (f *fleet) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, d := range f.devices {
		_ = d.Close(ctx)
	}
}

// pour publishes everybody's readings from a second on, without a pause, until
// the returned function is called. Devices in a storm may end with an error.
func (f *fleet) pour(from, step int) (stop func() (until int)) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	reached := make([]int, len(f.devices))
	for i := range f.devices {
		work.Go(func() {
			for at := from; f.send(ctx, i, at, at+step, step) == nil; at += step {
				reached[i] = at + step
			}
		})
	}
	return func() int {
		cancel()
		work.Wait()
		most := 0
		for _, at := range reached {
			most = max(most, at)
		}
		return most
	}
}

// items are the seconds from..to of a wearer: each sits and slouches for three
// minutes of ten, at a time of their own, and every second one walks about.
func (f *fleet) items(i, from, to int) []schemas.Item {
	return day(f.first+i, f.base, from, to)
}

func day(i int, base time.Time, from, to int) []schemas.Item {
	list := make([]schemas.Item, 0, to-from)
	for s := from; s < to; s++ {
		r := schemas.Reading{
			Seq: uint64(s + 1), Time: base.UnixMilli() + int64(s)*1000,
			Fields: schemas.HasTrunk | schemas.HasMotion | schemas.HasSitting | schemas.IsSitting | schemas.IsWorn,
		}
		switch phase := (s + 120*i) % 600; {
		case phase < 180:
			r.TrunkPitch = 220
		case phase >= 450 && i%2 == 1:
			r.Fields &^= schemas.IsSitting
			r.Motion = 300
		}
		list = append(list, schemas.Item{Reading: r})
	}
	return list
}

func figure(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf(format, args...)
}
