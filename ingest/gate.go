package ingest

import (
	"context"
	"time"
)

// gate lets a message through to the worker once the directory holds every change
// that the log took before the message came. Whom a reading belongs to is frozen
// into the log: a copy that is behind, because its link hangs, would give what a
// device's new wearer sends to the one before. It asks while the worker works on
// what it let through earlier, and one question serves all that had come when it
// was asked. It ends with ctx, or with the round when the log does not answer.
func (i *Ingest) gate(ctx context.Context, r *round, fail context.CancelCauseFunc) {
	for {
		select {
		case m := <-r.in:
			if err := i.catchUp(ctx, m.taken); err != nil {
				if ctx.Err() == nil {
					fail(err)
				}
				return
			}
			select {
			case r.certain <- m:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// catchUp waits for the directory, asking again and again until the log has stalled.
func (i *Ingest) catchUp(ctx context.Context, until time.Time) error {
	begun := time.Now()
	err := i.dir.CatchUp(ctx, until)
	if err == nil {
		return nil
	}
	limited, cancel := context.WithDeadline(ctx, begun.Add(stallAfter))
	defer cancel()
	for pause := minPause; err != nil; pause = min(2*pause, maxPause) {
		i.logger.Warn("who wears what is not known for certain, asking the log again", "err", err)
		if sleep(limited, pause) != nil {
			return &stalled{why: err, again: func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, answerWait)
				defer cancel()
				return i.dir.CatchUp(ctx, time.Now())
			}}
		}
		err = i.dir.CatchUp(limited, until)
	}
	return nil
}
