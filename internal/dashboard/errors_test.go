package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series"
)

// logged is a dashboard's options and what it then logs from a level on.
func logged(level slog.Level) (*bytes.Buffer, func(*Options)) {
	var b bytes.Buffer
	return &b, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))
	}
}

// A log line of a failure tells the route and nobody's name.
func TestFailuresAreLoggedByRoute(t *testing.T) {
	log, change := logged(slog.LevelError)
	w := newWorld(t, noon, few(), change)
	_ = w.store.Close()
	if got := get(t, w, annaDay+"?date=2026-11-19"); got.status != 500 {
		t.Fatalf("a closed store gave %d", got.status)
	}
	if line := log.String(); !strings.Contains(line, "GET "+wearerPath+"/day") || strings.Contains(line, "anna") {
		t.Errorf("logged: %s", line)
	}
}

// Too many exports at once are no failure of the server.
func TestBusyIsNoError(t *testing.T) {
	log, change := logged(slog.LevelInfo)
	w := newWorld(t, noon, few(), change)
	for range maxExports {
		w.exports <- struct{}{}
	}
	if got := get(t, w, annaPath+"/readings"+span); got.status != 503 || log.Len() > 0 {
		t.Errorf("one more gave %d and logged %q", got.status, log)
	}
}

// away is a store whose server does not answer.
type away struct{ Store }

func (away) Episodes(context.Context, series.Query) ([]series.Episode, error) {
	return nil, fmt.Errorf("read episodes: %w: %w", series.ErrAway, context.DeadlineExceeded)
}

// A store that does not answer is told from a failure, and each route is described with it.
func TestStoreIsAway(t *testing.T) {
	log, change := logged(slog.LevelWarn)
	w := newWorld(t, noon, few(), change, func(o *Options) { o.Store = away{o.Store} })
	got := get(t, w, annaPath+"/episodes"+span)
	if got.status != 503 || !strings.Contains(got.body, `"store_away"`) || !strings.Contains(got.body, "Nothing is lost") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	if line := log.String(); !strings.Contains(line, "away") || strings.Contains(line, "anna") {
		t.Errorf("logged: %s", line)
	}
	api := described(t, w)
	for _, rt := range w.routes() {
		if _, ok := api.Paths[rt.path].Get.Responses["503"]; !ok {
			t.Errorf("%s is described without 503", rt.path)
		}
	}
}

// held is a store that says when it is asked and answers when it may.
type held struct {
	Store
	asked, free chan struct{}
}

func (h held) Episodes(ctx context.Context, _ series.Query) ([]series.Episode, error) {
	h.asked <- struct{}{}
	select {
	case <-h.free:
		return nil, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read episodes: %w", ctx.Err())
	}
}

// More requests at once than are answered are refused at once; those that wait are
// answered, and then others are.
func TestTooManyAsk(t *testing.T) {
	h := held{asked: make(chan struct{}), free: make(chan struct{})}
	w := newWorld(t, noon, few(), func(o *Options) { h.Store, o.Store = o.Store, &h })
	var waiting sync.WaitGroup
	for range maxAsks {
		waiting.Go(func() {
			if got := get(t, w, annaPath+"/episodes"+span); got.status != 200 {
				t.Errorf("one of the first gave %d %s", got.status, got.body)
			}
		})
	}
	for range maxAsks {
		<-h.asked
	}
	if got := get(t, w, annaPath+"/rollups"+span); got.status != 503 || !strings.Contains(got.body, `"busy"`) {
		t.Errorf("one more gave %d %s", got.status, got.body)
	}
	close(h.free)
	waiting.Wait()
	if got := get(t, w, annaPath+"/rollups"+span); got.status != 200 {
		t.Errorf("afterwards one gave %d %s", got.status, got.body)
	}
}

// slow is a store that only answers when the caller gives up.
type slow struct{ Store }

func (slow) Episodes(ctx context.Context, _ series.Query) ([]series.Episode, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("read episodes: %w", ctx.Err())
}

// A request whose time is up is answered; one whose client is gone is not.
func TestTimeIsUp(t *testing.T) {
	w := newWorld(t, noon, few(), func(o *Options) { o.Store = slow{o.Store} })
	over, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	ask := func(ctx context.Context) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+annaPath+"/episodes"+span, nil))
		return answer
	}
	if got := ask(over); got.Code != 503 || !strings.Contains(got.Body.String(), `"busy"`) {
		t.Errorf("out of time: answered %d %s", got.Code, got.Body)
	}
	if got := ask(gone); got.Body.Len() > 0 {
		t.Errorf("nobody there: answered %d %s", got.Code, got.Body)
	}
}
