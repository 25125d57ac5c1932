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
	maxPause = 2 * time.Second
	// stallAfter is how long the log may leave one write unconfirmed, or not take
	// it, before the round ends. It is above what a slow disk takes, and below the
	// client's keep alive and ping timeout together, so that a full inbox never
	// costs the connection its pings.
	stallAfter = 15 * time.Second
	// answerWait is how long the log may take to answer while it is asked whether
	// it takes messages again.
	answerWait = 5 * time.Second
)

// stalled says that the log takes nothing. again tries what could not be
// written once more; when it succeeds, the log takes messages again.
type stalled struct {
	why   error
	again func(ctx context.Context) error
}

// Error says what could not be written.
func (s *stalled) Error() string { return "the log takes nothing: " + s.why.Error() }

// Unwrap is why.
func (s *stalled) Unwrap() error { return s.why }

// confirm waits for the log in the order of sending and acknowledges. It ends
// when the queue does; what is not confirmed when ctx ends is not acknowledged.
func (i *Ingest) confirm(ctx context.Context, r *round, fail context.CancelCauseFunc) {
	for s := range r.out {
		if err := i.settle(ctx, s); err != nil {
			fail(err) // the first one counts
			continue
		}
		for _, d := range s.deliveries {
			d.finish()
		}
	}
}

// settle returns when a publish is on disk, ctx has ended, or the log has
// stalled. A publish that failed is repeated under its id: it may have been
// stored, and then the log drops the repetition. Records behind it may be
// stored before it then; DESIGN.md says why that does no harm.
func (i *Ingest) settle(ctx context.Context, s sent) error {
	limited, cancel := context.WithTimeout(ctx, stallAfter)
	defer cancel()
	err := s.future.Wait(limited)
	for pause := minPause; err != nil && limited.Err() == nil; pause = min(2*pause, maxPause) {
		i.metrics.retries.Inc()
		i.logger.Warn("log did not confirm, sending again", "subject", s.subject, "err", err)
		if sleep(limited, pause) != nil {
			break
		}
		err = i.attempt(limited, s)
	}
	return i.verdict(ctx, s, err)
}

// verdict tells a stall from a stop.
func (i *Ingest) verdict(ctx context.Context, s sent, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.deliveries = nil
	return &stalled{why: err, again: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, answerWait)
		defer cancel()
		return i.attempt(ctx, s)
	}}
}

// attempt publishes and waits for the answer.
func (i *Ingest) attempt(ctx context.Context, s sent) error {
	future, err := i.log.PublishAsync(s.subject, s.data, s.id)
	if err == nil {
		err = future.Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", s.subject, err)
	}
	return nil
}

// recover waits until the log takes messages again, or ctx ends.
func (i *Ingest) recover(ctx context.Context, s *stalled) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		if err := s.again(ctx); err == nil {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
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
