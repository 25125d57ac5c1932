package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/faults/proxy"
	"sitwell/schemas"
)

// patience bounds each wait of a test; a slow machine needs it, a good one never.
const patience = 90 * time.Second

// far connects to a broker through a proxy, as a role in another process does.
func far(t *testing.T, b *broker.Broker, addr string) *bus.Bus {
	t.Helper()
	name, password := b.Credentials()
	opts := append(bus.ConnOptions("test", slog.New(slog.DiscardHandler)), nats.UserInfo(name, password))
	nc, err := nats.Connect("nats://"+addr, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := bus.Attach(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestReadersAndWritersGoOnAfterABadLink: whatever the link does, what is
// written meanwhile is read in order and once, and what was being written is
// stored once, within the time that two pings and a bit need. All cases wait
// together, because that is most of what they do.
func TestReadersAndWritersGoOnAfterABadLink(t *testing.T) {
	t.Parallel()
	finish := map[string]func(*testing.T){}
	for name, spoil := range map[string]func(*proxy.Proxy) (mend func()){
		"cut":       func(p *proxy.Proxy) func() { p.Cut(); return func() {} },
		"half open": func(p *proxy.Proxy) func() { p.HalfOpen(); return func() {} },
		"one way":   func(p *proxy.Proxy) func() { p.Lose(proxy.Down); return func() {} },
		"hung": func(p *proxy.Proxy) func() {
			p.Hang(proxy.Both)
			return func() { p.Hang(0) }
		},
		"down": func(p *proxy.Proxy) func() {
			p.Refuse(true)
			p.Cut()
			return func() { p.Refuse(false) }
		},
	} {
		finish[name] = badLink(t, spoil)
	}
	for name, f := range finish {
		t.Run(name, f)
	}
}

// badLink spoils a link while it is in use. What it returns waits until all has come
// through, and looks whether that was right and in time.
func badLink(t *testing.T, spoil func(*proxy.Proxy) (mend func())) (finish func(*testing.T)) {
	t.Helper()
	b, near := brokertest.Start(t)
	p := proxy.Start(t, b.NATS())
	log := far(t, b, p.Addr())
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	outbox := log.Outbox(slog.New(slog.DiscardHandler))
	publish(t, near, 1, 10)
	read(t, r, 1, 10)

	mend := spoil(p)
	began := time.Now()
	publish(t, near, 11, 20)
	written, passed := make(chan error, 1), make(chan error, 1)
	var took time.Duration // written before passed
	go func() { written <- write(outbox) }()
	go func() {
		err := numbers(r, 11, 20)
		err = errors.Join(err, <-written)
		took = time.Since(began)
		passed <- err
	}()
	// A link that is down or hangs comes back when its end was noticed.
	wait := time.AfterFunc(12*time.Second, mend)
	t.Cleanup(func() { wait.Stop() })
	return func(t *testing.T) {
		t.Helper()
		if err := <-passed; err != nil {
			t.Fatal(err)
		}
		t.Logf("all was read and written %v after the link was spoilt", took.Round(10*time.Millisecond))
		if took > 45*time.Second {
			t.Errorf("that took %v", took)
		}
		if last, err := near.LastSeq(t.Context(), schemas.StreamFindings); err != nil || last != findings {
			t.Errorf("%d findings are stored, %v; want %d", last, err, findings)
		}
	}
}

const findings = 5

func write(o *bus.Outbox) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := range findings {
		if err := o.Publish(ctx, "findings.acme.anna", fmt.Append(nil, i), fmt.Sprint("f", i)); err != nil {
			return err
		}
	}
	return o.Flush(ctx)
}

func read(t *testing.T, r *bus.Reader, from, to int) {
	t.Helper()
	if err := numbers(r, from, to); err != nil {
		t.Fatal(err)
	}
}

// numbers reads what publish has written.
func numbers(r *bus.Reader, from, to int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := from; i <= to; i++ {
		m, err := r.Next(ctx)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if string(m.Data) != fmt.Sprint(i) || m.Seq != uint64(i) {
			return fmt.Errorf("message %d is %q with number %d", i, m.Data, m.Seq)
		}
	}
	return nil
}

// TestAHungLinkBoundsWhatWaits: questions fail in time, a reader closes in time,
// and nothing is left running.
func TestAHungLinkBoundsWhatWaits(t *testing.T) {
	b, near := brokertest.Start(t)
	publish(t, near, 1, 1)
	p := proxy.Start(t, b.NATS())
	before := goleak.IgnoreCurrent()
	log := far(t, b, p.Addr())
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	read(t, r, 1, 1)
	p.Hang(proxy.Both)
	began := time.Now()
	if _, err := log.LastSeq(t.Context(), schemas.StreamReadings); err == nil {
		t.Error("a hung link answered")
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a question waited %v", took)
	}
	began = time.Now()
	r.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing a reader took %v", took)
	}
	p.Hang(0)
	log.Conn().Close()
	p.Cut()
	// The server forgets the reader within a minute, as that of a process that died:
	// its own goroutines for that may be there yet.
	const consumer = "github.com/nats-io/nats-server/v2/server.(*consumer)."
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction(consumer+"loopAndGatherMsgs"),
		goleak.IgnoreAnyFunction(consumer+"processInboundAcks"), goleak.IgnoreAnyFunction(consumer+"processInboundNextMsgReqs"))
}

// TestAReaderGoesOnAfterARestartOfTheServer, in another process and in its own.
func TestAReaderGoesOnAfterARestartOfTheServer(t *testing.T) {
	b, near := brokertest.Start(t)
	log := far(t, b, b.NATS())
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	publish(t, near, 1, 10)
	read(t, r, 1, 10)
	o := brokertest.Options(b.Dir())
	o.NATS, o.MQTT = b.NATS(), b.MQTT()
	_, o.Secret = b.Credentials()
	b.Stop()
	again, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Stop)
	publish(t, brokertest.Bus(t, again), 11, 20)
	read(t, r, 11, 20)
}

// TestAReaderEndsWhereTheStreamIsAnother, instead of waiting for numbers that
// the new one reaches some day.
func TestAReaderEndsWhereTheStreamIsAnother(t *testing.T) {
	for name, more := range map[string]int{"shorter": 5, "longer": 50} {
		t.Run(name, func(t *testing.T) {
			b, near := brokertest.Start(t)
			log := far(t, b, b.NATS())
			r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			publish(t, near, 1, 10)
			read(t, r, 1, 10)
			js, err := jetstream.New(near.Conn())
			if err != nil {
				t.Fatal(err)
			}
			if err := js.DeleteStream(t.Context(), schemas.StreamReadings); err != nil {
				t.Fatal(err)
			}
			publish(t, brokertest.Bus(t, b), 1, more)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if m, err := r.Next(ctx); !errors.Is(err, bus.ErrReplaced) {
				t.Errorf("after the stream was replaced: %+v, %v; want %v", m, err, bus.ErrReplaced)
			}
		})
	}
}
