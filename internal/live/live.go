// Package live carries what happens now to whoever looks at it: postures,
// findings and nudges of one wearer. Nothing of it is stored, and nothing is
// sent of a wearer whom nobody watches.
//
// A page watches a wearer through Watch, which tells the detectors by a message
// every few seconds. A detector keeps an Audience and shows postures of the
// wearers in it. Findings and nudges are heard as they enter the log. What a
// slow page does not take in time is dropped: the next posture makes up for it.
//
// Everything here is safe for concurrent use.
package live

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/schemas"
)

// The rhythm of watching.
const (
	watchEvery = 5 * time.Second
	watchFor   = 15 * time.Second // a watcher that was not heard of for so long has gone
	// buffer is how many events wait for a slow page; above it they are dropped.
	buffer = 64
)

// Event is something that happened to a wearer.
type Event struct {
	Kind string // posture, finding or nudge
	Data []byte // JSON: detect.Posture, schemas.Finding or schemas.Decision
}

func watchSubject(org, wearer schemas.ID) string {
	return "watch." + org.String() + "." + wearer.String()
}

func postureSubject(org, wearer schemas.ID) string {
	return "posture." + org.String() + "." + wearer.String()
}

// Watcher watches wearers for pages.
type Watcher struct{ nc *nats.Conn }

// NewWatcher makes a Watcher on a connection to the log.
func NewWatcher(nc *nats.Conn) *Watcher { return &Watcher{nc} }

// Watch gives a wearer's events until ctx ends; then the channel is closed.
func (w *Watcher) Watch(ctx context.Context, org, wearer schemas.ID) (<-chan Event, error) {
	msgs := make(chan *nats.Msg, buffer)
	subjects := []string{
		postureSubject(org, wearer), schemas.FindingsSubject(org, wearer), schemas.NudgesSubject(org, wearer),
	}
	var subs []*nats.Subscription
	stop := func() {
		for _, s := range subs {
			_ = s.Unsubscribe() // fails only once the connection has gone
		}
	}
	for _, subject := range subjects {
		sub, err := w.nc.ChanSubscribe(subject, msgs)
		if err != nil {
			stop()
			return nil, fmt.Errorf("watch %s: %w", wearer, err)
		}
		subs = append(subs, sub)
	}
	events := make(chan Event, buffer)
	go func() {
		defer close(events)
		defer stop()
		w.relay(ctx, watchSubject(org, wearer), msgs, events)
	}()
	return events, nil
}

// relay passes events on and says again and again that somebody watches.
func (w *Watcher) relay(ctx context.Context, subject string, msgs <-chan *nats.Msg, events chan<- Event) {
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	for {
		_ = w.nc.Publish(subject, nil) // lost while disconnected; the next one is soon
		for waiting := true; waiting; {
			select {
			case m := <-msgs:
				select {
				case events <- Event{Kind: kinds[m.Subject[:strings.IndexByte(m.Subject, '.')]], Data: m.Data}:
				default: // the page is slow
				}
			case <-again.C:
				waiting = false
			case <-ctx.Done():
				return
			}
		}
	}
}

var kinds = map[string]string{"posture": "posture", "findings": "finding", "nudges": "nudge"}

// Audience knows which wearers are watched now.
type Audience struct {
	nc  *nats.Conn
	sub *nats.Subscription

	mu    sync.Mutex // guards until
	until map[string]time.Time
}

// NewAudience listens for watchers. Close ends it.
func NewAudience(nc *nats.Conn) (*Audience, error) {
	a := &Audience{nc: nc, until: map[string]time.Time{}}
	sub, err := nc.Subscribe("watch.*.*", func(m *nats.Msg) {
		a.mu.Lock()
		defer a.mu.Unlock()
		now := time.Now()
		for subject, end := range a.until {
			if end.Before(now) {
				delete(a.until, subject)
			}
		}
		a.until[m.Subject] = now.Add(watchFor)
	})
	if err != nil {
		return nil, fmt.Errorf("listen for watchers: %w", err)
	}
	a.sub = sub
	return a, nil
}

// Watched reports whether somebody looks at a wearer.
func (a *Audience) Watched(org, wearer schemas.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.until) == 0 {
		return false
	}
	return time.Now().Before(a.until[watchSubject(org, wearer)])
}

// Show sends a posture, any value that is JSON, to whoever watches.
func (a *Audience) Show(org, wearer schemas.ID, posture any) error {
	b, err := json.Marshal(posture)
	if err != nil {
		return fmt.Errorf("encode posture: %w", err)
	}
	if err := a.nc.Publish(postureSubject(org, wearer), b); err != nil {
		return fmt.Errorf("show posture: %w", err)
	}
	return nil
}

// Close stops listening.
func (a *Audience) Close() error {
	if err := a.sub.Unsubscribe(); err != nil {
		return fmt.Errorf("stop listening for watchers: %w", err)
	}
	return nil
}
