package notify

import (
	"context"
	"crypto/rand"
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
	// Claim is random, so that whoever made the entry knows it for their own.
	Claim   string    `json:"claim"`
	Entered time.Time `json:"entered"` // when it was decided to send it
	// Sent is when the broker had taken it; zero while that is not known.
	Sent time.Time `json:"sent,omitzero"`
	// Unknown says that nobody will ever know whether it was sent, and that it was
	// counted.
	Unknown bool `json:"unknown,omitempty"`

	revision uint64 // of the entry as it was read or made
}

// settled reports whether it is known what became of the nudge. If not, somebody
// is sending it right now, or stopped while they were.
func (e *entry) settled() bool { return !e.Sent.IsZero() || e.Unknown }

func entryOf(f schemas.Finding, now time.Time) entry {
	return entry{
		Org: f.Org, Wearer: f.Wearer, Episode: f.Episode, Rule: f.Rule, Level: f.Level,
		Claim: rand.Text(), Entered: now.UTC(),
	}
}

// creations is how often create asks a log that does not answer.
const creations = 3

// create enters a nudge. The entry that is there afterwards is e, or, where first
// is false, another's.
func (l ledger) create(ctx context.Context, id string, e entry) (there entry, first bool, err error) {
	b, err := json.Marshal(e)
	if err != nil {
		return e, false, fmt.Errorf("encode ledger entry: %w", err)
	}
	for range creations {
		if e.revision, err = l.kv.Create(ctx, id, b); err == nil {
			return e, true, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			continue
		}
		var found bool
		if there, found, err = l.get(ctx, id); err != nil {
			return there, false, err
		}
		if found { // it may be our own, whose acknowledgement was lost
			return there, there.Claim == e.Claim, nil
		}
		err = errWithdrawn
	}
	return e, false, fmt.Errorf("enter nudge %s: %w", id, err)
}

var errWithdrawn = errors.New("another notifier entered it and took it back meanwhile")

// settle says that a nudge was sent.
func (l ledger) settle(ctx context.Context, id string, e entry) error {
	b, err := json.Marshal(e)
	if err == nil {
		_, err = l.kv.Put(ctx, id, b)
	}
	if err != nil {
		return fmt.Errorf("settle nudge %s: %w", id, err)
	}
	return nil
}

// doubt says of an entry, as it was read, that nobody will ever know whether the
// nudge was sent. It fails where somebody has settled it meanwhile.
func (l ledger) doubt(ctx context.Context, id string, e entry) error {
	e.Unknown = true
	b, err := json.Marshal(e)
	if err == nil {
		_, err = l.kv.Update(ctx, id, b, e.revision)
	}
	if err != nil {
		return fmt.Errorf("note that nudge %s is ambiguous: %w", id, err)
	}
	return nil
}

// withdraw takes back an entry, as it was made or read, of a nudge that was surely
// not sent.
func (l ledger) withdraw(ctx context.Context, id string, e entry) error {
	if err := l.kv.Delete(ctx, id, jetstream.LastRevision(e.revision)); err != nil {
		return fmt.Errorf("withdraw nudge %s: %w", id, err)
	}
	return nil
}

// get is a nudge's entry, and whether there is one. An entry that cannot be
// read is one of which nothing else is known.
func (l ledger) get(ctx context.Context, id string) (e entry, ok bool, err error) {
	if _, err := schemas.ParseID(id); err != nil {
		return e, false, nil //nolint:nilerr // nothing else is ever a key: there is no such nudge
	}
	kve, err := l.kv.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("look up nudge %s: %w", id, err)
	}
	if err := json.Unmarshal(kve.Value(), &e); err != nil {
		return entry{Entered: kve.Created(), revision: kve.Revision()}, true, nil //nolint:nilerr // sending twice would be worse
	}
	e.revision = kve.Revision()
	return e, true, nil
}
