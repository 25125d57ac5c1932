// Package ops is what every role needs to be run: the log lines, the metrics
// registry and the HTTP server with its bounds.
//
// Nothing here is global: whoever needs a logger or a registry is given one.
package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Logger writes lines to w: level is debug, info, warn or error, format text or
// json.
func Logger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is not debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("log format %q is not text or json", format)
	}
}

// Metrics is a registry with the process's own figures.
func Metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Server is an HTTP server on a listener.
type Server struct {
	http   *http.Server
	failed chan error // holds the one there can be
}

// Serve serves handler on l until Stop. A request has 10 s for its header;
// answers may take as long as they want, because live events never end.
func Serve(l net.Listener, handler http.Handler, log *slog.Logger) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		http: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
			ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			BaseContext: func(net.Listener) context.Context { return ctx },
		},
		failed: make(chan error, 1),
	}
	// Requests see the end of the server at once, so that live events end too.
	s.http.RegisterOnShutdown(cancel)
	go func() {
		defer cancel()
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve HTTP: %w", err)
		}
	}()
	return s
}

// Failed delivers the error that ended the server by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends the context of the requests under way and waits for them until ctx
// ends; then it cuts them off.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop HTTP: %w", errors.Join(err, s.http.Close()))
	}
	return nil
}
