package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"sitwell/detect/runner"
)

// judgedSubject is where detection says that it has come to a sequence.
const judgedSubject = "judged"

// judged waits until everything up to a sequence of READINGS is judged.
func (a *App) judged(ctx context.Context, seq uint64) error {
	if r := a.runner.Load(); r != nil {
		return r.WaitFor(ctx, seq)
	}
	m, err := a.nc.RequestWithContext(ctx, judgedSubject, strconv.AppendUint(nil, seq, 10))
	if err != nil {
		return fmt.Errorf("ask detection: %w", err)
	}
	if len(m.Data) > 0 {
		return errors.New(string(m.Data))
	}
	return nil
}

func (a *App) serveJudged(ctx context.Context, r *runner.Runner) (*nats.Subscription, error) {
	return a.nc.Subscribe(judgedSubject, func(m *nats.Msg) {
		seq, err := strconv.ParseUint(string(m.Data), 10, 64)
		if err != nil {
			return
		}
		go func() {
			if r.WaitFor(ctx, seq) == nil {
				_ = m.Respond(nil)
			}
		}()
	})
}
