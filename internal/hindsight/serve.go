package hindsight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/schemas"
)

// RecomputeSubject is where requests to recompute a day are taken, as a
// RecomputeRequest in JSON. The answers are RecomputeAnswers: progress at least
// every Beat, and a last one with Done.
const RecomputeSubject = "recompute"

// Beat is how long an asker need wait for the next answer at most; after several
// of them without one, nobody works on the request.
const Beat = time.Second

// RecomputeRequest names a day of a wearer.
type RecomputeRequest struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
	Day    string     `json:"day"` // YYYY-MM-DD in the wearer's zone
}

// RecomputeAnswer is one answer.
type RecomputeAnswer struct {
	Part   float64 `json:"part"` // of the work that is done, 0 to 1
	Done   bool    `json:"done"`
	Report *Report `json:"report,omitempty"` // on Done, unless there is an Error
	// Error says in words why the day stays as it was.
	Error string `json:"error,omitempty"`
	// Refused is set where the request cannot be done as it is.
	Refused bool `json:"refused,omitempty"`
}

// Serve takes requests until stop, which ends a recomputation that is under way
// without a change and waits for it. It does one at a time; another that comes
// meanwhile is refused, and may be made again.
func (h *Hindsight) Serve(nc *nats.Conn) (stop func(context.Context) error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	// Holds one while a day is recomputed. Requests wait in the client's queue for no
	// longer than it takes to refuse them.
	busy := make(chan struct{}, 1)
	var under sync.WaitGroup
	sub, err := nc.QueueSubscribe(RecomputeSubject, "hindsight", func(m *nats.Msg) {
		select {
		case busy <- struct{}{}:
		default:
			h.answer(m, RecomputeAnswer{Done: true, Error: "Another day is being recomputed right now. Try again in a moment."})
			return
		}
		under.Go(func() {
			last := h.serve(ctx, m)
			<-busy // whoever has the answer may ask again
			h.answer(m, last)
		})
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("serve recomputing: %w", err)
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
			return errors.Join(err, errors.New("a recomputation did not end in time"))
		}
	}, nil
}

// serve does one request, tells how far it is, and returns the last answer.
func (h *Hindsight) serve(ctx context.Context, m *nats.Msg) RecomputeAnswer {
	var req RecomputeRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return RecomputeAnswer{Done: true, Refused: true, Error: "The request cannot be read: " + err.Error()}
	}
	day, err := time.Parse(time.DateOnly, req.Day)
	if err != nil {
		return RecomputeAnswer{Done: true, Refused: true, Error: fmt.Sprintf("%q is no day such as 2026-11-20.", clip(req.Day))}
	}
	parts := make(chan float64, 1)            // the latest; see latest
	finished := make(chan RecomputeAnswer, 1) // the only one
	go func() {
		report, err := h.Recompute(ctx, req.Org, req.Wearer, day, latest(parts))
		finished <- h.outcome(ctx, req, report, err)
	}()
	return h.follow(m, parts, finished)
}

// latest keeps the newest progress in a channel of one; older ones are dropped.
func latest(parts chan float64) Progress {
	return func(done, total time.Duration) {
		part := 0.0
		if total > 0 {
			part = float64(done) / float64(total)
		}
		select {
		case <-parts:
		default:
		}
		parts <- part
	}
}

// follow tells how far the work is, now and then, until it ends.
func (h *Hindsight) follow(m *nats.Msg, parts <-chan float64, finished <-chan RecomputeAnswer) RecomputeAnswer {
	const often = 100 * time.Millisecond
	beat := time.NewTicker(often)
	defer beat.Stop()
	h.answer(m, RecomputeAnswer{})
	part, told := 0.0, time.Now()
	for {
		select {
		case a := <-finished:
			return a
		case <-beat.C:
		}
		news := false
		select {
		case part = <-parts:
			news = true
		default:
		}
		if news || time.Since(told) >= Beat-often {
			told = time.Now()
			h.answer(m, RecomputeAnswer{Part: part})
		}
	}
}

// outcome is the last answer. What is no refusal is logged here, and told in
// words that do not show the inside.
func (h *Hindsight) outcome(ctx context.Context, req RecomputeRequest, report Report, err error) RecomputeAnswer {
	var refused *RefusedError
	switch {
	case err == nil:
		return RecomputeAnswer{Part: 1, Done: true, Report: &report}
	case errors.As(err, &refused):
		return RecomputeAnswer{Done: true, Refused: true, Error: refused.Reason}
	case ctx.Err() != nil:
		return RecomputeAnswer{Done: true, Error: "sitwell is stopping; the day stays as it was. Try again once it runs."}
	}
	h.Logger.Error("a day was not recomputed", "org", req.Org, "day", req.Day, "err", err)
	return RecomputeAnswer{Done: true, Error: "Something went wrong; the day stays as it was. The server's log has the reason."}
}

func (h *Hindsight) answer(m *nats.Msg, a RecomputeAnswer) {
	b, err := json.Marshal(a)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		h.Logger.Warn("answer about a recomputation not sent", "err", err)
	}
}
