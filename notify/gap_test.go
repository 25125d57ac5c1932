package notify

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

func bucket(t *testing.T, log *bus.Bus, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := log.KV(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func put(t *testing.T, kv jetstream.KeyValue, key string, value []byte) {
	t.Helper()
	if _, err := kv.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLedgerKnowsItsOwnClaim(t *testing.T) {
	_, log := brokertest.Start(t)
	l := ledger{bucket(t, log, bus.BucketLedger)}
	f := schemas.Finding{Org: schemas.MustID("acme"), Wearer: schemas.MustID("anna"), Episode: "e1", Level: 2}
	mine := entryOf(f, time.Now())
	mine, first, err := l.create(t.Context(), "e1-2", mine)
	if err != nil || !first {
		t.Fatalf("first is %v, %v", first, err)
	}
	// As when the acknowledgement of a creation was lost.
	if _, first, err := l.create(t.Context(), "e1-2", mine); err != nil || !first {
		t.Errorf("its own entry is another's: %v, %v", first, err)
	}
	if before, first, err := l.create(t.Context(), "e1-2", entryOf(f, time.Now())); err != nil || first || before.Claim != mine.Claim {
		t.Errorf("a second one got in: %v, %v, %+v", first, err, before)
	}
	if err := l.withdraw(t.Context(), "e1-2", mine); err != nil {
		t.Fatal(err)
	}
	if _, first, err := l.create(t.Context(), "e1-2", entryOf(f, time.Now())); err != nil || !first {
		t.Errorf("after a withdrawal first is %v, %v", first, err)
	}
}

func TestADamagedLedgerEntryIsAmbiguous(t *testing.T) {
	_, log := brokertest.Start(t)
	kv := bucket(t, log, bus.BucketLedger)
	put(t, kv, "e1-2", []byte("{"))
	e, ok, err := ledger{kv}.get(t.Context(), "e1-2")
	if err != nil || !ok || !e.Sent.IsZero() || e.Entered.IsZero() {
		t.Errorf("got %+v, %v, %v", e, ok, err)
	}
}

func TestADamagedStandingIsWrittenAnew(t *testing.T) {
	_, log := brokertest.Start(t)
	s := standings{bucket(t, log, bus.BucketSnooze)}
	org, wearer := schemas.MustID("acme"), schemas.MustID("anna")
	now := time.Now().UTC()
	put(t, s.kv, standingKey(org, wearer), []byte("nonsense"))
	for range 2 { // once over the damage, once over a good one
		if err := s.nudged(t.Context(), org, wearer, now); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := s.get(t.Context(), org, wearer); err != nil || !v.LastNudge.Equal(now) {
		t.Errorf("got %+v, %v", v, err)
	}
	if err := s.kv.Delete(t.Context(), standingKey(org, wearer)); err != nil {
		t.Fatal(err)
	}
	if err := s.nudged(t.Context(), org, wearer, now); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
}

func TestDoneIsKeptForEachRule(t *testing.T) {
	_, log := brokertest.Start(t)
	s := standings{bucket(t, log, bus.BucketSnooze)}
	a := schemas.Answer{Org: schemas.MustID("acme"), Wearer: schemas.MustID("anna"), Reply: schemas.Reply{Action: schemas.ReplyDone}}
	for rule, episode := range map[schemas.Rule]string{schemas.RuleSitting: "e1", schemas.RuleSlouch: "e2", "": ""} {
		if err := s.note(t.Context(), a, entry{Rule: rule, Episode: episode}); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.get(t.Context(), a.Org, a.Wearer)
	if err != nil || v.Done[schemas.RuleSitting] != "e1" || v.Done[schemas.RuleSlouch] != "e2" {
		t.Errorf("got %+v, %v", v, err)
	}
}

// A nudge that was entered and never settled is what a crash leaves behind
// between the entry and the send, or between the send and its settling. That a
// settled one is recorded again is what closes the gap behind it.
func TestWhatACrashLeavesInTheLedger(t *testing.T) {
	at := time.Now().UTC().Add(-time.Hour) // the restart may come when all of it is stale
	f := schemas.Finding{
		Org: schemas.MustID("acme"), Wearer: schemas.MustID("anna"), Device: schemas.MustID("band-1"), Episode: "e1",
		Schema: schemas.SchemaFinding, Rule: schemas.RuleSlouch, Step: schemas.Escalated, Level: 2, Time: at, Seconds: 120, FlexionDeg: 22,
	}
	entered := entryOf(f, at)
	settled := entered
	settled.Sent = at.Add(30 * time.Millisecond)
	for name, c := range map[string]struct {
		entry entry
		want  schemas.Action
		last  time.Time
	}{
		"not known whether it was sent": {entered, schemas.ActionAmbiguous, at},
		"sent and not recorded":         {settled, schemas.ActionSent, settled.Sent},
	} {
		t.Run(name, func(t *testing.T) {
			_, log := brokertest.Start(t)
			put(t, bucket(t, log, bus.BucketLedger), "e1-2", asJSON(t, c.entry))
			n := testNotifier(t, log, nil) // a send would panic
			out := log.Outbox(n.logger)
			if err := n.decide(t.Context(), bus.Msg{}, f, out); err != nil {
				t.Fatal(err)
			}
			if err := out.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			m, err := log.Get(t.Context(), schemas.StreamNudges, 1)
			if err != nil {
				t.Fatal(err)
			}
			d, err := schemas.DecodeDecision(m.Data)
			if err != nil || d.Action != c.want || !d.Decided.Equal(at) || d.Text == "" {
				t.Errorf("recorded %+v, %v", d, err)
			}
			if v, err := n.wearers.get(t.Context(), f.Org, f.Wearer); err != nil || !v.LastNudge.Equal(c.last) {
				t.Errorf("the last nudge was at %s, want %s, %v", v.LastNudge, c.last, err)
			}
		})
	}
}
