package influx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

// faults stands between a store and the real server.
type faults struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	writes []time.Time
	fault  func(n int, w http.ResponseWriter, pass func()) // of the nth write from 0 on; nil passes all
	query  func(http.ResponseWriter)                       // of each query; nil passes them
}

func newFaults(t *testing.T, server *influxtest.Server) *faults {
	t.Helper()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	f := &faults{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		query := f.query
		f.mu.Unlock()
		if r.URL.Path == "/api/v2/query" && query != nil {
			query(w)
			return
		}
		if r.URL.Path != "/api/v2/write" || r.ContentLength == 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		f.mu.Lock()
		n, fault := len(f.writes), f.fault
		f.writes = append(f.writes, time.Now())
		f.mu.Unlock()
		if fault == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		fault(n, w, func() { proxy.ServeHTTP(w, r) })
	}))
	t.Cleanup(f.Close)
	return f
}

// from says what becomes of the writes from here on.
func (f *faults) from(fault func(n int, w http.ResponseWriter, pass func())) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes, f.fault = nil, fault
}

func (f *faults) times() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// behind is a store that has faults between it and the server.
func behind(t *testing.T) (*bench, *faults) {
	t.Helper()
	server := influxtest.Start(t)
	f := newFaults(t, server)
	return newBenchOn(t, server, func(o *Options) { o.URL = f.URL }), f
}

// once answers the first write in its own way.
func once(answer func(http.ResponseWriter)) func(int, http.ResponseWriter, func()) {
	return func(n int, w http.ResponseWriter, pass func()) {
		if n == 0 {
			answer(w)
			return
		}
		pass()
	}
}

// always answers each write in its own way.
func always(answer func(http.ResponseWriter)) func(int, http.ResponseWriter, func()) {
	return func(_ int, w http.ResponseWriter, _ func()) { answer(w) }
}

// status answers with a status, and a second's Retry-After if after is given.
func status(code int, after, kind, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// A busy server is left alone for as long as it says, and then asked again.
func TestBusy(t *testing.T) {
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		b, f := behind(t)
		f.from(once(status(code, "1", "text/plain", "later")))
		if done := b.append(inLog(1, wear(ann, chest, 1, 0, 10))); done != (series.Appended{}) {
			t.Errorf("%d: the append came to %+v", code, done)
		}
		if at := f.times(); len(at) != 3 || at[1].Sub(at[0]) < time.Second { // again, and the position
			t.Errorf("%d: requests came at %v", code, at)
		}
		b.wantStored(10)
	}
}

// A server that stays busy is an error, the next append waits, and a stop ends the wait.
func TestStaysBusy(t *testing.T) {
	b, f := behind(t)
	f.from(func(n int, w http.ResponseWriter, pass func()) {
		switch n {
		case 0:
			status(http.StatusTooManyRequests, "", "text/plain", "later")(w)
		case 1:
			status(http.StatusServiceUnavailable, "7200", "text/plain", "much later")(w)
		default:
			pass()
		}
	})
	batch := inLog(1, wear(ann, chest, 1, 0, 10))
	var e *Error
	if _, err := b.store.Append(t.Context(), batch); !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.RetryAfter != 2*time.Hour {
		t.Fatalf("the error is %v", err)
	}
	if wait := time.Until(b.store.patience.until); wait > maxBusyWait || wait < maxBusyWait/2 {
		t.Errorf("the store waits for %v, want %v", wait, maxBusyWait)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.store.Append(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want %v", err, context.DeadlineExceeded)
	}
	if n := len(f.times()); n != 2 {
		t.Errorf("%d requests came, want 2", n)
	}
	b.store.patience.mu.Lock()
	b.store.patience.until = time.Time{}
	b.store.patience.mu.Unlock()
	b.append(batch)
	b.wantStored(10)
	if len(b.refused) > 0 {
		t.Errorf("%d were handed over", len(b.refused))
	}
}

// A server that is too busy to tell the position is left alone, too.
func TestBusyWithQueries(t *testing.T) {
	b, f := behind(t)
	f.mu.Lock()
	f.query = status(http.StatusServiceUnavailable, "30", "text/plain", "later")
	f.mu.Unlock()
	var e *Error
	if _, err := b.store.Append(t.Context(), inLog(1, wear(ann, chest, 1, 0, 10))); !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.store.Append(ctx, inLog(1, wear(ann, chest, 1, 0, 10))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want %v", err, context.DeadlineExceeded)
	}
	if n := len(f.times()); n != 0 {
		t.Errorf("%d writes came", n)
	}
}

// The server has stored a request and its answer is lost: the same is written again.
func TestLostAnswer(t *testing.T) {
	b, f := behind(t)
	f.from(func(n int, w http.ResponseWriter, pass func()) {
		pass()
		if n == 0 {
			panic(http.ErrAbortHandler) // closes the connection
		}
	})
	b.append(inLog(1, wear(ann, chest, 1, 0, 10)))
	b.wantStored(10)
	if n := len(f.times()); n != 3 {
		t.Errorf("%d requests came, want the readings twice and the position", n)
	}
}

// What is no fault of the points is an error and hands nothing over; later all is stored.
func TestNoFaultOfThePoints(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"the server fails":           status(http.StatusInternalServerError, "", "application/json", `{"code":"internal error","message":"unexpected error writing points to database: timeout"}`),
		"a proxy's page":             status(http.StatusBadRequest, "", "text/html", "<html>bad request</html>"),
		"a proxy's refusal":          status(http.StatusForbidden, "", "text/html", "<html>forbidden</html>"),
		"a redirect":                 status(http.StatusFound, "", "text/html", ""),
		"a day that is being erased": status(http.StatusUnprocessableEntity, "", "application/json", `{"code":"unprocessable entity","message":"failure writing points to database: partial write: shard 7 is pending deletion dropped=10"}`),
		"no JSON":                    status(http.StatusBadGateway, "", "application/json", "oops"),
		"no answer":                  func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		b, f := behind(t)
		f.from(always(answer))
		batch := inLog(1, wear(ann, chest, 1, 0, 10))
		if _, err := b.store.Append(t.Context(), batch); err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := len(f.times()); n > 2 {
			t.Errorf("%s: %d requests came", name, n)
		}
		b.wantPosition(schemas.StreamReadings, series.Position{})
		f.from(nil)
		b.append(batch)
		b.wantStored(10)
		if len(b.refused) > 0 {
			t.Errorf("%s: %d were handed over", name, len(b.refused))
		}
	}
}

// A request that is too large for something in between is halved until it fits.
func TestTooLarge(t *testing.T) {
	b, f := behind(t)
	f.from(func(n int, w http.ResponseWriter, pass func()) {
		if n < 3 {
			status(http.StatusRequestEntityTooLarge, "", "text/html", "<html>too large</html>")(w)
			return
		}
		pass()
	})
	if done := b.append(inLog(1, wear(ann, chest, 1, 0, 100))); done != (series.Appended{}) {
		t.Errorf("the append came to %+v", done)
	}
	b.wantStored(100)
}

// The position cannot be stored: the append fails, and the same again puts it right.
func TestPositionIsLost(t *testing.T) {
	b, f := behind(t)
	f.from(func(n int, w http.ResponseWriter, pass func()) {
		if n == 1 {
			status(http.StatusInternalServerError, "", "text/plain", "no")(w)
			return
		}
		pass()
	})
	batch := inLog(1, wear(ann, chest, 1, 0, 10))
	if _, err := b.store.Append(t.Context(), batch); err == nil {
		t.Error("no error")
	}
	b.wantPosition(schemas.StreamReadings, series.Position{})
	b.append(batch)
	b.wantPosition(schemas.StreamReadings, series.Position{Seq: 1, Log: "log"})
	b.wantStored(10)
}
