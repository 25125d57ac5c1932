package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/notify"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	acme = schemas.MustID("acme")
	anna = schemas.MustID("anna")
	ben  = schemas.MustID("ben")
	band = schemas.MustID("band-1")
)

// wrist is a Sender that keeps what it was given; fail, if set, says how a send ends.
type wrist struct {
	mu   sync.Mutex // guards sent
	sent []schemas.Nudge
	fail func(schemas.Nudge) error
}

func (w *wrist) Send(_ context.Context, _, _ schemas.ID, n schemas.Nudge) error {
	if w.fail != nil {
		if err := w.fail(n); errors.Is(err, notify.ErrNotSent) {
			return err
		} else if err != nil {
			w.keep(n)
			return err
		}
	}
	w.keep(n)
	return nil
}

func (w *wrist) keep(n schemas.Nudge) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, n)
}

func (w *wrist) got() []schemas.Nudge {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]schemas.Nudge(nil), w.sent...)
}

// world is a log with a notifier on it.
type world struct {
	t      *testing.T
	log    *bus.Bus
	wrist  *wrist
	nudges *bus.Reader
	stop   func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	_, log := brokertest.Start(t)
	w := &world{t: t, log: log, wrist: &wrist{}}
	var err error
	if w.nudges, err = log.Reader(t.Context(), schemas.StreamNudges, nil, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.nudges.Close)
	return w
}

// start runs a notifier until stop or the test's end.
func (w *world) start(sender notify.Sender) {
	w.t.Helper()
	n, err := notify.New(w.t.Context(), notify.Options{
		Log: w.log, Sender: sender, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the notifier ended with %v", err)
		}
	})
	w.t.Cleanup(w.stop)
}

// running is a world whose notifier sends to its wrist.
func running(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.start(w.wrist)
	return w
}

// find publishes a finding.
func (w *world) find(f schemas.Finding) {
	w.t.Helper()
	data, err := f.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	// Without an id, so that a repetition reaches the notifier.
	w.publish(schemas.FindingsSubject(f.Org, f.Wearer), data)
}

func (w *world) publish(subject string, data []byte) {
	w.t.Helper()
	if err := w.log.Publish(w.t.Context(), subject, data, ""); err != nil {
		w.t.Fatal(err)
	}
}

// reply publishes an answer that came at a time.
func (w *world) reply(who schemas.ID, at time.Time, r schemas.Reply) {
	w.t.Helper()
	a := schemas.Answer{Schema: schemas.SchemaAnswer, Org: acme, Wearer: who, Device: band, Received: at, Reply: r}
	data, err := a.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.publish(schemas.RepliesSubject(acme, who), data)
}

// decision is the next one of the NUDGES stream.
func (w *world) decision() schemas.Decision {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	m, err := w.nudges.Next(ctx)
	if err != nil {
		w.t.Fatalf("no decision: %v", err)
	}
	d, err := schemas.DecodeDecision(m.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// expect is the next decision, which must be about a nudge and have an action.
func (w *world) expect(nudge string, action schemas.Action) schemas.Decision {
	w.t.Helper()
	d := w.decision()
	if d.Nudge != nudge || d.Action != action {
		w.t.Fatalf("decision %s of nudge %q (held by %q: %s), want %s of %q", d.Action, d.Nudge, d.HeldBy, d.Why, action, nudge)
	}
	return d
}

// quiet proves that nothing was decided about what was published so far: the
// next decision is about a break that is published now.
func (w *world) quiet() {
	w.t.Helper()
	marker := closed("marker", 1, schemas.Break)
	w.find(marker)
	w.expect("marker-0", schemas.ActionCounted)
}

func (w *world) wantNudges(n int) {
	w.t.Helper()
	if got := w.wrist.got(); len(got) != n {
		w.t.Fatalf("%d nudges were sent, want %d: %+v", len(got), n, got)
	}
}

// escalated is a finding of now.
func escalated(episode string, level int) schemas.Finding {
	now := time.Now().UTC()
	return schemas.Finding{
		Schema: schemas.SchemaFinding, ID: episode + "-escalated", Episode: episode, Org: acme, Wearer: anna, Device: band,
		Rule: schemas.RuleSitting, Step: schemas.Escalated, Level: level, Start: now.Add(-30 * time.Minute), Time: now,
		Seconds: 1800, Boot: 1, Seq: 7,
	}
}

func closed(episode string, level int, outcome schemas.Outcome) schemas.Finding {
	f := escalated(episode, level)
	f.ID, f.Step, f.Outcome, f.End = episode+"-closed", schemas.Closed, outcome, f.Time
	return f
}
