package bus

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Outbox publishes to the log without waiting for each message, and again and
// again what the log did not take. It keeps at most unconfirmed messages; above
// that Publish waits for the oldest half. Flush says that all are on disk.
//
// While the log answers, messages keep their order. One that failed is stored
// behind those that did not. An Outbox belongs to one goroutine.
type Outbox struct {
	log     *Bus
	logger  *slog.Logger
	pending []posted
}

const unconfirmed = 512

type posted struct {
	future  Future
	subject string
	data    []byte
	id      string
}

// Outbox makes an empty Outbox.
func (b *Bus) Outbox(logger *slog.Logger) *Outbox {
	return &Outbox{log: b, logger: logger}
}

// Publish hands a message over; data must not change afterwards. It fails only
// when ctx ends, and then the message may be lost.
func (o *Outbox) Publish(ctx context.Context, subject string, data []byte, id string) error {
	if len(o.pending) >= unconfirmed {
		if err := o.confirm(ctx, unconfirmed/2); err != nil {
			return err
		}
	}
	m := posted{subject: subject, data: data, id: id}
	var err error
	if m.future, err = o.log.PublishAsync(subject, data, id); err != nil {
		if err := o.again(ctx, &m, err); err != nil {
			return err
		}
	}
	o.pending = append(o.pending, m)
	return nil
}

// Flush waits until everything handed over is on disk. It fails only when ctx
// ends.
func (o *Outbox) Flush(ctx context.Context) error {
	return o.confirm(ctx, len(o.pending))
}

// confirm waits until the oldest n are on disk.
func (o *Outbox) confirm(ctx context.Context, n int) error {
	done := 0
	// A future answers once: those that have are forgotten in any case.
	defer func() { o.pending = append(o.pending[:0], o.pending[done:]...) }()
	for ; done < n; done++ {
		m := &o.pending[done]
		for err := m.future.Wait(ctx); err != nil; err = m.future.Wait(ctx) {
			if err := o.again(ctx, m, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// again repeats a publish until the log takes it.
func (o *Outbox) again(ctx context.Context, m *posted, why error) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		if ctx.Err() == nil {
			o.logger.Warn("log is not taking messages, trying again", "err", why)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("write to log: %w", ctx.Err())
		}
		if m.future, why = o.log.PublishAsync(m.subject, m.data, m.id); why == nil {
			return nil
		}
	}
}
