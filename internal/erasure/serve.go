package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// limit bounds one erasure: it waits until the log is stored, which may be an hour behind.
const limit = 30 * time.Minute

// Serve takes requests until stop, which ends an erasure that is under way and waits
// for it; it may be asked for again. It does one at a time, another one that comes
// meanwhile is refused: requests wait in the client's queue for no longer than that takes.
func (e *Erasure) Serve(nc *nats.Conn) (stop func(context.Context) error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	busy := make(chan struct{}, 1) // holds one while somebody is erased
	var under sync.WaitGroup
	sub, err := nc.QueueSubscribe(Subject, "erasure", func(m *nats.Msg) {
		select {
		case busy <- struct{}{}:
		default:
			e.answer(m, Answer{Done: true, Error: "Another wearer is being erased right now. Try again in a moment."})
			return
		}
		under.Go(func() {
			last := e.serve(ctx, m)
			<-busy // whoever has the answer may ask again
			e.answer(m, last)
		})
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("serve erasures: %w", err)
	}
	return func(stopping context.Context) error {
		err := sub.Unsubscribe()
		cancel()
		done := make(chan struct{})
		go func() { under.Wait(); close(done) }()
		select {
		case <-done:
			return err
		case <-stopping.Done():
			return errors.Join(err, errors.New("an erasure did not end in time"))
		}
	}, nil
}

// serve does one request, says what it does, and returns the last answer.
func (e *Erasure) serve(ctx context.Context, m *nats.Msg) Answer {
	var req Request
	if err := json.Unmarshal(m.Data, &req); err != nil || req.Org.IsZero() || req.Wearer.IsZero() {
		return Answer{Done: true, Error: "The request names no organisation and wearer."}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	doing := make(chan string)
	finished := make(chan Answer, 1) // the only one
	go func() {
		defer close(doing)
		c, err := e.Erase(ctx, req.Org, req.Wearer, func(s string) { doing <- s })
		finished <- e.outcome(ctx, &c, err)
	}()
	beat := time.NewTicker(Beat)
	defer beat.Stop()
	for what := "closing the door"; ; {
		e.answer(m, Answer{Doing: what})
		select {
		case s, ok := <-doing:
			if !ok {
				return <-finished
			}
			what = s
		case <-beat.C:
		}
	}
}

// outcome is the last answer. What went wrong is logged here, and told in words.
func (e *Erasure) outcome(ctx context.Context, c *Certificate, err error) Answer {
	switch {
	case err == nil:
		return Answer{Done: true, Certificate: c}
	case errors.Is(err, ErrUnknown):
		return Answer{Done: true, Unknown: true, Error: "No such wearer is registered, and nothing of one is stored."}
	case errors.Is(ctx.Err(), context.Canceled):
		return Answer{Done: true, Error: "sitwell is stopping; the erasure is not finished. Ask for it again once it runs."}
	}
	e.Logger.Error("a wearer is not erased", "org", c.Org, "err", err)
	if ctx.Err() != nil {
		return Answer{Done: true, Error: fmt.Sprintf("It was not finished within %s: %v. Ask for it again; see `sitwell doctor`.", limit, err)}
	}
	return Answer{Done: true, Error: fmt.Sprintf("It is not finished: %v. Ask for it again; what is done is done.", err)}
}

func (e *Erasure) answer(m *nats.Msg, a Answer) {
	b, err := json.Marshal(a)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		e.Logger.Warn("answer about an erasure not sent", "err", err)
	}
}
