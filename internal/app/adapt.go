package app

import (
	"context"

	"sitwell/internal/dashboard"
	"sitwell/internal/live"
	"sitwell/schemas"
)

// liveEvents gives the dashboard its live events.
type liveEvents struct{ w *live.Watcher }

var _ dashboard.Live = liveEvents{}

// Watch passes the events on under the dashboard's type.
func (l liveEvents) Watch(ctx context.Context, org, wearer schemas.ID) (<-chan dashboard.LiveEvent, error) {
	in, err := l.w.Watch(ctx, org, wearer)
	if err != nil {
		return nil, err
	}
	out := make(chan dashboard.LiveEvent) // the watcher's own queue is the only one
	go func() {
		defer close(out)
		for e := range in {
			select {
			case out <- dashboard.LiveEvent{Kind: e.Kind, Data: e.Data}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
