package app

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"sitwell/internal/auth"
	"sitwell/internal/dashboard"
	"sitwell/internal/hindsight"
	"sitwell/internal/live"
	"sitwell/internal/office"
	"sitwell/internal/ops"
)

// front answers HTTP from the start on: health and readiness at first, everything
// once the rest is there.
type front struct{ now atomic.Pointer[http.Handler] }

func (f *front) set(h http.Handler) { f.now.Store(&h) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*f.now.Load()).ServeHTTP(w, r) }

// serve answers health, readiness and metrics while the rest is started.
func (a *App) serve(l net.Listener) {
	if l == nil {
		return
	}
	mux := http.NewServeMux()
	for _, path := range []string{"GET /healthz", "GET /readyz", "GET /metrics"} {
		mux.Handle(path, ops.Handler(a.checks(), a.metrics))
	}
	if a.o.has(Dashboard) {
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "sitwell is starting; try again in a moment", http.StatusServiceUnavailable)
		})
	}
	a.front.set(mux)
	a.http = ops.Serve(l, &a.front, a.o.Logger)
	a.onStop("http", a.http.Stop)
}

// startPages shows the store. The open streams of pages end before the server waits
// for its requests.
func (a *App) startPages() error {
	handler, err := dashboard.New(dashboard.Options{
		Store: a.store, Registry: a.registry, Live: liveEvents{live.NewWatcher(a.nc)},
		Office: office.New(a.offices, a.registry), Authority: auth.Local{}, Hindsight: a.hindsight, Rules: a.tuning,
		Ready: a.checks(), Gatherer: a.metrics, Registerer: a.metrics, Logger: a.o.Logger, Insecure: a.o.InsecureListen,
	})
	if err != nil {
		return fmt.Errorf("start dashboard: %w", err)
	}
	a.front.set(handler)
	// The server waits for its requests, so it goes before what they work with.
	a.onStop("pages", a.http.Stop)
	return nil
}

// startHindsight judges what is stored again where somebody asks. It waits for
// those that bring and judge readings. Days are rebuilt where they are recorded: one
// process writes to the store.
func (a *App) startHindsight() error {
	var err error
	if a.hindsight, err = hindsight.New(hindsight.Options{
		Store: a.store, Registry: a.registry, Parameters: a.tuning, Settle: a.Settle, Logger: a.o.Logger,
	}); err != nil {
		return fmt.Errorf("start hindsight: %w", err)
	}
	if !a.o.has(Record) {
		return nil
	}
	stop, err := a.hindsight.Serve(a.nc)
	if err != nil {
		return fmt.Errorf("start hindsight: %w", err)
	}
	a.onStop("hindsight", stop)
	return nil
}
