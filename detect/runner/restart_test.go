package runner

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
)

// The log is restarted under two detectors: they go on by themselves, each with what
// it owned.
func TestDetectorsGoOnAfterARestartOfTheLog(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	opts := brokertest.Options(t.TempDir())
	opts.Secret = "one-of-this-test"
	w := &world{t: t}
	boot := func() {
		t.Helper()
		var err error
		if w.broker, err = broker.Start(ctx, opts); err != nil {
			t.Fatal(err)
		}
		w.broker.Admit()
		t.Cleanup(w.broker.Stop)
		opts.NATS = w.broker.NATS()
		if w.log, err = bus.Open(ctx, brokertest.Connect(t, w.broker), bus.Options{Partitions: 8}); err != nil {
			t.Fatal(err)
		}
	}
	boot()
	o := newOffice(t, w.log, 12)
	n := len(o.records)
	a, b := w.process(), w.process()
	w.shared(a, b)
	before := w.table()
	w.publish(o, 0, n/2)
	w.broker.Stop() // while it judges
	boot()
	up := time.Now()
	w.publish(o, n/2, n)
	w.settled()
	t.Logf("all was judged %v after the log was back", time.Since(up))
	if took := time.Since(up); took > 15*time.Second {
		t.Errorf("judged %v after the log was back", took)
	}
	w.shared(a, b)
	if after := w.table(); !slices.Equal(after.Owners, before.Owners) || !slices.Equal(after.Epochs, before.Epochs) {
		t.Errorf("partitions moved from %+v to %+v", before, after)
	}
	for _, p := range []*process{a, b} {
		p.signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("a stop in good order ended with %v", err)
		}
	}
	w.same(o)
}
