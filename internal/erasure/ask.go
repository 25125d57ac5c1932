package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/schemas"
)

// Subject is where requests to erase a wearer are taken, as a Request in JSON. The
// answers are Answers: at least one every Beat, and a last one with Done.
const Subject = "erase"

// Beat is how long an asker need wait for the next answer at most; after several
// of them without one, nobody works on the request.
const Beat = time.Second

// silence is how long after the last answer the server counts as gone.
const silence = 15 * Beat

// Request names a wearer.
type Request struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
}

// Answer is one answer.
type Answer struct {
	Doing       string       `json:"doing,omitempty"` // what is under way, for people
	Done        bool         `json:"done"`
	Certificate *Certificate `json:"certificate,omitempty"` // on Done, unless there is an Error
	// Error says in words why the erasure is not finished. It may be asked for again.
	Error string `json:"error,omitempty"`
	// Unknown is set where nothing is known of such a wearer.
	Unknown bool `json:"unknown,omitempty"`
}

// ErrUnknown says that nothing is known of a wearer: not registered, nothing stored.
var ErrUnknown = errors.New("no such wearer is known")

// Ask lets the sitwell whose log this is erase a wearer and returns its certificate.
// After an error a part may be erased; ask again until there is a certificate. The
// error is ErrUnknown where nothing is known of such a wearer.
func Ask(ctx context.Context, nc *nats.Conn, org, wearer schemas.ID) (Certificate, error) {
	request, err := json.Marshal(Request{Org: org, Wearer: wearer})
	if err != nil {
		return Certificate{}, fmt.Errorf("erase %s/%s: %w", org, wearer, err)
	}
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = answers.Unsubscribe() }() // fails only once the connection has gone
		err = nc.PublishRequest(Subject, inbox, request)
	}
	for err == nil {
		var a Answer
		if a, err = next(ctx, answers); err == nil && a.Done {
			return a.outcome()
		}
	}
	return Certificate{}, fmt.Errorf("erase %s/%s: %w", org, wearer, err)
}

func (a *Answer) outcome() (Certificate, error) {
	switch {
	case a.Unknown:
		return Certificate{}, ErrUnknown
	case a.Error != "":
		return Certificate{}, errors.New(a.Error)
	case a.Certificate == nil:
		return Certificate{}, errors.New("the answer holds no certificate; is it of another version?")
	}
	return *a.Certificate, nil
}

func next(ctx context.Context, answers *nats.Subscription) (a Answer, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, silence, errSilent)
	defer cancel()
	m, err := answers.NextMsgWithContext(ctx)
	switch {
	case errors.Is(err, nats.ErrNoResponders), err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503":
		return a, errors.New("nobody erases here: no process of this sitwell fills the store, or it is older")
	case err != nil && errors.Is(context.Cause(ctx), errSilent):
		return a, errSilent
	case err != nil:
		return a, err
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	return a, nil
}

var errSilent = errors.New("the running sitwell stopped answering; ask again until there is a certificate")
