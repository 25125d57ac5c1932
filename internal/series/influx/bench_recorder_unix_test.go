//go:build unix

package influx

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/bus"
	"sitwell/internal/record"
	"sitwell/schemas"
)

// BenchmarkRecorder stores a log of 1 M readings in messages of 400, from the start of the
// recorder until the last is acknowledged. The log's server is in this process: its
// processor time counts, too.
func BenchmarkRecorder(b *testing.B) {
	const messages, size = 2500, 400
	l := newDayLog(b, messages, size, 4000)
	readings, used := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		stored, log := newBench(b, nil), benchLog(b, l)
		r, err := record.New(record.Options{
			Log: record.FromBus(log), Store: stored.store, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		b.StartTimer()
		before := cpu(b)
		go func() { ended <- r.Run(ctx) }()
		if err := r.WaitFor(ctx, schemas.StreamReadings, messages); err != nil {
			b.Fatal(err)
		}
		used += cpu(b) - before
		b.StopTimer()
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		stored.wantStored(messages * size)
		readings += messages * size
		b.StartTimer()
	}
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(readings), "own-cpu-us/reading")
}

// benchLog is a log of its own with all of l in it.
func benchLog(b *testing.B, l *dayLog) *bus.Bus {
	b.Helper()
	s, err := server.NewServer(&server.Options{StoreDir: b.TempDir(), JetStream: true, DontListen: true, NoSigs: true, NoLog: true, JetStreamMaxStore: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		b.Fatal("the log's server does not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	log, err := bus.Open(b.Context(), nc, bus.Options{Partitions: 4})
	if err != nil {
		b.Fatal(err)
	}
	for i, m := range l.messages {
		if err := log.Publish(b.Context(), schemas.ReadingsSubject(i%4), m, ""); err != nil {
			b.Fatal(err)
		}
	}
	return log
}
