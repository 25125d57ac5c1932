package runner

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/bus"
	"sitwell/internal/faults/proxy"
)

// far connects to the log through a proxy, as a detector on another machine does.
func (w *world) far(p *proxy.Proxy) *nats.Conn {
	w.t.Helper()
	name, password := w.broker.Credentials()
	nc, err := nats.Connect("nats://"+p.Addr(), append(bus.ConnOptions("test", slog.New(slog.DiscardHandler)), nats.UserInfo(name, password))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc
}

// slack is what a busy machine adds.
const slack = 2 * time.Second

// Half a second for each round trip does not add up over the partitions: what a
// killed detector owned is judged again within ten seconds by one on a slow link, and
// that saves in time when it stops.
func TestASlowLinkDoesNotDelayATakeover(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t)
	o := newOffice(t, w.log, 60)
	n := len(o.records) / 10 // six minutes of it
	p := proxy.Start(t, w.broker.NATS())
	slow := w.shareBy(w.far(p))
	w.even(slow)
	p.Delay(250 * time.Millisecond) // there, and back
	other := w.share()
	took := w.even(slow, other)
	t.Logf("two shared the partitions after %v", took)
	if took > 10*time.Second {
		t.Errorf("two shared the partitions after %v", took)
	}
	w.publish(o, 0, n/2)
	w.settled()
	killed := time.Now()
	_ = other.crash()
	w.publish(o, n/2, n)
	w.settled()
	took = time.Since(killed)
	t.Logf("judged again %v after the kill", took)
	if took > 10*time.Second+slack {
		t.Errorf("judged again %v after the kill", took)
	}
	stopped := time.Now()
	if err := slow.stop(); !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it left with %v", err)
	}
	t.Logf("it saved and left in %v", time.Since(stopped))
	w.same(&office{batches: o.batches[:n]})
}
