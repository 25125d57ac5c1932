package ingest

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/bus"
)

// sent is a publish that is not confirmed yet, with the deliveries it carries.
type sent struct {
	future     bus.Future
	subject    string
	data       []byte
	id         string
	deliveries []*delivery
}

const (
	// The pauses between two attempts to write to the log.
	minPause = 50 * time.Millisecond
	maxPause = 5 * time.Second
	// confirmWait is how long the log may take to confirm: an answer that was
	// lost while the connection stood would otherwise be waited for for ever.
	confirmWait = 30 * time.Second
)

// confirm waits for the log in the order of sending and acknowledges. What is
// not confirmed when ctx ends is not acknowledged.
func (i *Ingest) confirm(ctx context.Context) {
	for s := range i.out {
		if err := i.settle(ctx, s); err != nil {
			i.logger.Warn("not confirmed before the stop; the broker delivers it again", "subject", s.subject, "err", err)
			continue
		}
		for _, d := range s.deliveries {
			d.finish()
		}
	}
}

// settle returns when a publish is on disk, or ctx has ended. A publish that
// failed is repeated under its id until the log takes it: it may have been
// stored, and then the log drops the repetition. Records behind it may be
// stored before it then; DESIGN.md says why that does no harm.
func (i *Ingest) settle(ctx context.Context, s sent) error {
	err := wait(ctx, s.future)
	for pause := minPause; err != nil; pause = min(2*pause, maxPause) {
		if ctx.Err() != nil {
			return err
		}
		i.metrics.retries.Inc()
		i.logger.Warn("log did not confirm, sending again", "subject", s.subject, "err", err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		if s.future, err = i.log.PublishAsync(s.subject, s.data, s.id); err == nil {
			err = wait(ctx, s.future)
		}
	}
	return nil
}

func wait(ctx context.Context, f bus.Future) error {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	return f.Wait(ctx)
}

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write to log: %w", ctx.Err())
	}
}
