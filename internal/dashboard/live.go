package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Bounds of the live streams.
const (
	// maxLives bounds the streams open at once; more are refused with 503.
	maxLives = 256

	// postureEvery is the least time between two postures sent. Between them the
	// latest replaces the one that waits: whoever looks wants to see now.
	postureEvery = 250 * time.Millisecond

	// maxWaiting bounds the findings and nudges that wait for a slow client.
	// Above it the stream is ended, never thinned: the client connects again and
	// reads the day anew, and so misses none.
	maxWaiting = 64

	// heartbeat is how often a silent stream says that it is there, so that
	// neither end nor anything between takes it for dead.
	heartbeat = 15 * time.Second
)

// live streams a wearer's postures, findings and nudges as server-sent events. The
// data of each is JSON: detect.Posture, schemas.Finding, schemas.Decision.
func (d *Dashboard) live(w http.ResponseWriter, r *call) error {
	if !d.enterLive() {
		return refuse(http.StatusServiceUnavailable, "busy", "Too many live views are open. Close one, or try again in a moment.")
	}
	defer d.leaveLive()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()
	events, err := d.Live.Watch(ctx, r.person.Org(), r.person.ID())
	if err != nil {
		return fmt.Errorf("watch %s/%s: %w", r.person.Org(), r.person.ID(), err)
	}
	if seen, ok := w.(*statusWriter); ok {
		seen.endless = true
	}
	s := &stream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not gather events
	if err := s.write("retry: 2000\n: connected\n\n"); err != nil {
		return nil // the client went before it began
	}
	thinned := make(chan LiveEvent) // what waits is in thin
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel() // so that the watching ends with it, though a write may take its time
		d.thin(ctx, events, thinned)
	}()
	s.run(ctx, thinned)
	cancel()
	<-done
	return nil
}

func (d *Dashboard) enterLive() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lives >= maxLives {
		return false
	}
	d.lives++
	d.metrics.lives.Inc()
	return true
}

func (d *Dashboard) leaveLive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lives--
	d.metrics.lives.Dec()
}

// thin passes events on to a client that may be slow. It always receives, so that
// nobody waits for the client; see the bounds above for what is left out. It
// closes out at the end.
func (d *Dashboard) thin(ctx context.Context, in <-chan LiveEvent, out chan<- LiveEvent) {
	defer close(out)
	var waiting []LiveEvent // findings and nudges
	var posture LiveEvent   // the latest, if it has data
	pace := time.NewTicker(postureEvery)
	defer pace.Stop()
	due := true // a posture may be sent
	for {
		var next LiveEvent
		var send chan<- LiveEvent // nil, which never sends, while there is nothing
		switch {
		case len(waiting) > 0:
			next, send = waiting[0], out
		case due && posture.Data != nil:
			next, send = posture, out
		}
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			due = true
		case send <- next:
			if len(waiting) > 0 {
				waiting = waiting[1:]
			} else {
				posture, due = LiveEvent{}, false
			}
		case ev, ok := <-in:
			switch {
			case !ok || len(waiting) >= maxWaiting:
				return
			case ev.Kind != KindPosture:
				waiting = append(waiting, ev)
			default:
				if posture.Data != nil {
					d.metrics.dropped.Inc()
				}
				posture = ev
			}
		}
	}
}

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// run writes events until there are no more, ctx ends or the client goes.
func (s *stream) run(ctx context.Context, events <-chan LiveEvent) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = s.write(": still here\n\n")
		case ev, ok := <-events:
			if !ok {
				return
			}
			err = s.write("event: " + ev.Kind + "\ndata: " + string(ev.Data) + "\n\n")
		}
		if err != nil {
			return
		}
	}
}

func (s *stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it is not supported, there is none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
