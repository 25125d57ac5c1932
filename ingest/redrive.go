package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// RedriveSubject is where ingest takes requests to drive a quarantined message,
// named by its sequence in decimal, through itself again. It answers with
// RedriveResult as JSON.
const RedriveSubject = "redrive"

// RedriveResult is the answer to a request.
type RedriveResult struct {
	// Refused is how many of the message's readings were refused again; they
	// stand in quarantine under a new number.
	Refused int `json:"refused"`
	// Error says in words what went wrong; then nothing was changed.
	Error string `json:"error,omitempty"`
}

var errNotTaken = errors.New("ingest is stopping, or the log takes no messages; the message stays in quarantine")

// Quarantine is what Redrive needs of the log.
type Quarantine interface {
	Get(ctx context.Context, stream string, seq uint64) (bus.Msg, error)
	Delete(ctx context.Context, stream string, seq uint64) error
}

// ServeRedrive answers requests on RedriveSubject until the subscription is
// drained. One of several ingesters takes a request, one at a time. Others wait in
// the client's queue, 64 MiB at most; above that they are dropped, the asker gets no
// answer, and nothing has changed.
func (i *Ingest) ServeRedrive(ctx context.Context, nc *nats.Conn, q Quarantine) (*nats.Subscription, error) {
	sub, err := nc.QueueSubscribe(RedriveSubject, "ingest", func(m *nats.Msg) {
		result := RedriveResult{}
		refused, err := i.redrive(ctx, q, string(m.Data))
		result.Refused = refused
		if err != nil {
			result.Error = err.Error()
		}
		answer, err := json.Marshal(result)
		if err == nil {
			err = m.Respond(answer)
		}
		if err != nil {
			i.logger.Warn("redrive not answered", "err", err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("serve redrive: %w", err)
	}
	return sub, nil
}

// redrive handles a quarantined message as if it had just arrived at its first
// receipt, and deletes it once all of it is in the log again. The receipt
// stays, because a reading's time is judged by it.
func (i *Ingest) redrive(ctx context.Context, q Quarantine, request string) (refused int, err error) {
	seq, err := strconv.ParseUint(request, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of a quarantined message", request)
	}
	msg, err := q.Get(ctx, schemas.StreamQuarantine, seq)
	if err != nil {
		return 0, fmt.Errorf("quarantined message %d: %w", seq, err)
	}
	entry, err := schemas.DecodeQuarantined(msg.Data)
	if err != nil {
		return 0, fmt.Errorf("quarantined message %d: %w", seq, err)
	}
	if entry.Truncated {
		return 0, fmt.Errorf("quarantined message %d was too large to be kept whole", seq)
	}
	done, r := make(chan int, 1), i.rounds.current()
	if !r.take(ctx, entry.Topic, entry.Payload, entry.Received, func(refused int) { done <- refused }) {
		return 0, errNotTaken
	}
	select {
	case refused = <-done:
	case <-r.ended:
		return 0, errNotTaken
	case <-ctx.Done():
		return 0, errNotTaken
	}
	if err := q.Delete(ctx, schemas.StreamQuarantine, seq); err != nil {
		return refused, fmt.Errorf("stored, but still in quarantine: %w", err)
	}
	return refused, nil
}
