package notify_test

import (
	"encoding/json"
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/notify"
	"sitwell/schemas"
)

// nudged says that anna's last nudge was some time ago.
func (w *world) nudged(ago time.Duration) {
	w.t.Helper()
	kv, err := w.log.KV(w.t.Context(), bus.BucketSnooze)
	if err != nil {
		w.t.Fatal(err)
	}
	value, err := json.Marshal(map[string]time.Time{"last_nudge": time.Now().Add(-ago)})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := kv.Put(w.t.Context(), "acme.anna", value); err != nil {
		w.t.Fatal(err)
	}
}

// soon is so long after a nudge that the spacing is over in a moment, and later
// that it is not over before the test.
const (
	soon  = notify.Stale - 400*time.Millisecond
	later = notify.Stale - time.Minute
)

func TestANudgeThatWaitedIsSentOnce(t *testing.T) {
	w := newWorld(t)
	w.nudged(soon)
	w.find(escalated("e1", 2))
	w.find(escalated("e1", 2)) // twice in the log, it waits twice
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.find(escalated("e1", 2))
	w.quiet()
	w.wantNudges(1)
}

func TestWhatEndsWhileItWaitsIsHeld(t *testing.T) {
	w := newWorld(t)
	w.nudged(soon)
	w.find(escalated("e1", 2))
	w.find(closed("e1", 2, schemas.Break))
	w.start(w.wrist)
	w.expect("e1-0", schemas.ActionCounted) // nobody had asked
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" {
		t.Errorf("held by %q", d.HeldBy)
	}
	w.quiet()
	w.wantNudges(0)
}

// What waits is in no record, so a stop must not lose it, nor what the wearer
// answered meanwhile.
func TestARestartKnowsWhatWaited(t *testing.T) {
	w := newWorld(t)
	w.nudged(later)
	w.find(escalated("e1", 2))
	w.start(w.wrist)
	w.quiet()
	w.stop()
	w.wantNudges(0)
	w.nudged(time.Hour)
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.stop()
	w.start(w.wrist)
	w.find(escalated("e1", 3))
	w.expect("e1-3", schemas.ActionHeld)
	w.wantNudges(1)
}

func TestASnoozeHoldsWhatWaits(t *testing.T) {
	w := newWorld(t)
	w.nudged(later)
	w.find(escalated("e1", 2))
	w.start(w.wrist)
	w.quiet()
	w.reply(anna, time.Now(), schemas.Reply{Action: schemas.ReplySnooze, Minutes: 10})
	w.expect("", schemas.ActionReplied)
	w.stop()
	w.start(w.wrist)
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "snoozed" {
		t.Errorf("held by %q", d.HeldBy)
	}
}

// A refused send is tried again, and a stop in the middle of it
// loses nothing.
func TestAStopWhileWhatWaitedIsRefusedLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.nudged(soon)
	w.find(escalated("e1", 2))
	tried := make(chan struct{}, 100)
	w.wrist.fail = func(schemas.Nudge) error {
		tried <- struct{}{}
		return notify.ErrNotSent
	}
	w.start(w.wrist)
	<-tried
	w.stop()
	w.wrist.fail = nil
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.wantNudges(1)
}
