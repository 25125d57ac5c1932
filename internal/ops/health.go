package ops

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one condition of readiness. The text of its error is shown to anyone
// who asks /readyz, so it must be fit for that.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
}

// checkLimit bounds what an answer of /readyz waits for its checks.
const checkLimit = 2 * time.Second

// Healthz says that the process answers; whether it can do its work is Readyz's.
func Healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// Result is what a check came to.
type Result struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Examine asks all checks at once, for two seconds at most. ready is that all passed.
func Examine(ctx context.Context, checks []Check) (results []Result, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	results, ready = make([]Result, len(checks)), true
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			results[i] = Result{Name: c.Name, Ready: true}
			if err := c.Check(ctx); err != nil {
				results[i] = Result{Name: c.Name, Reason: err.Error()}
			}
		})
	}
	all.Wait()
	for _, r := range results {
		ready = ready && r.Ready
	}
	return results, ready
}

// Readyz says whether every check passes, and else which do not and why.
func Readyz(checks []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		results, ready := Examine(r.Context(), checks)
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, map[string]any{"ready": ready, "checks": results})
	}
}

// Handler answers /healthz, /readyz and /metrics, for processes without a page.
func Handler(checks []Check, gatherer prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", Healthz)
	mux.HandleFunc("GET /readyz", Readyz(checks))
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	return mux
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}
