package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

func open(t *testing.T, b *broker.Broker, l bus.Limits) *bus.Bus {
	t.Helper()
	log, err := bus.Open(t.Context(), brokertest.Connect(t, b), bus.Options{Partitions: 8, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// stuff publishes messages of 10 kB until the log refuses one, and returns how
// many it took.
func stuff(t *testing.T, log *bus.Bus, most int) (taken int) {
	t.Helper()
	data := make([]byte, 10_000)
	for ; taken < most; taken++ {
		began := time.Now()
		if err := log.Publish(t.Context(), schemas.ReadingsSubject(1), data, ""); err != nil {
			if !strings.Contains(err.Error(), "maximum bytes exceeded") {
				t.Fatalf("refused with %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("refused after %v, want at once", took)
			}
			return taken
		}
	}
	return taken
}

func usage(t *testing.T, log *bus.Bus, stream string) bus.Usage {
	t.Helper()
	all, err := log.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		if u.Stream == stream {
			return u
		}
	}
	t.Fatalf("no usage of %s in %v", stream, all)
	return bus.Usage{}
}

func TestAtItsLimitTheLogRefusesAtOnceAndDropsNothing(t *testing.T) {
	b, _ := brokertest.Start(t)
	log := open(t, b, bus.Limits{Readings: 100_000})
	taken := stuff(t, log, 100)
	if taken < 5 || taken > 10 {
		t.Fatalf("a stream of 100 kB took %d messages of 10 kB", taken)
	}
	u := usage(t, log, schemas.StreamReadings)
	if u.Messages != uint64(taken) || u.Limit != 100_000 || u.Share() < 0.8 || u.First.IsZero() || u.Last.Before(u.First) {
		t.Errorf("usage is %+v", u)
	}
	// Less than what is stored: nothing goes, nothing comes.
	log = open(t, b, bus.Limits{Readings: 20_000})
	if more := stuff(t, log, 1); more != 0 {
		t.Errorf("%d more were taken above the limit", more)
	}
	if u := usage(t, log, schemas.StreamReadings); u.Messages != uint64(taken) || u.Limit != 20_000 {
		t.Errorf("with a smaller limit, usage is %+v; want %d messages", u, taken)
	}
	// And a start goes well with such a limit.
	b.Stop()
	again, err := broker.Start(t.Context(), brokertest.Options(b.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Stop)
	log = open(t, again, bus.Limits{Readings: 20_000})
	if u := usage(t, log, schemas.StreamReadings); u.Messages != uint64(taken) {
		t.Errorf("after a restart, usage is %+v; want %d messages", u, taken)
	}
	log = open(t, again, bus.Limits{Readings: 1 << 20})
	if more := stuff(t, log, 10); more != 10 {
		t.Errorf("with room, %d of 10 were taken", more)
	}
}

func TestEveryStreamHasALimit(t *testing.T) {
	_, log := brokertest.Start(t)
	all, err := log.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 20 {
		t.Errorf("%d streams and buckets", len(all))
	}
	for _, u := range all {
		if u.Limit <= 0 {
			t.Errorf("%s has no limit", u.Stream)
		}
	}
}

// TestTheAlarmRingsOnceFromFourFifths and is over below three quarters.
func TestTheAlarmRingsOnceFromFourFifths(t *testing.T) {
	t.Parallel()
	b, _ := brokertest.Start(t)
	log := open(t, b, bus.Limits{Readings: 100_000})
	if taken := stuff(t, log, 8); taken != 8 {
		t.Fatalf("took %d", taken)
	}
	said := make(chan string, 1000)
	reg := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Watch(ctx, reg, slog.New(slog.NewTextHandler(lines(said), nil))) }()
	hear(t, said, "nearly full")
	rings := func(want float64) func() bool {
		return func() bool {
			const name = "sitwell_log_alarm"
			return gauge(t, reg, name, schemas.StreamReadings) == want
		}
	}
	soon(t, rings(1))
	if bytes, limit := gauge(t, reg, "sitwell_log_bytes", schemas.StreamReadings), gauge(t, reg, "sitwell_log_limit_bytes", schemas.StreamReadings); bytes < 80_000 || limit != 100_000 {
		t.Errorf("the gauges say %v bytes of %v", bytes, limit)
	}
	for seq := range uint64(3) {
		if err := log.Delete(t.Context(), schemas.StreamReadings, seq+1); err != nil {
			t.Fatal(err)
		}
	}
	hear(t, said, "room again")
	soon(t, rings(0))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
	for len(said) > 0 {
		if line := <-said; strings.Contains(line, "nearly full") {
			t.Errorf("said twice: %s", line)
		}
	}
}

type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func hear(t *testing.T, said chan string, want string) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case line := <-said:
			if strings.Contains(line, want) {
				return
			}
		case <-late:
			t.Fatalf("%q was not said", want)
		}
	}
}

func soon(t *testing.T, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); !so(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("that did not come about")
		}
	}
}

func gauge(t *testing.T, reg *prometheus.Registry, name, stream string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == stream {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// TestWatchMakesTheBucketInMemoryAnew after a restart of the server.
func TestWatchMakesTheBucketInMemoryAnew(t *testing.T) {
	b, _ := brokertest.Start(t)
	near := far(t, b, b.NATS())
	log, err := bus.Open(t.Context(), near.Conn(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = log.Watch(t.Context(), prometheus.NewRegistry(), slog.New(slog.DiscardHandler)) }()
	o := brokertest.Options(b.Dir())
	o.NATS, o.MQTT = b.NATS(), b.MQTT()
	_, o.Secret = b.Credentials()
	b.Stop()
	again, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Stop)
	began := time.Now()
	soon(t, func() bool {
		kv, err := log.KV(t.Context(), bus.BucketMembers)
		if err != nil {
			return false
		}
		_, err = kv.PutString(t.Context(), "one", "here")
		return err == nil
	})
	t.Logf("the bucket is there %v after the server", time.Since(began).Round(time.Millisecond))
}

func TestIdentityChangesOnlyWithTheStream(t *testing.T) {
	b, log := brokertest.Start(t)
	first, err := log.Identity(t.Context(), schemas.StreamReadings)
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	open(t, b, bus.Limits{Readings: 1 << 20})
	b.Stop()
	again, err := broker.Start(t.Context(), brokertest.Options(b.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Stop)
	log = open(t, again, bus.Limits{})
	if id, err := log.Identity(t.Context(), schemas.StreamReadings); err != nil || id != first {
		t.Errorf("after a restart and a change of limits it is %s, %v; want %s", id, err, first)
	}
	other, fresh := brokertest.Start(t)
	_ = other
	if id, err := fresh.Identity(t.Context(), schemas.StreamReadings); err != nil || id == first {
		t.Errorf("another log's is %s, %v", id, err)
	}
}
