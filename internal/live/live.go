// Package live carries what happens now to whoever looks at it: postures,
// findings and nudges of one wearer. Nothing of it is stored, and nothing is
// sent of a wearer whom nobody watches.
//
// A page watches a wearer through Watch, which tells the detectors by a message
// every few seconds. A detector keeps an Audience and shows postures of the
// wearers in it. Findings and nudges are heard as they enter the log. A posture that
// a slow page does not take in time is dropped: the next one makes up for it. A
// finding or a nudge never is: the watching ends, and the page begins anew.
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
	// buffer is how many events wait for a slow page; see hearing for those above it.
	buffer = 64
	// most bounds the wearers that a detector shows at once: 16 dashboards with as
	// many live pages as they serve. Of one more no postures are shown until another
	// has gone; its findings and nudges are heard all the same.
	most = 4096
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

// Watch gives a wearer's events until ctx ends; then the channel is closed. It is
// closed as well when a finding or a nudge would be missed, because the page is slow
// or the connection to the log is lost: the page begins anew by reading the day.
func (w *Watcher) Watch(ctx context.Context, org, wearer schemas.ID) (<-chan Event, error) {
	h := &hearing{
		nc: w.nc, subject: watchSubject(org, wearer),
		postures: make(chan *nats.Msg, buffer), told: make(chan *nats.Msg, buffer), events: make(chan Event, buffer),
		broken: w.nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED),
	}
	for _, c := range []struct {
		subject string
		to      chan *nats.Msg
	}{
		{postureSubject(org, wearer), h.postures},
		{schemas.FindingsSubject(org, wearer), h.told},
		{schemas.NudgesSubject(org, wearer), h.told},
	} {
		sub, err := w.nc.ChanSubscribe(c.subject, c.to)
		if err != nil {
			h.close()
			return nil, fmt.Errorf("watch %s: %w", wearer, err)
		}
		h.subs = append(h.subs, sub)
	}
	go func() {
		defer close(h.events)
		defer h.close()
		h.relay(ctx)
	}()
	return h.events, nil
}

// hearing is what one page hears of one wearer. Each of its queues holds buffer. A
// posture that finds one full is dropped; a finding or a nudge that does ends it.
type hearing struct {
	nc       *nats.Conn
	subject  string // says that somebody watches
	postures chan *nats.Msg
	told     chan *nats.Msg // findings and nudges
	events   chan Event
	broken   chan nats.Status
	subs     []*nats.Subscription
}

func (h *hearing) close() {
	h.nc.RemoveStatusListener(h.broken)
	for _, s := range h.subs {
		_ = s.Unsubscribe() // fails only once the connection has gone
	}
}

// relay passes events on and says again and again that somebody watches.
func (h *hearing) relay(ctx context.Context) {
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	h.watch()
	for {
		select {
		case m := <-h.told:
			if !h.pass(m) || h.missed() {
				return
			}
		case m := <-h.postures:
			h.pass(m)
		case <-again.C:
			if h.missed() {
				return
			}
			h.watch()
		case <-h.broken:
			return
		case <-ctx.Done():
			return
		}
	}
}

// watch is lost while disconnected; the next one is soon.
func (h *hearing) watch() { _ = h.nc.Publish(h.subject, nil) }

// pass hands an event to the page unless that has enough to do.
func (h *hearing) pass(m *nats.Msg) bool {
	select {
	case h.events <- Event{Kind: kinds[m.Subject[:strings.IndexByte(m.Subject, '.')]], Data: m.Data}:
		return true
	default:
		return false
	}
}

// missed reports whether the client has dropped a finding or a nudge, because told was
// full.
func (h *hearing) missed() bool {
	for _, s := range h.subs[1:] {
		if n, err := s.Dropped(); err != nil || n > 0 {
			return true
		}
	}
	return false
}

var kinds = map[string]string{"posture": "posture", "findings": "finding", "nudges": "nudge"}

// Audience knows which wearers are watched now.
type Audience struct {
	nc  *nats.Conn
	sub *nats.Subscription

	mu    sync.Mutex           // guards until
	until map[string]time.Time // most at most
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
		if _, known := a.until[m.Subject]; known || len(a.until) < most {
			a.until[m.Subject] = now.Add(watchFor)
		}
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
