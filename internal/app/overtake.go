package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/broker"
)

// underWay is how long ingest waits, before it connects again, for the embedded
// broker to count as undelivered what was under way when it went: the broker would
// give it what came since at once, and that AckWait later. A device's buffer, of which
// a message holds many minutes, would be out of order by more than detection waits for.
const underWay = broker.AckWait + 250*time.Millisecond

// awaitUnderWay waits if something was under way to ingest. A log that does not
// say so is no reason to wait: ingest connects, and asks itself what the log takes.
func (a *App) awaitUnderWay(ctx context.Context) error {
	n, err := a.countUnderWay(ctx)
	if err != nil {
		a.o.Logger.Warn("not known whether something was under way to ingest", "err", err)
		return ctx.Err()
	}
	if n > 0 && !sleep(ctx, underWay) {
		return ctx.Err()
	}
	return nil
}

// askUnderWay bounds the question.
const askUnderWay = 2 * time.Second

// countUnderWay is how many messages the embedded broker has delivered to ingest and
// not been acknowledged.
func (a *App) countUnderWay(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	js, err := jetstream.New(a.nc)
	if err != nil {
		return 0, fmt.Errorf("look for what is under way: %w", err)
	}
	s, err := js.Stream(ctx, mqttStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil // another broker, or no client yet
	}
	if err != nil {
		return 0, fmt.Errorf("look for what is under way: %w", err)
	}
	consumers := s.ListConsumers(ctx)
	for c := range consumers.Info() {
		if c.Config.FilterSubject == mqttSubject {
			n += c.NumAckPending
		}
	}
	if err := consumers.Err(); err != nil {
		return 0, fmt.Errorf("look for what is under way: %w", err)
	}
	return n, nil
}
