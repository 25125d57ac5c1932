package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/live"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	acme = schemas.MustID("acme")
	anna = schemas.MustID("anna")
	ben  = schemas.MustID("ben")
)

// world is a page's side and a detector's side on one log.
type world struct {
	t        *testing.T
	nc, page *nats.Conn // of the detector and of the page
	watcher  *live.Watcher
	audience *live.Audience
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b, _ := brokertest.Start(t)
	w := &world{t: t, nc: brokertest.Connect(t, b), page: brokertest.Connect(t, b)}
	w.watcher = live.NewWatcher(w.page)
	var err error
	if w.audience, err = live.NewAudience(w.nc); err != nil {
		t.Fatal(err)
	}
	w.settle(w.nc)
	t.Cleanup(func() {
		if err := w.audience.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// settle returns when the server has everything that was sent on a connection.
func (w *world) settle(nc *nats.Conn) {
	w.t.Helper()
	if err := nc.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// watch watches a wearer and waits until the detector knows.
func (w *world) watch(ctx context.Context, wearer schemas.ID) <-chan live.Event {
	w.t.Helper()
	events, err := w.watcher.Watch(ctx, acme, wearer)
	if err != nil {
		w.t.Fatal(err)
	}
	w.settle(w.page)
	deadline := time.After(10 * time.Second)
	for pause := time.NewTicker(time.Millisecond); !w.audience.Watched(acme, wearer); {
		select {
		case <-pause.C:
		case <-deadline:
			w.t.Fatal("the detector never heard of the watcher")
		}
	}
	return events
}

func (w *world) next(events <-chan live.Event) live.Event {
	w.t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		w.t.Fatal("no event came")
		return live.Event{}
	}
}

func (w *world) publish(subject, data string) {
	w.t.Helper()
	if err := w.nc.Publish(subject, []byte(data)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) show(wearer schemas.ID, posture any) {
	w.t.Helper()
	if err := w.audience.Show(acme, wearer, posture); err != nil {
		w.t.Fatal(err)
	}
}

func TestAWatchedWearersEventsArrive(t *testing.T) {
	w := newWorld(t)
	events := w.watch(t.Context(), anna)
	w.show(ben, 0)
	w.publish(schemas.FindingsSubject(acme, ben), "ben's")
	w.show(anna, map[string]int{"seq": 7})
	w.publish(schemas.FindingsSubject(acme, anna), "a finding")
	w.publish(schemas.NudgesSubject(acme, anna), "a decision")
	var got []string
	for range 3 {
		e := w.next(events)
		got = append(got, e.Kind+" "+string(e.Data))
	}
	posture := slices.Index(got, `posture {"seq":7}`) // which may come before or after the others
	if posture < 0 || !slices.Equal(slices.Delete(got, posture, posture+1), []string{"finding a finding", "nudge a decision"}) {
		t.Errorf("got %q", got)
	}
}

func TestNobodyIsWatchedUnasked(t *testing.T) {
	w := newWorld(t)
	if w.audience.Watched(acme, anna) {
		t.Error("anna is watched by nobody")
	}
	w.watch(t.Context(), anna)
	if w.audience.Watched(acme, ben) || w.audience.Watched(schemas.MustID("other"), anna) {
		t.Error("somebody else is watched, too")
	}
}

func TestASlowPageLosesPosturesAndNobodyWaits(t *testing.T) {
	w := newWorld(t)
	slow, quick := w.watch(t.Context(), anna), w.watch(t.Context(), anna)
	const n = 1000
	for i := range n {
		w.show(anna, i)
		w.next(quick)
	}
	// The slow page's first events waited; of the rest it missed most.
	got := 0
	for range len(slow) {
		var i int
		if err := json.Unmarshal(w.next(slow).Data, &i); err != nil {
			t.Fatal(err)
		}
		got++
	}
	if got == 0 || got >= n {
		t.Errorf("the slow page got %d events of %d", got, n)
	}
	// It goes on with what happens next.
	w.show(anna, "next")
	if e := w.next(slow); e.Kind != "posture" {
		t.Errorf("got %+v", e)
	}
}

// A page that does not take its findings and nudges gets the first of them, and then
// the end: none is left out in between.
func TestASlowPageIsEndedRatherThanThinned(t *testing.T) {
	w := newWorld(t)
	slow, quick := w.watch(t.Context(), anna), w.watch(t.Context(), anna)
	const n = 300
	for i := range n {
		subject := schemas.FindingsSubject(acme, anna)
		if i%2 == 1 {
			subject = schemas.NudgesSubject(acme, anna)
		}
		w.publish(subject, fmt.Sprint(i))
		w.show(anna, i)
		for got := ""; got != fmt.Sprint(i); {
			if e := w.next(quick); e.Kind != "posture" {
				got = string(e.Data)
			}
		}
	}
	told := 0
	for e := range slow {
		if e.Kind == "posture" {
			continue
		}
		if string(e.Data) != fmt.Sprint(told) {
			t.Errorf("%s %s came where %d should", e.Kind, e.Data, told)
		}
		told++
	}
	if told == 0 || told >= n {
		t.Errorf("the slow page got %d of %d and was ended", told, n)
	}
}

// While the connection is away findings pass by unheard: the watching ends.
func TestWatchingEndsWithItsConnection(t *testing.T) {
	w := newWorld(t)
	events := w.watch(t.Context(), anna)
	if err := w.page.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for open := true; open; {
		select {
		case _, open = <-events:
		case <-deadline:
			t.Fatal("it goes on as if nothing had been missed")
		}
	}
	if e, err := w.watcher.Watch(t.Context(), acme, anna); err != nil || e == nil {
		t.Errorf("watching again gives %v", err)
	}
}

func TestWatchingEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	events := w.watch(ctx, anna)
	cancel()
	for range events { // closed when it has ended
	}
}

func TestAClosedConnectionIsAnError(t *testing.T) {
	b, _ := brokertest.Start(t)
	nc := brokertest.Connect(t, b)
	nc.Close()
	if _, err := live.NewWatcher(nc).Watch(t.Context(), acme, anna); err == nil {
		t.Error("a closed connection can be watched on")
	}
	if _, err := live.NewAudience(nc); err == nil {
		t.Error("a closed connection has an audience")
	}
}

func TestWhatIsNoJSONIsNotShown(t *testing.T) {
	w := newWorld(t)
	if err := w.audience.Show(acme, anna, func() {}); err == nil {
		t.Error("a function was shown")
	}
}
