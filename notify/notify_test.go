package notify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/notify"
	"sitwell/schemas"
)

func TestAFreshFindingNudgesOnce(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	d := w.expect("e1-2", schemas.ActionSent)
	w.wantNudges(1)
	n := w.wrist.got()[0]
	if n.ID != "e1-2" || n.Text == "" || n.Text != d.Text || n.Reason != "sitting for 30 minutes without a break" || n.Pattern != "short" {
		t.Errorf("nudge %+v, decision %+v", n, d)
	}
	if !n.Expires.Equal(d.Time.Add(notify.Stale)) {
		t.Errorf("it expires at %s, want %s after %s", n.Expires, notify.Stale, d.Time)
	}
}

func TestARepeatedFindingIsThatNudge(t *testing.T) {
	w := running(t)
	first := escalated("e1", 2)
	w.find(first)
	w.expect("e1-2", schemas.ActionSent)
	w.find(first)
	stale := first // as when detection finds it again hours later
	stale.Time = stale.Time.Add(-time.Hour)
	w.find(stale)
	w.quiet() // neither held as stale nor as too soon: it was sent
	w.wantNudges(1)
}

func TestARestartFromAnOldPlaceNudgesNobodyAgain(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	sent := w.expect("e1-2", schemas.ActionSent)
	w.find(escalated("e2", 2))
	w.expect("e2-2", schemas.ActionHeld)
	w.stop()
	places, err := w.log.KV(t.Context(), bus.BucketCheckpoints)
	if err != nil {
		t.Fatal(err)
	}
	if err := places.Delete(t.Context(), "notify."+schemas.StreamFindings); err != nil {
		t.Fatal(err)
	}
	w.start(w.wrist)
	// The log drops what it has; what comes next is new.
	w.quiet()
	w.wantNudges(1)
	if last := w.wrist.got()[0]; last.ID != sent.Nudge {
		t.Errorf("sent %s", last.ID)
	}
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	w.stop()
	w.find(closed("e1", 2, schemas.Break))
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionCorrected)
	w.stop()
	w.start(w.wrist)
	w.quiet()
	w.wantNudges(1)
}

func TestStaleFindingsAreHeldWithWords(t *testing.T) {
	w := running(t)
	f := escalated("e1", 2)
	f.Time = f.Time.Add(-40 * time.Minute)
	w.find(f)
	d := w.expect("e1-2", schemas.ActionHeld)
	if d.HeldBy != "fresh" || d.Why != "it came 40 minutes late" || d.Text == "" || d.Reason == "" {
		t.Errorf("held by %q, %q: %+v", d.HeldBy, d.Why, d)
	}
	w.wantNudges(0)
}

func TestLevelOneNeverNudges(t *testing.T) {
	w := running(t)
	opened := escalated("e1", 1)
	opened.Step = schemas.Opened
	w.find(opened)
	w.find(escalated("e1", 1))
	w.quiet()
	w.wantNudges(0)
}

func TestNudgesAreSpaced(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	w.find(escalated("e2", 2))
	if d := w.expect("e2-2", schemas.ActionHeld); d.HeldBy != "spaced" || !strings.HasPrefix(d.Why, "the last nudge was ") {
		t.Errorf("held by %q: %s", d.HeldBy, d.Why)
	}
	other := escalated("e3", 2)
	other.Wearer = ben
	w.find(other)
	w.expect("e3-2", schemas.ActionSent)
	w.wantNudges(2)
}

func TestCorrections(t *testing.T) {
	for _, outcome := range []schemas.Outcome{
		schemas.Recovered, schemas.Moved, schemas.Break, schemas.Stood, schemas.Shifted, schemas.Calibrated,
	} {
		t.Run(string(outcome), func(t *testing.T) {
			w := running(t)
			w.find(escalated("e1", 2))
			sent := w.expect("e1-2", schemas.ActionSent)
			end := closed("e1", 2, outcome)
			end.End = sent.Decided.Add(25 * time.Second)
			w.find(end)
			d := w.expect("e1-2", schemas.ActionCorrected)
			if d.Outcome != outcome || d.Seconds > 25 || d.Seconds < 15 { // the send itself takes a part of a second
				t.Errorf("corrected after %g s, %s", d.Seconds, d.Outcome)
			}
			w.quiet()
		})
	}
}

func TestAnUnknownEndClaimsNothing(t *testing.T) {
	w := running(t)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	w.find(closed("e1", 2, schemas.Unknown))
	w.find(closed("e2", 2, schemas.Unknown))
	w.find(closed("e3", 2, schemas.Stood))
	w.quiet()
}

func TestAnUnpromptedBreakIsCounted(t *testing.T) {
	w := running(t)
	f := closed("e1", 1, schemas.Break)
	w.find(f)
	if d := w.expect("e1-0", schemas.ActionCounted); d.Seconds != f.Seconds || d.Outcome != schemas.Break || d.Rule != schemas.RuleSitting {
		t.Errorf("counted %+v", d)
	}
}

// A break ends more than sitting: it is counted there alone.
func TestABreakIsCountedOnce(t *testing.T) {
	w := running(t)
	for _, rule := range schemas.Rules() {
		if rule != schemas.RuleSitting {
			f := closed(string(rule), 1, schemas.Break)
			f.Rule = rule
			w.find(f)
		}
	}
	w.quiet()
}

func TestWhatAsksForNothingNudgesNobody(t *testing.T) {
	w := running(t)
	for i, rule := range schemas.Rules() {
		raised := escalated(fmt.Sprint("r", i), 2)
		raised.Rule, raised.Step, raised.Severity = rule, schemas.Raised, schemas.Severe
		w.find(raised)
	}
	for _, rule := range []schemas.Rule{schemas.RuleSudden, schemas.RuleOffline} { // over at once
		opened, ended := escalated(string(rule), 1), closed(string(rule), 1, schemas.Momentary)
		opened.Rule, ended.Rule, opened.Step = rule, rule, schemas.Opened
		w.find(opened)
		w.find(ended)
	}
	w.quiet()
	w.wantNudges(0)
}

func TestWhatHasNoWordsIsHeld(t *testing.T) {
	w := running(t)
	for i, rule := range []schemas.Rule{"deep_sitting", schemas.RuleHold, schemas.RuleHydration} {
		f := escalated(fmt.Sprint("e", i), 2)
		f.Rule = rule
		w.find(f)
		d := w.expect(f.Episode+"-2", schemas.ActionHeld)
		if want := fmt.Sprintf("there is no text for %q at level 2", rule); d.HeldBy != "worded" || d.Why != want || d.Text != "" {
			t.Errorf("held by %q, %q: %+v", d.HeldBy, d.Why, d)
		}
	}
	w.find(escalated("e9", 2))
	w.expect("e9-2", schemas.ActionSent)
	w.wantNudges(1)
}

// What a rehearsal says of findings of now is what a notifier decides.
func TestARehearsalIsWhatHappens(t *testing.T) {
	w := newWorld(t)
	findings := []schemas.Finding{escalated("e1", 2), escalated("e2", 2), escalated("e3", 3), escalated("e4", 2), escalated("e5", 2)}
	findings[0].Rule = "newer"
	findings[1].Rule = schemas.RuleLoad
	findings[2].Rule = schemas.RuleLoad
	findings[3].Rule = schemas.RuleHold
	findings[4].Rule, findings[4].Cause = schemas.RuleCalibration, schemas.Drift
	for _, f := range findings {
		w.find(f)
	}
	w.start(w.wrist)
	rehearsed := notify.Rehearse(findings)
	if len(rehearsed) != len(findings) {
		t.Fatalf("%d decisions were rehearsed, want %d", len(rehearsed), len(findings))
	}
	for _, want := range rehearsed {
		got := w.decision()
		got.Decided, got.Why = want.Decided, want.Why // they speak of the clock
		if got != want {
			t.Errorf("decided %+v, rehearsed %+v", got, want)
		}
	}
	w.wantNudges(1)
}

func TestAnUnconfirmedSendIsAmbiguousForEver(t *testing.T) {
	w := newWorld(t)
	w.wrist.fail = func(schemas.Nudge) error { return errors.New("the broker did not answer") }
	w.start(w.wrist)
	f := escalated("e1", 2)
	w.find(f)
	w.expect("e1-2", schemas.ActionAmbiguous)
	w.find(f)
	// It may have been felt: it spaces the next, and a break is not unprompted.
	w.find(escalated("e2", 2))
	if d := w.expect("e2-2", schemas.ActionHeld); d.HeldBy != "spaced" {
		t.Errorf("held by %q", d.HeldBy)
	}
	w.find(closed("e1", 2, schemas.Break))
	w.quiet()
	w.wantNudges(1)
}

func TestARefusedSendIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	refused := 0
	w.wrist.fail = func(schemas.Nudge) error {
		if refused++; refused < 4 {
			return notify.ErrNotSent
		}
		return nil
	}
	w.start(w.wrist)
	w.find(escalated("e1", 2))
	w.expect("e1-2", schemas.ActionSent)
	w.wantNudges(1)
}

func TestStopDoesNotWaitForARefusingSender(t *testing.T) {
	w := newWorld(t)
	tried := make(chan struct{}, 100)
	w.wrist.fail = func(schemas.Nudge) error {
		tried <- struct{}{}
		return notify.ErrNotSent
	}
	w.start(w.wrist)
	w.find(escalated("e1", 2))
	<-tried
	w.stop()
	// What could not be sent is sent by the next run.
	w.wrist.fail = nil
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.wantNudges(1)
}

func TestDamagedMessagesAreSkipped(t *testing.T) {
	w := running(t)
	strange := func(change func(*schemas.Finding)) {
		f := escalated("e1", 2)
		change(&f)
		data, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		w.publish(schemas.FindingsSubject(acme, anna), data)
	}
	w.publish(schemas.FindingsSubject(acme, anna), []byte("not JSON"))
	w.publish(schemas.FindingsSubject(acme, anna), []byte(`{"schema":"sitwell.finding.v9"}`))
	strange(func(f *schemas.Finding) { f.Step = "paused" })
	strange(func(f *schemas.Finding) { f.Episode = "a..b" })
	strange(func(f *schemas.Finding) { f.Episode = strings.Repeat("e", 64) })
	strange(func(f *schemas.Finding) { f.Wearer = schemas.ID{} })
	strange(func(f *schemas.Finding) { f.Level = 1 << 40 })
	w.publish(schemas.RepliesSubject(acme, anna), []byte("not JSON"))
	w.publish(schemas.RepliesSubject(acme, anna), []byte(`{"schema":"sitwell.answer.v1"}`))
	w.reply(anna, time.Now(), schemas.Reply{Action: schemas.ReplySnooze, Minutes: 10})
	w.expect("", schemas.ActionReplied)
	w.find(escalated("e2", 2))
	if d := w.expect("e2-2", schemas.ActionHeld); d.HeldBy != "snoozed" {
		t.Errorf("held by %q", d.HeldBy)
	}
	w.wantNudges(0)
}
