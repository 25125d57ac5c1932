package runner

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sitwell/internal/bus"
)

// emitter writes findings and rollups without waiting for each. It keeps at
// most unconfirmed of them; then it waits for the oldest.
type emitter struct {
	log     *bus.Bus
	logger  *slog.Logger
	pending []emitted
}

const unconfirmed = 512

type emitted struct {
	future  bus.Future
	subject string
	data    []byte
	id      string
}

func (e *emitter) publish(ctx context.Context, subject string, data []byte, id string) error {
	if len(e.pending) >= unconfirmed {
		if err := e.confirm(ctx, len(e.pending)/2); err != nil {
			return err
		}
	}
	future, err := e.log.PublishAsync(subject, data, id)
	m := emitted{future, subject, data, id}
	if err != nil {
		if m.future, err = e.again(ctx, m, err); err != nil {
			return err
		}
	}
	e.pending = append(e.pending, m)
	return nil
}

// confirm waits until the oldest n are on disk.
func (e *emitter) confirm(ctx context.Context, n int) error {
	for i := range n {
		m := e.pending[i]
		for err := m.future.Wait(ctx); err != nil; err = m.future.Wait(ctx) {
			var stop error
			if m.future, stop = e.again(ctx, m, err); stop != nil {
				return stop
			}
		}
	}
	e.pending = append(e.pending[:0], e.pending[n:]...)
	return nil
}

// again repeats a publish until the log takes it.
func (e *emitter) again(ctx context.Context, m emitted, why error) (bus.Future, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		if ctx.Err() == nil {
			e.logger.Warn("log is not taking messages, trying again", "subject", m.subject, "err", why)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return bus.Future{}, fmt.Errorf("write to log: %w", ctx.Err())
		}
		future, err := e.log.PublishAsync(m.subject, m.data, m.id)
		if err == nil {
			return future, nil
		}
		why = err
	}
}
