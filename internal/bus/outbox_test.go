package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// fill hands n messages over, more than an outbox keeps unconfirmed.
func fill(ctx context.Context, o *bus.Outbox, n int) error {
	for i := range n {
		if err := o.Publish(ctx, schemas.ReadingsSubject(1), fmt.Append(nil, i), fmt.Sprint("m", i)); err != nil {
			return err
		}
	}
	return o.Flush(ctx)
}

func TestOutboxFlushesEverythingInOrder(t *testing.T) {
	_, log := brokertest.Start(t)
	const n = 1200
	if err := fill(t.Context(), log.Outbox(slog.New(slog.DiscardHandler)), n); err != nil {
		t.Fatal(err)
	}
	r, err := log.Reader(t.Context(), schemas.StreamReadings, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range n {
		if m := next(t, r); string(m.Data) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Data)
		}
	}
}

func TestOutboxGivesUpOnlyWithItsContext(t *testing.T) {
	b, log := brokertest.Start(t)
	o := log.Outbox(slog.New(slog.DiscardHandler))
	if err := fill(t.Context(), o, 1); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- fill(ctx, o, 1) }()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped log: %v, want %v", err, context.Canceled)
	}
}
