package ingest

import (
	"context"
	"sync"
	"time"
)

// A round is a stretch in which the log takes messages. When the log has taken
// nothing for stallAfter, the round ends: the session disconnects, everything
// that was taken and not acknowledged is dropped with the round's queues, and
// the broker delivers it again in the next one. What a round dropped is never
// acknowledged later, because its connection has gone.
type round struct {
	// in holds messages between the MQTT client and the gate, at most inbox.
	// When it is full the client's handler waits, and so in the end does the
	// broker.
	in chan message
	// certain holds messages between the gate and the worker, at most certain.
	// When it is full the gate waits, and in fills.
	certain chan message
	// out holds records that wait for the log's confirmation, at most
	// unconfirmed. When it is full the worker waits.
	out    chan sent
	bytes  window
	ended  chan struct{}
	ending sync.Once // guards the closing of ended
}

func newRound() *round {
	return &round{
		in: make(chan message, inbox), certain: make(chan message, certain), out: make(chan sent, unconfirmed),
		bytes: window{free: inboxBytes, room: make(chan struct{}, 1)}, ended: make(chan struct{}),
	}
}

func (r *round) end() { r.ending.Do(func() { close(r.ended) }) }

func (r *round) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// take hands a message to the worker, waiting for room. It reports whether the
// message was taken; it is not when the round or ctx has ended.
func (r *round) take(ctx context.Context, topic string, payload []byte, received time.Time, done func(refused int)) bool {
	taken := time.Now()
	cost := min(int64(len(payload))+messageCost, inboxBytes)
	if r.over() || !r.bytes.acquire(ctx, r.ended, cost) {
		return false
	}
	m := message{topic: topic, payload: payload, received: received, taken: taken, delivery: &delivery{done: func(refused int) {
		r.bytes.release(cost)
		done(refused)
	}}}
	m.delivery.parts.Store(1) // the worker's own, until all parts are known
	select {
	case r.in <- m:
		return true
	case <-r.ended:
	case <-ctx.Done():
	}
	r.bytes.release(cost)
	return false
}

// window bounds the memory of what is under way. Who finds no room waits; the
// first to find enough goes on, so that a large message may be overtaken, but
// only by another connection's.
type window struct {
	mu   sync.Mutex // guards free
	free int64
	room chan struct{} // says that some was given back; one token is enough, see acquire
}

func (w *window) acquire(ctx context.Context, ended <-chan struct{}, n int64) bool {
	for {
		w.mu.Lock()
		ok := w.free >= n
		if ok {
			w.free -= n
		}
		w.mu.Unlock()
		if ok {
			w.tell() // another may find room, too
			return true
		}
		select {
		case <-w.room:
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (w *window) release(n int64) {
	w.mu.Lock()
	w.free += n
	w.mu.Unlock()
	w.tell()
}

func (w *window) tell() {
	select {
	case w.room <- struct{}{}:
	default:
	}
}

// rounds holds the present round.
type rounds struct {
	mu    sync.Mutex // guards what follows
	now   *round
	begun chan struct{} // closed when the next round begins
}

func newRounds() *rounds { return &rounds{now: newRound(), begun: make(chan struct{})} }

// current is the present round; it may have ended.
func (rs *rounds) current() *round {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.now
}

// begin starts the next round.
func (rs *rounds) begin() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.now = newRound()
	close(rs.begun)
	rs.begun = make(chan struct{})
}

// wait is the present round if it goes on, else the next, once it begins.
func (rs *rounds) wait(ctx context.Context) (*round, error) {
	for {
		rs.mu.Lock()
		r, begun := rs.now, rs.begun
		rs.mu.Unlock()
		if !r.over() {
			return r, nil
		}
		select {
		case <-begun:
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // the caller only wants to know that it is over
		}
	}
}
