package ops_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/ops"
)

func TestReadyzNamesWhatIsRed(t *testing.T) {
	disk := errors.New("the disk is full")
	handler := ops.Handler([]ops.Check{
		{Name: "log", Check: func(context.Context) error { return disk }},
		{Name: "store", Check: func(context.Context) error { return nil }},
	}, prometheus.NewRegistry())
	for _, c := range []struct {
		path   string
		status int
		says   string
	}{
		{"/healthz", http.StatusOK, "ok"},
		{"/readyz", http.StatusServiceUnavailable, `{"name":"log","ready":false,"reason":"the disk is full"}`},
		{"/metrics", http.StatusOK, ""},
		{"/", http.StatusNotFound, ""},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, http.NoBody))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
	disk = nil
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"ready":true`) {
		t.Errorf("when all is well: %d %s", w.Code, w.Body)
	}
}

// A check that hangs is red after two seconds, and does not hold up the others.
func TestExamineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		results, ready := ops.Examine(t.Context(), []ops.Check{
			{Name: "hangs", Check: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			{Name: "works", Check: func(context.Context) error { return nil }},
		})
		if ready || results[0].Ready || !results[1].Ready || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), results)
		}
	})
}

// Metrics registered through a scope go with it and may be registered again.
func TestScope(t *testing.T) {
	registry := prometheus.NewRegistry()
	stays := prometheus.NewCounter(prometheus.CounterOpts{Name: "stays_total", Help: "Stays."})
	registry.MustRegister(stays)
	goes := func() prometheus.Collector {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "goes_total", Help: "Goes."})
	}
	for range 2 {
		scope := ops.NewScope(registry)
		scope.MustRegister(goes())
		if err := scope.Register(goes()); !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			t.Errorf("registered twice: %v", err)
		}
		if names := gathered(t, registry); names != "goes_total stays_total" {
			t.Errorf("with the scope there are %s", names)
		}
		scope.Close()
		if names := gathered(t, registry); names != "stays_total" {
			t.Errorf("after the scope there are %s", names)
		}
	}
}

func gathered(t *testing.T, from prometheus.Gatherer) string {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return strings.Join(names, " ")
}

func TestDisk(t *testing.T) {
	free, total, err := ops.Disk(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the room on a disk is not known on this system")
	}
	if err != nil || free <= 0 || total < free {
		t.Errorf("%d of %d bytes are free, %v", free, total, err)
	}
	if _, _, err := ops.Disk(t.TempDir() + "/nowhere"); err == nil {
		t.Error("the disk of a folder that is not there is known")
	}
}
