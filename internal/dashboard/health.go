package dashboard

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// healthz says that the process answers; whether it can do its work is readyz's.
func (d *Dashboard) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

const checkLimit = 2 * time.Second // of a readiness check

// readyz says whether every check passes, and else which do not and why.
func (d *Dashboard) readyz(w http.ResponseWriter, r *http.Request) {
	type result struct {
		Name   string `json:"name"`
		Ready  bool   `json:"ready"`
		Reason string `json:"reason,omitempty"`
	}
	results := make([]result, len(d.Ready))
	ctx, cancel := context.WithTimeout(r.Context(), checkLimit)
	defer cancel()
	var all sync.WaitGroup
	for i, c := range d.Ready {
		all.Go(func() {
			results[i] = result{Name: c.Name, Ready: true}
			if err := c.Check(ctx); err != nil {
				results[i] = result{Name: c.Name, Reason: err.Error()}
			}
		})
	}
	all.Wait()
	status, ready := http.StatusOK, true
	for _, res := range results {
		if !res.Ready {
			status, ready = http.StatusServiceUnavailable, false
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, map[string]any{"ready": ready, "checks": results})
}
