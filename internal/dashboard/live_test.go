package dashboard

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"sitwell/schemas"
)

// told is a Live that says what the test puts into it.
type told chan LiveEvent

func (l told) Watch(ctx context.Context, _, _ schemas.ID) (<-chan LiveEvent, error) {
	events := make(chan LiveEvent)
	go func() {
		defer close(events)
		for {
			select {
			case ev := <-l:
				select {
				case events <- ev:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, nil
}

// listen opens a live stream and gives its lines.
func listen(t *testing.T, w *world) (*bufio.Scanner, func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/api/v1/live?org=acme&wearer=anna", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.server.Client().Do(r) //nolint:bodyclose // the caller hangs up
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return bufio.NewScanner(resp.Body), func() { _ = resp.Body.Close() }
}

func TestLiveEventsArrive(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		events := make(told)
		w := newWorld(t, noon, few(), func(o *Options) { o.Live = events })
		heard, hangUp := listen(t, w)
		go func() {
			for i, kind := range []string{KindPosture, KindFinding, KindNudge} {
				events <- LiveEvent{kind, fmt.Appendf(nil, `{"n":%d}`, i)}
			}
		}()
		got := map[string]bool{}
		for len(got) < 3 && heard.Scan() {
			if name, ok := strings.CutPrefix(heard.Text(), "event: "); ok && heard.Scan() {
				got[name+" "+heard.Text()] = true
			}
		}
		for _, want := range []string{`posture data: {"n":0}`, `finding data: {"n":1}`, `nudge data: {"n":2}`} {
			if !got[want] {
				t.Errorf("%q did not arrive; got %v", want, got)
			}
		}
		hangUp()
	})
	goleak.VerifyNone(t, before)
}

// A stream ends when the server shuts down, without waiting for the client.
func TestCloseEndsStreams(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		w := newWorld(t, noon, few())
		heard, hangUp := listen(t, w)
		defer hangUp()
		w.Close()
		for heard.Scan() { // to its end
		}
		if err := heard.Err(); err != nil {
			t.Errorf("the stream ended with %v", err)
		}
	})
	goleak.VerifyNone(t, before)
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t, noon, few())
	for range maxLives {
		w.enterLive()
	}
	if got := get(t, w, "/api/v1/live?org=acme&wearer=anna"); got.status != 503 || got.code(t) != "busy" {
		t.Errorf("one more gave %d %s", got.status, got.body)
	}
	if n := valueOf(t, w.metrics.lives); n != maxLives {
		t.Errorf("%v streams are counted", n)
	}
	for range maxLives {
		w.leaveLive()
	}
}

func valueOf(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	return d.GetGauge().GetValue() + d.GetCounter().GetValue()
}

// thinning runs thin in a bubble of its own time.
func thinning(t *testing.T, act func(d *Dashboard, in chan<- LiveEvent, out <-chan LiveEvent)) {
	t.Helper()
	d := newWorld(t, noon, few()).Dashboard
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		in, out := make(chan LiveEvent), make(chan LiveEvent)
		go d.thin(ctx, in, out)
		act(d, in, out)
	})
}

// Twenty postures a second become four, and the last of them is always seen.
func TestPosturesAreThinned(t *testing.T) {
	thinning(t, func(d *Dashboard, in chan<- LiveEvent, out <-chan LiveEvent) {
		const last = "199"
		go func() {
			pace := time.NewTicker(50 * time.Millisecond)
			defer pace.Stop()
			for i := range 200 {
				in <- LiveEvent{KindPosture, fmt.Append(nil, i)}
				<-pace.C
			}
		}()
		var got []string
		for ev := range out {
			if got = append(got, string(ev.Data)); got[len(got)-1] == last {
				break
			}
		}
		if len(got) < 38 || len(got) > 42 || got[0] != "0" || got[len(got)-1] != last {
			t.Errorf("got %d postures: %v", len(got), got)
		}
		if n := valueOf(t, d.metrics.dropped); int(n) != 200-len(got) {
			t.Errorf("%v are counted as dropped, %d arrived of 200", n, len(got))
		}
	})
}

// The stream of a client that takes nothing is ended once too much waits, and until
// then nobody waits for it.
func TestSlowClientIsCutOff(t *testing.T) {
	thinning(t, func(_ *Dashboard, in chan<- LiveEvent, out <-chan LiveEvent) {
		for i := range maxWaiting {
			in <- LiveEvent{KindPosture, []byte("p")}
			in <- LiveEvent{KindFinding, fmt.Append(nil, i)}
		}
		in <- LiveEvent{KindFinding, []byte("one too many")}
		synctest.Wait()
		if _, ok := <-out; ok {
			t.Error("the stream of a client that is far behind goes on")
		}
	})
}

func TestFindingsAreNeverThinned(t *testing.T) {
	thinning(t, func(_ *Dashboard, in chan<- LiveEvent, out <-chan LiveEvent) {
		for i := range maxWaiting {
			in <- LiveEvent{KindNudge, fmt.Append(nil, i)}
		}
		for i := range maxWaiting {
			if ev := <-out; string(ev.Data) != fmt.Sprint(i) {
				t.Fatalf("nudge %d is %s", i, ev.Data)
			}
		}
	})
}

// A silent stream says every 15 seconds that it is there.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		w := &recorder{header: http.Header{}}
		s := &stream{w: w, control: http.NewResponseController(w)}
		s.run(ctx, make(chan LiveEvent))
		if n := strings.Count(w.text.String(), ": still here\n\n"); n != 3 || w.flushes != 3 {
			t.Errorf("in 50 s there were %d heartbeats and %d flushes", n, w.flushes)
		}
	})
}

// recorder is a ResponseWriter that can flush and has no deadlines.
type recorder struct {
	header  http.Header
	text    strings.Builder
	flushes int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { return r.text.Write(b) }
func (r *recorder) Flush()                      { r.flushes++ }
