package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker"
)

// lookEvery is how often admission looks for ingest's session.
const lookEvery = 50 * time.Millisecond

// admit lets devices in once ingest's session exists at this broker and what an
// earlier run had not taken of it is taken. Then it waits for its end.
func (a *App) admit(ctx context.Context, _ prometheus.Registerer) error {
	if !a.admitted() {
		if err := a.awaitSession(ctx); err != nil {
			return err
		}
		a.catchUp(ctx)
		a.broker.Admit()
		close(a.admission)
		a.o.Logger.Info("devices are let in")
	}
	a.works(partAdmit)
	<-ctx.Done()
	return ctx.Err()
}

func (a *App) admitted() bool {
	select {
	case <-a.admission:
		return true
	default:
		return false
	}
}

// awaitSession waits for the durable consumer of ingest's session: from then on the
// broker keeps what devices publish, whether ingest is there or not. Another session's
// does not count: ingest would never hear of what is kept for that one.
func (a *App) awaitSession(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	for {
		if own, err := a.ownHolder(ctx); err != nil || own != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-patience.C:
			a.o.Logger.Warn("no device is let in yet: ingest has no session at this broker; is a process with the role ingest running?")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp waits for what the broker kept for ingest from before: a device's newer
// messages must not overtake it, or its first readings would count as late. A
// log that does not take it is no reason to keep devices out for ever.
func (a *App) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, broker.AckWait+time.Second)
	defer cancel()
	if err := a.delivered(ctx); err != nil {
		a.o.Logger.Warn("devices are admitted before all that they sent earlier is taken", "err", err)
	}
}

// delivered waits until ingest has taken what the embedded broker keeps for it now.
func (a *App) delivered(ctx context.Context) error {
	own, err := a.ownHolder(ctx)
	if err != nil || own == nil { // another broker, or no session yet
		return err
	}
	return a.bus.Delivered(ctx, mqttStream, own.consumer.Name, mqttSubject)
}
