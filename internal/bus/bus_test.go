package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

func publish(t *testing.T, b *bus.Bus, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := b.Publish(t.Context(), schemas.ReadingsSubject(i%8), fmt.Append(nil, i), ""); err != nil {
			t.Fatalf("publish %d: %v", i, err)
		}
	}
}

func next(t *testing.T, r *bus.Reader) bus.Msg {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := r.Next(ctx)
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	return m
}

func TestReaderStartsAtAnySequenceAndFollows(t *testing.T) {
	_, log := brokertest.Start(t)
	publish(t, log, 1, 20)
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 15)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for want := uint64(15); want <= 20; want++ {
		if m := next(t, r); m.Seq != want || string(m.Data) != fmt.Sprint(want) {
			t.Fatalf("got %d %q, want %d", m.Seq, m.Data, want)
		}
	}
	if m, ok := r.TryNext(); ok {
		t.Errorf("a message %d that nobody published", m.Seq)
	}
	publish(t, log, 21, 21)
	if m := next(t, r); m.Seq != 21 {
		t.Errorf("got %d, want 21", m.Seq)
	}
}

func TestReaderFilters(t *testing.T) {
	_, log := brokertest.Start(t)
	publish(t, log, 1, 16)
	r, err := log.Reader(t.Context(), schemas.StreamReadings, []string{schemas.ReadingsSubject(3)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, want := range []uint64{3, 11} {
		if m := next(t, r); m.Seq != want {
			t.Errorf("got %d, want %d", m.Seq, want)
		}
	}
}

func TestReaderEndsWithClose(t *testing.T) {
	_, log := brokertest.Start(t)
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := r.Next(t.Context()); err == nil {
		t.Error("a closed reader goes on")
	}
}

func TestMessageIDsDropRepetitions(t *testing.T) {
	_, log := brokertest.Start(t)
	for range 3 {
		if err := log.Publish(t.Context(), schemas.ReadingsSubject(1), []byte("x"), "same"); err != nil {
			t.Fatal(err)
		}
	}
	if seq, err := log.LastSeq(t.Context(), schemas.StreamReadings); err != nil || seq != 1 {
		t.Errorf("last sequence is %d, %v; want 1", seq, err)
	}
}

func TestPartitionCountStaysWithTheLog(t *testing.T) {
	b, log := brokertest.Start(t)
	if log.Partitions() != 8 {
		t.Fatalf("%d partitions, want 8", log.Partitions())
	}
	again, err := bus.Open(t.Context(), brokertest.Connect(t, b), bus.Options{Partitions: 16})
	if err != nil {
		t.Fatal(err)
	}
	if again.Partitions() != 8 {
		t.Errorf("an open log changed from 8 to %d partitions", again.Partitions())
	}
}

func TestLogSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	first := brokertest.Broker(t, dir)
	publish(t, brokertest.Bus(t, first), 1, 3)
	first.Stop()
	again := brokertest.Bus(t, brokertest.Broker(t, dir))
	if seq, err := again.LastSeq(t.Context(), schemas.StreamReadings); err != nil || seq != 3 {
		t.Errorf("last sequence is %d, %v; want 3", seq, err)
	}
}

func TestGetAndDelete(t *testing.T) {
	_, log := brokertest.Start(t)
	publish(t, log, 1, 2)
	m, err := log.Get(t.Context(), schemas.StreamReadings, 2)
	if err != nil || string(m.Data) != "2" {
		t.Fatalf("got %q, %v", m.Data, err)
	}
	if err := log.Delete(t.Context(), schemas.StreamReadings, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Get(t.Context(), schemas.StreamReadings, 2); err == nil {
		t.Error("a deleted message is still there")
	}
}
