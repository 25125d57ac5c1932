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

// ledger has one entry for each nudge that was or may have been sent. It is
// what makes a nudge come at most once, whatever crashes and whoever else runs.
type ledger struct{ kv jetstream.KeyValue }

// entry is a nudge in the ledger.
type entry struct {
	Org     schemas.ID   `json:"org"`
	Wearer  schemas.ID   `json:"wearer"`
	Episode string       `json:"episode"`
	Rule    schemas.Rule `json:"rule"`
	Level   int          `json:"level"`
	// Sent is when the broker had taken it; zero while that is not known.
	Sent time.Time `json:"sent,omitzero"`
}

func entryOf(f schemas.Finding) entry {
	return entry{Org: f.Org, Wearer: f.Wearer, Episode: f.Episode, Rule: f.Rule, Level: f.Level}
}

// create enters a nudge; first is false when it is there already.
func (l ledger) create(ctx context.Context, id string, f schemas.Finding) (e entry, first bool, err error) {
	b, err := json.Marshal(entryOf(f))
	if err != nil {
		return e, false, fmt.Errorf("encode ledger entry: %w", err)
	}
	_, err = l.kv.Create(ctx, id, b)
	if errors.Is(err, jetstream.ErrKeyExists) {
		e, _, err = l.get(ctx, id)
		return e, false, err
	}
	if err != nil {
		return e, false, fmt.Errorf("enter nudge %s: %w", id, err)
	}
	return e, true, nil
}

// settle says that a nudge was sent.
func (l ledger) settle(ctx context.Context, id string, f schemas.Finding, at time.Time) error {
	e := entryOf(f)
	e.Sent = at
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode ledger entry: %w", err)
	}
	if _, err := l.kv.Put(ctx, id, b); err != nil {
		return fmt.Errorf("settle nudge %s: %w", id, err)
	}
	return nil
}

// get is a nudge's entry, and whether there is one.
func (l ledger) get(ctx context.Context, id string) (e entry, ok bool, err error) {
	kve, err := l.kv.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrInvalidKey) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("look up nudge %s: %w", id, err)
	}
	if err := json.Unmarshal(kve.Value(), &e); err != nil {
		return e, false, fmt.Errorf("decode ledger entry %s: %w", id, err)
	}
	return e, true, nil
}
