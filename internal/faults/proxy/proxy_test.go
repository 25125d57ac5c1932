package proxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sitwell/internal/faults/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that says back what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

type client struct {
	net.Conn
	t *testing.T
}

func connect(t *testing.T, p *proxy.Proxy) client {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{c, t}
}

func (c client) say(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

const patience = 30 * time.Second

func (c client) hears(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		c.t.Fatalf("heard %q, want %q: %v", b, want, err)
	}
}

// hearsNothing waits a little: what should not come cannot be waited for.
func (c client) hearsNothing() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("heard %d bytes: %v", n, err)
	}
}

func (c client) isClosed() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("not closed: %v", err)
	}
}

func TestDelay(t *testing.T) {
	p := proxy.Start(t, echo(t))
	p.Delay(100 * time.Millisecond)
	c := connect(t, p)
	from := time.Now()
	c.say("hello")
	c.hears("hello")
	if took := time.Since(from); took < 200*time.Millisecond {
		t.Errorf("there and back in %s", took)
	}
	// It delays and does not narrow: the next ones follow each other.
	from = time.Now()
	for range 20 {
		c.say("x")
	}
	c.hears("xxxxxxxxxxxxxxxxxxxx")
	if took := time.Since(from); took > 2*time.Second {
		t.Errorf("20 in a row took %s", took)
	}
}

func TestHang(t *testing.T) {
	for name, d := range map[string]proxy.Direction{"both": proxy.Both, "up": proxy.Up, "down": proxy.Down} {
		t.Run(name, func(t *testing.T) {
			p := proxy.Start(t, echo(t))
			c := connect(t, p)
			c.say("a")
			c.hears("a")
			p.Hang(d)
			c.say("b")
			c.hearsNothing()
			p.Hang(0)
			c.hears("b")
		})
	}
}

func TestLose(t *testing.T) {
	p := proxy.Start(t, echo(t))
	var up, down atomic.Int64
	p.Tap(func(_ int, d proxy.Direction, b []byte) {
		if d == proxy.Up {
			up.Add(int64(len(b)))
		} else {
			down.Add(int64(len(b)))
		}
	})
	c := connect(t, p)
	c.say("a")
	c.hears("a")
	p.Lose(proxy.Down)
	c.say("b")
	c.hearsNothing()
	fresh := connect(t, p)
	fresh.say("c")
	fresh.hears("c")
	if up.Load() != 3 || down.Load() != 2 {
		t.Errorf("%d bytes went up and %d down, want 3 and 2", up.Load(), down.Load())
	}
}

func TestHalfOpen(t *testing.T) {
	p := proxy.Start(t, echo(t))
	c := connect(t, p)
	c.say("a")
	c.hears("a")
	p.HalfOpen()
	c.say("b")
	c.hearsNothing()
	c.Close()
	next := connect(t, p)
	next.say("c")
	next.hears("c")
}

func TestCutAndRefuse(t *testing.T) {
	p := proxy.Start(t, echo(t))
	c := connect(t, p)
	c.say("a")
	c.hears("a")
	p.Refuse(true)
	p.Cut()
	c.isClosed()
	if refused, err := net.Dial("tcp", p.Addr()); err == nil {
		client{refused, t}.isClosed()
	}
	p.Refuse(false)
	c = connect(t, p)
	c.say("b")
	c.hears("b")
	if p.Opened() != 2 {
		t.Errorf("%d connections were made, want 2", p.Opened())
	}
}

func TestAClosedSideEndsTheOther(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := proxy.Start(t, l.Addr().String())
	c := connect(t, p)
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Write([]byte("bye"))
	s.Close()
	c.hears("bye")
	c.isClosed()
}
