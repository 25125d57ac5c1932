package notify_test

import (
	"fmt"
	"testing"
	"time"

	"sitwell/schemas"
)

func TestSnoozeHoldsAllRules(t *testing.T) {
	for _, minutes := range []int{10, 30, 60} {
		t.Run(fmt.Sprint(minutes), func(t *testing.T) {
			w := running(t)
			w.reply(anna, time.Now(), schemas.Reply{Action: schemas.ReplySnooze, Minutes: minutes})
			if d := w.expect("", schemas.ActionReplied); d.Reply != "snooze" || d.Seconds != float64(60*minutes) {
				t.Errorf("recorded as %+v", d)
			}
			for i, rule := range []schemas.Rule{schemas.RuleSitting, schemas.RuleSlouch} {
				f := escalated(fmt.Sprint("e", i), 2)
				f.Rule = rule
				w.find(f)
				want := fmt.Sprintf("snoozed for another %d minutes", minutes)
				if d := w.expect(f.Episode+"-2", schemas.ActionHeld); d.HeldBy != "snoozed" || d.Why != want {
					t.Errorf("held by %q: %q, want %q", d.HeldBy, d.Why, want)
				}
			}
			w.wantNudges(0)
		})
	}
}

func TestASnoozeThatIsOverHoldsNothing(t *testing.T) {
	w := running(t)
	w.reply(anna, time.Now().Add(-11*time.Minute), schemas.Reply{Action: schemas.ReplySnooze, Minutes: 10})
	w.expect("", schemas.ActionReplied)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
}

func TestDoneEndsTheLadderOfItsEpisode(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	w.reply(anna, time.Now(), schemas.Reply{Action: schemas.ReplyDone, NudgeID: "e1-2"})
	if d := w.expect("e1-2", schemas.ActionReplied); d.Episode != "e1" || d.Rule != schemas.RuleSitting || d.Level != 2 || d.Reply != "done" {
		t.Errorf("recorded as %+v", d)
	}
	// Neither an answer to no nudge in particular nor one about another rule undoes it.
	w.reply(anna, time.Now(), schemas.Reply{Action: schemas.ReplyDone})
	w.expect("", schemas.ActionReplied)
	w.find(escalated("e1", 3))
	if d := w.expect("e1-3", schemas.ActionHeld); d.HeldBy != "answered" {
		t.Errorf("held by %q", d.HeldBy)
	}
	// The next episode has a ladder of its own: here only the spacing holds it.
	w.find(escalated("e2", 2))
	if d := w.expect("e2-2", schemas.ActionHeld); d.HeldBy != "spaced" {
		t.Errorf("held by %q", d.HeldBy)
	}
}

func TestAnswersThatFitNothingAreIgnored(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	now := time.Now()
	snooze := schemas.Reply{Action: schemas.ReplySnooze, Minutes: 60}
	for _, nudge := range []string{"e9-2", "a..b", ".", "*", "e1-2 ", "a/b"} {
		snooze.NudgeID = nudge
		w.reply(anna, now, snooze)
	}
	snooze.NudgeID = "e1-2"
	w.reply(ben, now, snooze) // it is anna's
	w.reply(anna, now, schemas.Reply{Action: schemas.ReplyDone, NudgeID: "e1-2"})
	if d := w.expect("e1-2", schemas.ActionReplied); d.Wearer != anna || d.Reply != "done" {
		t.Errorf("recorded %+v", d)
	}
	f := escalated("e2", 2)
	f.Wearer = ben
	w.find(f)
	w.expect("e2-2", schemas.ActionSent) // ben is not snoozed
}
