package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// replace deletes a stream and makes it anew, as somebody who repairs a
// damaged log does; the buckets with the places stay.
func (w *world) replace(stream string) {
	w.t.Helper()
	js, err := jetstream.New(w.log.Conn())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := js.DeleteStream(w.t.Context(), stream); err != nil {
		w.t.Fatal(err)
	}
	if _, err := bus.Open(context.WithoutCancel(w.t.Context()), w.log.Conn(), bus.Options{}); err != nil {
		w.t.Fatal(err)
	}
}

func TestAReplacedLogIsFollowedFromItsBeginning(t *testing.T) {
	w := running(t)
	for range 5 {
		w.find(escalated("e0", 1))
		w.reply(ben, time.Now(), schemas.Reply{Action: schemas.ReplySnooze, Minutes: 10})
		w.expect("", schemas.ActionReplied)
	}
	w.quiet()
	w.stop()
	w.replace(schemas.StreamFindings)
	w.replace(schemas.StreamReplies)
	w.find(escalated("e1", 2))
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.reply(anna, time.Now(), schemas.Reply{NudgeID: "e1-2", Action: schemas.ReplyDone})
	// The log drops the record of a number that it had, unless it is another's.
	w.expect("e1-2", schemas.ActionReplied)
	w.stop()
	// The place is one of the new log by now.
	w.find(escalated("e2", 2))
	w.start(w.wrist)
	w.expect("e2-2", schemas.ActionHeld)
	w.wantNudges(1)
}

// An empty log is one that was replaced, too.
func TestAnEmptyLogIsFollowedFromItsBeginning(t *testing.T) {
	w := running(t)
	for range 5 { // more than the new log gets
		w.find(escalated("e0", 1))
	}
	w.quiet()
	w.stop()
	w.replace(schemas.StreamFindings)
	w.start(w.wrist)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
}

// The new log has more messages than the old one had when the next run begins.
func TestALogThatHasOutgrownTheOldIsFollowedFromItsBeginning(t *testing.T) {
	w := running(t)
	w.find(escalated("e0", 1))
	w.quiet()
	w.stop()
	w.replace(schemas.StreamFindings)
	w.find(escalated("e1", 2))
	for range 10 {
		w.find(escalated("e0", 1))
	}
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.stop()
	w.find(escalated("e2", 2)) // the place is one of the new log by now
	w.start(w.wrist)
	w.expect("e2-2", schemas.ActionHeld)
	w.wantNudges(1)
}
