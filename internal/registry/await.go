package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// askWait bounds a question to the log.
const askWait = 5 * time.Second

// Await returns once the copy holds a wearer, if there is such a one. Whoever
// judges a wearer's readings asks for it before, to know the team: the process
// that took the readings knew it, and this one's copy may be some milliseconds
// behind. A wearer and the team never change, so one that is known costs a look
// into the copy; only for an unknown one the log is asked. An error means that it
// does not answer.
func (r *Registry) Await(ctx context.Context, org, wearer schemas.ID) error {
	if _, known := r.Wearer(org, wearer); known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	r.mu.RLock()
	replaced := r.replaced
	r.mu.RUnlock()
	entry, err := r.kv.Get(ctx, wearerKey(org, wearer))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask the registry for wearer %s: %w", wearer, err)
	}
	r.take(entry, replaced)
	return nil
}

func wearerKey(org, id schemas.ID) string { return "wearer." + org.String() + "." + id.String() }
