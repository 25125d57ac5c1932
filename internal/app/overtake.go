package app

import (
	"context"
	"time"

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
func (a *App) countUnderWay(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	own, err := a.ownHolder(ctx)
	if err != nil || own == nil { // another broker, or no session yet
		return 0, err
	}
	return own.consumer.NumAckPending, nil
}

// warnOfLeftBehind says that the embedded broker keeps messages for ingest of when it
// had a listener: without one nobody can take them.
func (a *App) warnOfLeftBehind(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	own, err := a.ownHolder(ctx)
	switch {
	case err != nil:
		a.o.Logger.Warn("not known whether the embedded broker still keeps something that devices sent", "err", err)
	case own != nil && own.messages() > 0:
		a.o.Logger.Warn("the embedded broker still keeps what devices sent through it; serve once with its MQTT listener and ingest, and it is taken",
			"messages", own.messages())
	}
}
