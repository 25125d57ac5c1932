package ops_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sitwell/internal/ops"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogger(t *testing.T) {
	for _, c := range []struct{ level, format, says string }{
		{"info", "text", "msg=ready n=1"},
		{"debug", "json", `"msg":"ready","n":1`},
		{"error", "text", ""},
	} {
		var buf bytes.Buffer
		log, err := ops.Logger(&buf, c.level, c.format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("ready", "n", 1)
		if got := buf.String(); !strings.Contains(got, c.says) || c.says == "" && got != "" {
			t.Errorf("%s %s: %q, want %q", c.level, c.format, got, c.says)
		}
	}
	for _, c := range []struct{ level, format, says string }{
		{"loud", "text", `"loud" is not debug, info, warn or error`},
		{"", "text", `"" is not`},
		{"info", "xml", `"xml" is not text or json`},
	} {
		if _, err := ops.Logger(io.Discard, c.level, c.format); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %q: %v, want %s", c.level, c.format, err, c.says)
		}
	}
}

func TestMetricsHoldTheProcess(t *testing.T) {
	families, err := ops.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	if !names["go_goroutines"] {
		t.Errorf("only %v", names)
	}
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		late, cancel := ops.Linger(ctx, time.Minute)
		defer cancel()
		begin := time.Now()
		stop()
		synctest.Wait()
		if late.Err() != nil {
			t.Error("it ended with its parent")
		}
		<-late.Done()
		if d := time.Since(begin); d != time.Minute {
			t.Errorf("it ended after %s, want a minute", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		late, cancel := ops.Linger(ctx, time.Minute)
		stop()
		cancel()
		<-late.Done() // and nothing is left waiting, or the bubble would not end
	})
}

// pipes is a listener of connections in memory, so that time can be synthetic.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// client makes one connection to the server.
func (p *pipes) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		p.conns <- there
		return here, nil
	}}}
}

// events is a handler like that of live events: it ends when its request does.
func events(ended chan<- time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		_, _ = io.WriteString(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		ended <- time.Since(begin)
	})
}

func get(t *testing.T, c *http.Client) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sitwell/live", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// Live events go on for hours, and the end of the server ends them at once.
func TestStopEndsRequestsThatNeverEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ended := make(chan time.Duration, 1)
		s := ops.Serve(l, events(ended), slog.New(slog.DiscardHandler))
		c := l.client()
		resp := get(t, c)
		defer func() { _ = resp.Body.Close() }()
		go func() { _, _ = io.Copy(io.Discard, resp.Body) }()
		const watched = 5 * time.Hour
		select {
		case after := <-ended:
			t.Fatalf("the server ended the events after %s", after)
		case <-time.After(watched):
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("stopping took %s", d)
		}
		if after := <-ended; after != watched {
			t.Errorf("the events ended after %s", after)
		}
		c.CloseIdleConnections()
	})
}

func TestAHandlerThatDoesNotEndIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		release := make(chan struct{})
		s := ops.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-release
		}), slog.New(slog.DiscardHandler))
		c := l.client()
		resp := get(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "stop HTTP") {
			t.Errorf("stop: %v", err)
		}
		close(release)
		_ = resp.Body.Close()
		c.CloseIdleConnections()
	})
}

func TestFailedSaysWhyTheServerEnded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := ops.Serve(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	_ = l.Close()
	if err := <-s.Failed(); err == nil || !strings.Contains(err.Error(), "serve HTTP") {
		t.Errorf("got %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// A client that sends nothing is not kept for ever.
func TestASilentClientIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		s := ops.Serve(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		here, there := net.Pipe()
		l.conns <- there
		begin := time.Now()
		_, _ = io.ReadAll(here)
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("it was dropped after %s", d)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
