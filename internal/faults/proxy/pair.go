package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pair is a connection to the proxy and the one it made for it.
type pair struct {
	proxy          *Proxy
	number         int
	client, server net.Conn
	lost           atomic.Uint32 // the Directions that are dropped
	half           atomic.Bool   // the server's end is closed, and the client is not told
	once           sync.Once
	ended          chan struct{} // closed when both ends are to go
}

// piece is what was read at once, and when it may be written.
type piece struct {
	data []byte
	due  time.Time
}

func (c *pair) run() {
	var work sync.WaitGroup
	for _, way := range []struct {
		d        Direction
		from, to net.Conn
	}{{Up, c.client, c.server}, {Down, c.server, c.client}} {
		pieces := make(chan piece, 64) // when it is full, the sender waits
		work.Go(func() { c.read(way.from, pieces) })
		work.Go(func() { c.write(way.d, way.to, pieces) })
	}
	work.Wait()
}

func (c *pair) lose(d Direction) { c.lost.Or(uint32(d)) }

func (c *pair) loses(d Direction) bool { return Direction(c.lost.Load())&d != 0 }

// reset ends both connections by RST, so that neither side waits for the other.
func (c *pair) reset() {
	c.once.Do(func() {
		close(c.ended)
		abort(c.client)
		abort(c.server)
	})
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (c *pair) read(from net.Conn, pieces chan<- piece) {
	defer close(pieces)
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			select {
			case pieces <- piece{append([]byte(nil), buf[:n]...), time.Now().Add(c.proxy.delayed())}:
			case <-c.ended:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write forwards until the side that sends has closed, which then ends the other
// side too, once what it had sent has arrived.
func (c *pair) write(d Direction, to net.Conn, pieces <-chan piece) {
	for p := range pieces {
		if c.loses(d) {
			continue
		}
		if !c.wait(p.due) || !c.proxy.passes(d, c.ended) {
			continue
		}
		c.proxy.show(c.number, d, p.data)
		if _, err := to.Write(p.data); err != nil && !c.half.Load() {
			c.reset()
		}
	}
	if d == Up || !c.half.Load() {
		c.reset()
	}
}

func (c *pair) wait(until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ended:
		return false
	}
}

func (p *Proxy) delayed() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// passes waits while a direction hangs.
func (p *Proxy) passes(d Direction, ended <-chan struct{}) bool {
	for {
		p.mu.Lock()
		hung, changed := p.hung&d != 0 && !p.closed, p.changed
		p.mu.Unlock()
		if !hung {
			return true
		}
		select {
		case <-changed:
		case <-ended:
			return false
		}
	}
}

func (p *Proxy) show(conn int, d Direction, b []byte) {
	p.mu.Lock()
	tap := p.tap
	p.mu.Unlock()
	if tap != nil {
		tap(conn, d, b)
	}
}
