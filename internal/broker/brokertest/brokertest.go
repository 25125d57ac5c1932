// Package brokertest starts the embedded broker for tests: the real server, on
// free ports and in a folder of the test's.
package brokertest

import (
	"context"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"

	"sitwell/internal/broker"
	"sitwell/internal/bus"
)

// Start starts a broker that admits everybody and opens its log. Both end with
// the test.
func Start(tb testing.TB) (*broker.Broker, *bus.Bus) {
	tb.Helper()
	b := Broker(tb, tb.TempDir())
	b.Admit()
	return b, Bus(tb, b)
}

// Broker starts a broker on a folder, admitting nobody yet.
func Broker(tb testing.TB, dir string) *broker.Broker {
	tb.Helper()
	b, err := broker.Start(tb.Context(), Options(dir))
	if err != nil {
		tb.Fatalf("start broker: %v", err)
	}
	tb.Cleanup(b.Stop)
	return b
}

// Options are for a broker on a folder, on free ports and silent.
func Options(dir string) broker.Options {
	return broker.Options{Dir: dir, MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}
}

// Connect connects to a broker until the test ends.
func Connect(tb testing.TB, b *broker.Broker) *nats.Conn {
	tb.Helper()
	nc, err := b.Connect()
	if err != nil {
		tb.Fatalf("connect to broker: %v", err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

// Bus opens a broker's log with 8 partitions.
func Bus(tb testing.TB, b *broker.Broker) *bus.Bus {
	tb.Helper()
	log, err := bus.Open(context.WithoutCancel(tb.Context()), Connect(tb, b), bus.Options{Partitions: 8})
	if err != nil {
		tb.Fatalf("open log: %v", err)
	}
	return log
}
