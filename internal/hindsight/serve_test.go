package hindsight

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"sitwell/detect"
	"sitwell/internal/series"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gated is a Store of which readings are given only once the gate is open.
type gated struct {
	Store
	entered chan struct{} // one for each query that waits
	open    chan struct{}
}

func (g *gated) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return g.Store.Readings(ctx, q, each)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// asked makes a request; its answers come to the subscription.
func (w *world) asked(t *testing.T, request string) *nats.Subscription {
	t.Helper()
	nc := w.log.Conn()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest(RecomputeSubject, inbox, []byte(request)); err != nil {
		t.Fatal(err)
	}
	return answers
}

// last is the answer at the end, and how many came before it.
func last(t *testing.T, answers *nats.Subscription) (a RecomputeAnswer, before int) {
	t.Helper()
	for {
		m, err := answers.NextMsg(20 * time.Second)
		if err != nil {
			t.Fatalf("after %d answers: %v", before, err)
		}
		a = RecomputeAnswer{}
		if err := json.Unmarshal(m.Data, &a); err != nil {
			t.Fatalf("%q: %v", m.Data, err)
		}
		if a.Done {
			return a, before
		}
		before++
	}
}

const yesterday = `{"org":"acme","wearer":"anna","day":"2026-11-16"}`

func TestServeRebuildsOneDayAtATime(t *testing.T) {
	w := newWorld(t, at(3, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, days(9, 1)...)
	g := &gated{Store: w.Store, entered: make(chan struct{}, 100), open: make(chan struct{})}
	w.Store = g
	stop, err := w.Serve(w.log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	first := w.asked(t, yesterday)
	<-g.entered
	if a, _ := last(t, w.asked(t, yesterday)); a.Error == "" || a.Refused || !strings.Contains(a.Error, "Another day") {
		t.Errorf("while another is under way: %+v", a)
	}
	close(g.open)
	a, before := last(t, first)
	if a.Error != "" || a.Report == nil || a.Report.Readings < 10_000 || a.Part != 1 || before < 1 {
		t.Errorf("after %d answers: %+v", before, a)
	}
	for request, says := range map[string]string{
		`{`: "cannot be read",
		`{"org":"acme","wearer":"anna","day":"now"}`:        `"now" is no day`,
		`{"org":"acme","wearer":"anna","day":"2026-11-19"}`: "is not over",
		`{"org":"acme","wearer":"bob","day":"2026-11-16"}`:  "no wearer bob",
		`{"org":"none","wearer":"bob","day":"2026-11-16"}`:  "no organisation none",
		`{"org":"A","wearer":"bob","day":"2026-11-16"}`:     "cannot be read",
	} {
		if a, _ := last(t, w.asked(t, request)); !a.Refused || a.Report != nil || !strings.Contains(a.Error, says) {
			t.Errorf("%s: %+v does not say %q", request, a, says)
		}
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	m, err := w.asked(t, yesterday).NextMsg(10 * time.Second)
	if err == nil && len(m.Data) > 0 {
		t.Errorf("after the stop: %s", m.Data)
	}
}

// Stopping ends what is under way, tells the asker and changes nothing.
func TestStopEndsARecomputation(t *testing.T) {
	w := newWorld(t, at(3, 0, 0), detect.Always(detect.Defaults()))
	w.deliver(t, days(9, 1)...)
	g := &gated{Store: w.Store, entered: make(chan struct{}, 100), open: make(chan struct{})}
	w.Store = g
	stop, err := w.Serve(w.log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	answers := w.asked(t, yesterday)
	<-g.entered
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	if a, _ := last(t, answers); !strings.Contains(a.Error, "sitwell is stopping") {
		t.Errorf("the asker is told %+v", a)
	}
}
