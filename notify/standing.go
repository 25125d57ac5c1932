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
	// Done is the episode of each rule that the wearer last answered with done.
	Done map[schemas.Rule]string `json:"done,omitempty"`
}

func standingKey(org, wearer schemas.ID) string { return org.String() + "." + wearer.String() }

func (s standings) get(ctx context.Context, org, wearer schemas.ID) (standing, error) {
	v, _, err := s.read(ctx, standingKey(org, wearer))
	return v, err
}

// read is a standing and its revision, 0 where there is none. One that cannot
// be read counts as none and is written anew by the next change.
func (s standings) read(ctx context.Context, key string) (v standing, revision uint64, err error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, 0, nil
	}
	if err != nil {
		return v, 0, fmt.Errorf("look up a wearer's standing: %w", err)
	}
	if err := json.Unmarshal(e.Value(), &v); err != nil {
		return standing{}, e.Revision(), nil //nolint:nilerr // it must not stop the nudges of others
	}
	return v, e.Revision(), nil
}

// change rewrites a wearer's standing by compare-and-set, again when the other
// goroutine or process was faster.
func (s standings) change(ctx context.Context, org, wearer schemas.ID, change func(*standing)) error {
	key := standingKey(org, wearer)
	for {
		v, revision, err := s.read(ctx, key)
		if err != nil {
			return err
		}
		change(&v)
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode standing: %w", err)
		}
		if revision == 0 {
			_, err = s.kv.Create(ctx, key, b)
		} else {
			_, err = s.kv.Update(ctx, key, b, revision)
		}
		if errors.Is(err, jetstream.ErrKeyExists) { // also says that the revision is another by now
			continue
		}
		if err != nil {
			return fmt.Errorf("change a wearer's standing: %w", err)
		}
		return nil
	}
}

// nudged notes that a nudge went out, or may have.
func (s standings) nudged(ctx context.Context, org, wearer schemas.ID, at time.Time) error {
	return s.change(ctx, org, wearer, func(v *standing) {
		if at.After(v.LastNudge) {
			v.LastNudge = at
		}
	})
}

// note honours an answer: done ends the ladder of the nudge's episode, a snooze
// holds every nudge from its receipt on.
func (s standings) note(ctx context.Context, a schemas.Answer, about entry) error {
	return s.change(ctx, a.Org, a.Wearer, func(v *standing) {
		switch a.Reply.Action {
		case schemas.ReplyDone:
			if about.Episode == "" {
				return // no nudge in particular
			}
			if v.Done == nil {
				v.Done = map[schemas.Rule]string{}
			}
			v.Done[about.Rule] = about.Episode
		case schemas.ReplySnooze:
			v.SnoozedUntil = a.Received.Add(snoozeFor(a))
		}
	})
}

func snoozeFor(a schemas.Answer) time.Duration { return time.Duration(a.Reply.Minutes) * time.Minute }
