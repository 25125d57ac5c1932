package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Dashboard is the handler of everything. Make one with New.
type Dashboard struct {
	Options
	log      *slog.Logger
	handler  http.Handler
	metrics  metrics
	asks     chan struct{}    // holds one for each request that is answered in bounded time; see call.go
	exports  chan struct{}    // holds one for each export that runs; see export.go
	replays  chan struct{}    // holds one for each judging again that runs; see hindsight.go
	explains chan struct{}    // holds one for each explanation that runs or waits; see hindsight.go
	now      func() time.Time // time.Now

	closing context.Context //nolint:containedctx // it is the dashboard's own life, ended by Close
	close   context.CancelFunc

	mu    sync.Mutex // guards lives
	lives int        // live streams that are open
}

var _ http.Handler = (*Dashboard)(nil)

// New makes a dashboard. The error names an option that is missing, or a metric
// that is registered already.
func New(o Options) (*Dashboard, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	d := &Dashboard{
		Options: o, log: o.Logger, asks: make(chan struct{}, maxAsks), exports: make(chan struct{}, maxExports), replays: make(chan struct{}, maxReplays),
		explains: make(chan struct{}, maxExplains), now: time.Now,
	}
	d.closing, d.close = context.WithCancel(context.Background())
	if err := d.metrics.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics of the dashboard: %w", err)
	}
	d.handler = d.guard(d.mux())
	return d, nil
}

// ServeHTTP answers a request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Close ends the live streams, so that a server which shuts down need not wait for
// them. Requests that come later are still answered.
func (d *Dashboard) Close() { d.close() }
