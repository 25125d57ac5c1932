package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// standings keep how a wearer stands to nudges now.
type standings struct{ kv jetstream.KeyValue }

// standing is one wearer's.
type standing struct {
	SnoozedUntil time.Time `json:"snoozed_until,omitzero"`
	LastNudge    time.Time `json:"last_nudge,omitzero"`
	// Done is the episode that the wearer last answered with done.
	Done string `json:"done,omitempty"`
}

func (s standings) get(ctx context.Context, org, wearer schemas.ID) (standing, uint64, error) {
	var v standing
	e, err := s.kv.Get(ctx, org.String()+"."+wearer.String())
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, 0, nil
	}
	if err != nil {
		return v, 0, fmt.Errorf("look up wearer %s: %w", wearer, err)
	}
	if err := json.Unmarshal(e.Value(), &v); err != nil {
		return v, 0, fmt.Errorf("decode standing of wearer %s: %w", wearer, err)
	}
	return v, e.Revision(), nil
}

// change rewrites a wearer's standing by compare-and-set, again when the other
// goroutine or process was faster.
func (s standings) change(ctx context.Context, org, wearer schemas.ID, change func(*standing)) error {
	for {
		v, revision, err := s.get(ctx, org, wearer)
		if err != nil {
			return err
		}
		change(&v)
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode standing: %w", err)
		}
		_, err = s.kv.Update(ctx, org.String()+"."+wearer.String(), b, revision)
		var api *jetstream.APIError
		if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		if err != nil {
			return fmt.Errorf("change standing of wearer %s: %w", wearer, err)
		}
		return nil
	}
}

// nudged notes that a nudge went out.
func (s standings) nudged(ctx context.Context, org, wearer schemas.ID, at time.Time) error {
	return s.change(ctx, org, wearer, func(v *standing) { v.LastNudge = at })
}

// note honours an answer: done ends the episode's ladder, a snooze holds every
// nudge from its receipt on.
func (s standings) note(ctx context.Context, a schemas.Answer, episode string) error {
	return s.change(ctx, a.Org, a.Wearer, func(v *standing) {
		switch a.Reply.Action {
		case schemas.ReplyDone:
			v.Done = episode
		case schemas.ReplySnooze:
			v.SnoozedUntil = a.Received.Add(time.Duration(a.Reply.Minutes) * time.Minute)
		}
	})
}
