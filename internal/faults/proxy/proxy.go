// Package proxy is a TCP proxy that spoils connections on purpose: it slows
// them, holds them, loses one direction, leaves them half open or cuts them.
// Tests put it between two parts of sitwell.
//
//	p := proxy.Start(t, "127.0.0.1:4222")
//	connect(p.Addr())
//	p.Hang(proxy.Both)
//
// A Proxy is safe for concurrent use. Each direction of a connection has two
// goroutines and a queue of 64 pieces of at most 16 KiB: when the far side does
// not read, or is slow, the near side has to wait, as on a real link.
package proxy

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is the way bytes go.
type Direction uint32

// The directions, as seen by whoever connects to the proxy.
const (
	Up Direction = 1 << iota // to the target
	Down
	Both = Up | Down
)

// Proxy forwards connections to one target.
type Proxy struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	closed  bool
	refuse  bool
	delay   time.Duration
	hung    Direction
	changed chan struct{} // closed and replaced at each change of the above
	pairs   map[*pair]bool
	tap     func(conn int, d Direction, b []byte)
	opened  int
}

// Start starts a proxy on a free port, which ends with the test.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start proxy: %v", err)
	}
	p := &Proxy{listener: l, target: target, changed: make(chan struct{}), pairs: map[*pair]bool{}}
	p.work.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is where to connect to, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Delay makes every byte arrive later by d, in each direction.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Hang holds what goes in a direction, for present and future connections; they
// stay open, and nothing is lost. Hang(0) lets everything pass again.
func (p *Proxy) Hang(d Direction) { p.set(func() { p.hung = d }) }

// Refuse closes new connections at once, as if nobody listened.
func (p *Proxy) Refuse(refuse bool) { p.set(func() { p.refuse = refuse }) }

// Tap shows each piece as it is forwarded, with the number of its connection, the
// first being 1. It must not block or keep the bytes.
func (p *Proxy) Tap(f func(conn int, d Direction, b []byte)) { p.set(func() { p.tap = f }) }

// Lose drops what goes in a direction of the present connections, until they
// are closed. The other direction goes on.
func (p *Proxy) Lose(d Direction) { p.each(func(c *pair) { c.lose(d) }) }

// HalfOpen closes the target's end of the present connections and leaves the
// other end as it is: whoever connected hears nothing any more and is not told.
func (p *Proxy) HalfOpen() {
	p.each(func(c *pair) {
		c.half.Store(true)
		c.lose(Both)
		_ = c.server.Close()
	})
}

// Cut breaks the present connections, without a last word.
func (p *Proxy) Cut() { p.each((*pair).reset) }

// Open is how many connections stand.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// Opened is how many connections there have been.
func (p *Proxy) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) each(do func(*pair)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		do(c)
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.closed = true })
	p.Cut()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	const dialWait = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	defer cancel()
	var server net.Conn
	if !refuse {
		server, _ = new(net.Dialer).DialContext(ctx, "tcp", p.target)
	}
	if server == nil {
		abort(client)
		return
	}
	c := &pair{proxy: p, client: client, server: server, ended: make(chan struct{})}
	if !p.add(c) {
		c.reset()
		return
	}
	c.run()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

func (p *Proxy) add(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.pairs[c] = true
	p.opened++
	c.number = p.opened
	return true
}
