package ops

import (
	"context"
	"time"
)

// Linger is a context that ends by later than ctx, so that what is under way
// can be finished on a stop. The caller calls cancel when it is done.
func Linger(ctx context.Context, by time.Duration) (lingering context.Context, cancel context.CancelFunc) {
	lingering, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer end()
		select {
		case <-time.After(by):
		case <-lingering.Done():
		}
	})
	return lingering, func() {
		stop()
		end()
	}
}
