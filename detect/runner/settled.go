package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"sitwell/schemas"
)

// settledSubject is where detectors are asked which partitions they have judged up
// to a sequence. Each answers for those that it owns.
const settledSubject = "detect.settled"

type question struct {
	Seq uint64 `json:"seq"`
}

type answer struct {
	Partitions []int `json:"partitions"`
}

const (
	// askEvery is how often detectors are asked until all has been judged.
	askEvery = 100 * time.Millisecond
	// lookWait bounds how long a detector looks for what it has not read.
	lookWait = 2 * time.Second
	// looks is how many partitions it looks at at a time, so that a log which is
	// slow to answer is waited for once and not for each.
	looks = 64
	// questions is how many questions may wait for an answer; above that they are
	// dropped, and asked again.
	questions, questionBytes = 64, 64 << 10
)

// Settled returns once everything in READINGS up to seq is judged, whoever does
// it, and what was found is in the log. It asks all detectors by core NATS, again
// and again until ctx ends.
func Settled(ctx context.Context, nc *nats.Conn, partitions int, seq uint64) error {
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("ask detectors how far they are: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only once the connection has gone
	ask, err := json.Marshal(question{seq})
	if err != nil {
		return fmt.Errorf("ask detectors how far they are: %w", err)
	}
	waiting := map[int]bool{}
	for n := range partitions {
		waiting[n] = true
	}
	for len(waiting) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("wait until reading record %d is judged, %d partitions are behind or nobody's: %w", seq, len(waiting), ctx.Err())
		}
		if nc.IsClosed() {
			return fmt.Errorf("ask detectors how far they are: %w", nats.ErrConnectionClosed)
		}
		// A question that gets lost while there is no connection is asked again.
		_ = nc.PublishRequest(settledSubject, inbox, ask)
		hear(ctx, sub, waiting)
	}
	return nil
}

// hear takes answers for a while.
func hear(ctx context.Context, sub *nats.Subscription, waiting map[int]bool) {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	for len(waiting) > 0 {
		m, err := sub.NextMsgWithContext(ctx)
		if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
			<-ctx.Done()
		}
		if ctx.Err() != nil {
			return
		}
		var a answer
		if err != nil || json.Unmarshal(m.Data, &a) != nil {
			continue // the server says that nobody listens now
		}
		for _, n := range a.Partitions {
			delete(waiting, n)
		}
	}
}

// serveSettled answers how far this runner is until stop is called.
func (r *Runner) serveSettled(ctx context.Context) (stop func(), err error) {
	sub, err := r.o.Log.Conn().Subscribe(settledSubject, func(m *nats.Msg) {
		var q question
		if json.Unmarshal(m.Data, &q) != nil {
			return
		}
		b, err := json.Marshal(answer{r.settled(ctx, q.Seq)})
		if err == nil {
			_ = m.Respond(b) // lost while disconnected: it is asked again
		}
	})
	if err != nil {
		return nil, fmt.Errorf("answer how far this is: %w", err)
	}
	if err := sub.SetPendingLimits(questions, questionBytes); err != nil {
		return nil, fmt.Errorf("answer how far this is: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only once the connection has gone
}

// settled is the own partitions of which nothing up to seq is left to judge. Of a
// subject that has been silent no message says how far the log was read, so the log
// is asked whether there is any.
func (r *Runner) settled(ctx context.Context, seq uint64) []int {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	var mu sync.Mutex // guards all
	all := []int{}
	var group errgroup.Group
	group.SetLimit(looks) // above it Go waits
	for n, done := range r.progress.positions() {
		group.Go(func() error {
			if done < seq {
				m, ok, err := r.o.Log.NextOn(ctx, schemas.StreamReadings, schemas.ReadingsSubject(n), done+1)
				if err != nil || ok && m.Seq <= seq {
					return nil // it is not among those that are judged; it is asked again
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, n)
			return nil
		})
	}
	_ = group.Wait() // none fails
	slices.Sort(all)
	return all
}
