package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	dto "github.com/prometheus/client_model/go"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// hand is a Sender that counts what it was given, after doing what a test wants.
type hand struct {
	mu   sync.Mutex // guards got
	got  map[string]int
	does func(ctx context.Context, id string) error
}

func (h *hand) Send(ctx context.Context, _, _ schemas.ID, nudge schemas.Nudge) error {
	var err error
	if h.does != nil {
		err = h.does(ctx, nudge.ID)
	}
	if !errors.Is(err, ErrNotSent) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.got == nil {
			h.got = map[string]int{}
		}
		h.got[nudge.ID]++
	}
	return err
}

func (h *hand) times(id string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[id]
}

// due is a finding of now that asks for a nudge, each of a wearer of its own.
func due(i int) schemas.Finding {
	now := time.Now().UTC()
	return schemas.Finding{
		Schema: schemas.SchemaFinding, ID: fmt.Sprintf("e%d-escalated", i), Episode: fmt.Sprintf("e%d", i),
		Org: schemas.MustID("acme"), Wearer: schemas.MustID(fmt.Sprintf("w%d", i)), Device: schemas.MustID("band-1"),
		Rule: schemas.RuleSitting, Step: schemas.Escalated, Level: 2, Start: now.Add(-30 * time.Minute), Time: now, Seconds: 1800, Boot: 1, Seq: 7,
	}
}

func find(t *testing.T, log *bus.Bus, f schemas.Finding) {
	t.Helper()
	data, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Publish(t.Context(), schemas.FindingsSubject(f.Org, f.Wearer), data, ""); err != nil {
		t.Fatal(err)
	}
}

// runs runs a notifier until stop or the test's end.
func runs(t *testing.T, n *Notifier) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the notifier ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// decisions reads n decisions and gives the actions of each nudge, none twice.
func decisions(t *testing.T, log *bus.Bus, n int) map[string][]schemas.Action {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := log.Reader(ctx, schemas.StreamNudges, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, ids := map[string][]schemas.Action{}, map[string]bool{}
	for len(ids) < n {
		m, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("%d decisions, want %d: %v", len(ids), n, err)
		}
		d, err := schemas.DecodeDecision(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if !ids[d.ID] {
			ids[d.ID] = true
			got[d.Nudge] = append(got[d.Nudge], d.Action)
		}
	}
	return got
}

func ambiguous(t *testing.T, n *Notifier) float64 {
	t.Helper()
	var m dto.Metric
	if err := n.metrics.ambiguous.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func only(actions []schemas.Action, want schemas.Action) bool {
	return len(actions) == 1 && actions[0] == want
}

// Two notifiers on one log, each slow to send and refused now and then: every nudge is
// sent once, recorded as sent, and nobody takes what the other is sending for ambiguous.
func TestTwoNotifiersAtOnce(t *testing.T) {
	const nudges = 30
	_, log := brokertest.Start(t)
	var turn sync.Mutex
	refused := map[string]bool{}
	h := &hand{does: func(_ context.Context, id string) error {
		<-time.After(20 * time.Millisecond) // a slow broker: the other one comes to the same finding meanwhile
		turn.Lock()
		defer turn.Unlock()
		if len(id)%2 == 0 && !refused[id] {
			refused[id] = true
			return ErrNotSent
		}
		return nil
	}}
	one, two := testNotifier(t, log, h), testNotifier(t, log, h)
	runs(t, one)
	runs(t, two)
	for i := range nudges {
		find(t, log, due(i))
	}
	for id, actions := range decisions(t, log, nudges) {
		if !only(actions, schemas.ActionSent) || h.times(id) != 1 {
			t.Errorf("nudge %s was sent %d times and is recorded as %v", id, h.times(id), actions)
		}
	}
	if n := ambiguous(t, one) + ambiguous(t, two); n != 0 {
		t.Errorf("%v ambiguous nudges are counted", n)
	}
}

// What a notifier left unsettled a moment ago may be on its way from another one: it
// waits, nothing waits behind it, and then it is ambiguous, counted once and not sent.
func TestAnUnsettledEntryIsWaitedFor(t *testing.T) {
	_, log := brokertest.Start(t)
	h := &hand{}
	f := due(1)
	left := entryOf(f, time.Now().Add(1500*time.Millisecond-sending))
	kv := bucket(t, log, bus.BucketLedger)
	put(t, kv, "e1-2", asJSON(t, left))
	n := testNotifier(t, log, h)
	stop := runs(t, n)
	find(t, log, f)
	find(t, log, due(2))
	find(t, log, f) // again
	for id, actions := range decisions(t, log, 1) {
		if id != "e2-2" || !only(actions, schemas.ActionSent) {
			t.Errorf("first nudge %s is recorded as %v", id, actions)
		}
	}
	got := decisions(t, log, 2)
	if !only(got["e1-2"], schemas.ActionAmbiguous) || h.times("e1-2") != 0 {
		t.Errorf("it was sent %d times and is recorded as %v", h.times("e1-2"), got["e1-2"])
	}
	find(t, log, f) // and again
	find(t, log, due(3))
	decisions(t, log, 3)
	stop()
	if n := ambiguous(t, n); n != 1 {
		t.Errorf("%v ambiguous nudges are counted, want 1", n)
	}
	if e, _, err := n.ledger.get(t.Context(), "e1-2"); err != nil || !e.Unknown || e.Claim != left.Claim || e.Wearer != f.Wearer {
		t.Errorf("the ledger has %+v, %v", e, err)
	}
	next := testNotifier(t, log, h) // which reads all of it again
	if err := next.keepPlace(t.Context(), schemas.StreamFindings, 0); err != nil {
		t.Fatal(err)
	}
	runs(t, next)
	find(t, log, due(4))
	decisions(t, log, 4)
	if n := ambiguous(t, next); n != 0 {
		t.Errorf("%v ambiguous nudges are counted again", n)
	}
}

// lossy is a bucket whose next creations get no answer, though the first is stored.
type lossy struct {
	jetstream.KeyValue
	lose int
}

func (l *lossy) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	revision, err := l.KeyValue.Create(ctx, key, value, o...)
	if l.lose > 0 {
		l.lose--
		return 0, nats.ErrTimeout
	}
	return revision, err
}

// An entry whose every acknowledgement was lost is this run's own, and nothing left: the
// nudge is sent, once.
func TestAnEntryWithoutAnswerIsNotAmbiguous(t *testing.T) {
	for _, lost := range []int{1, creations, creations + 2} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			_, log := brokertest.Start(t)
			h := &hand{}
			n := testNotifier(t, log, h)
			n.ledger.kv = &lossy{KeyValue: n.ledger.kv, lose: lost}
			runs(t, n)
			find(t, log, due(1))
			got := decisions(t, log, 1)
			if !only(got["e1-2"], schemas.ActionSent) || h.times("e1-2") != 1 {
				t.Errorf("it was sent %d times and is recorded as %v", h.times("e1-2"), got["e1-2"])
			}
		})
	}
}

// The log stops between a send and its settling, and comes back: the notifier goes on by
// itself, and what it sent is recorded as sent.
func TestTheLogRestartsUnderANotifier(t *testing.T) {
	o := brokertest.Options(t.TempDir())
	o.Secret = "of this test"
	b, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Stop() }()
	user, password := b.Credentials()
	nc, err := nats.Connect(b.NATS(), append(bus.ConnOptions("test", slog.New(slog.DiscardHandler)), nats.UserInfo(user, password))...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	log, err := bus.Open(t.Context(), nc, bus.Options{Partitions: 8})
	if err != nil {
		t.Fatal(err)
	}
	o.NATS = b.NATS()
	restarted := make(chan error, 1)
	h := &hand{does: func(ctx context.Context, id string) error {
		if id != "e1-2" {
			return nil
		}
		b.Stop()
		go func() { // the send is over before the log is back
			var err error
			b, err = broker.Start(context.WithoutCancel(ctx), o)
			restarted <- err
		}()
		return nil
	}}
	n := testNotifier(t, log, h)
	stop := runs(t, n)
	defer stop()
	find(t, log, due(1))
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	for status := nc.StatusChanged(nats.CONNECTED); !nc.IsConnected(); {
		<-status
	}
	got := decisions(t, log, 1)
	find(t, log, due(2))
	if got := decisions(t, log, 2); !only(got["e2-2"], schemas.ActionSent) {
		t.Errorf("the next nudge is recorded as %v", got["e2-2"])
	}
	if !only(got["e1-2"], schemas.ActionSent) || h.times("e1-2") != 1 {
		t.Errorf("it was sent %d times and is recorded as %v", h.times("e1-2"), got["e1-2"])
	}
	if n := ambiguous(t, n); n != 0 {
		t.Errorf("%v ambiguous nudges are counted", n)
	}
}
