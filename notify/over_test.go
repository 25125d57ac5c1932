package notify_test

import (
	"testing"
	"time"

	"sitwell/notify"
	"sitwell/schemas"
)

// buffered is a finding of some time ago and the end of its episode, as a
// device's buffer gives them, one behind the other.
func buffered(episode string, age time.Duration, outcome schemas.Outcome) (opened, ended schemas.Finding) {
	opened, ended = escalated(episode, 2), closed(episode, 2, outcome)
	opened.Time = opened.Time.Add(-age)
	ended.Time = opened.Time.Add(age / 2)
	ended.End = ended.Time.Add(-5 * time.Second)
	return opened, ended
}

func TestWhatIsOverNudgesNobody(t *testing.T) {
	for _, outcome := range []schemas.Outcome{schemas.Recovered, schemas.Moved, schemas.Stood, schemas.Unknown} {
		t.Run(string(outcome), func(t *testing.T) {
			w := newWorld(t)
			f, end := buffered("e1", 70*time.Second, outcome)
			w.find(f)
			w.find(end)
			w.start(w.wrist)
			d := w.expect("e1-2", schemas.ActionHeld)
			if d.HeldBy != "over" || d.Why != "it was over before the nudge could come" || d.Text == "" || d.Reason == "" {
				t.Errorf("held by %q, %q: %+v", d.HeldBy, d.Why, d)
			}
			w.quiet() // it was not corrected either: nobody asked
			// Nor does it space the next.
			w.find(escalated("e2", 2))
			w.expect("e2-2", schemas.ActionSent)
			w.wantNudges(1)
		})
	}
}

// A load, a lean or sitting still that is over behind its finding nudges nobody,
// whatever ends it; that it was raised in between is no end.
func TestTheEndOfEveryRuleHolds(t *testing.T) {
	for rule, outcome := range map[schemas.Rule]schemas.Outcome{
		schemas.RuleSlouch: schemas.Recovered, schemas.RuleLoad: schemas.Recovered, schemas.RuleImmobility: schemas.Shifted,
		schemas.RuleLean: schemas.Moved, schemas.RuleBending: schemas.Recovered, schemas.RuleCalibration: schemas.Calibrated,
	} {
		t.Run(string(rule), func(t *testing.T) {
			w := newWorld(t)
			f, end := buffered("e1", 70*time.Second, outcome)
			f.Rule, end.Rule = rule, rule
			raised := f
			raised.Step = schemas.Raised
			w.find(f)
			w.find(raised)
			w.find(end)
			w.start(w.wrist)
			if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" || d.Rule != rule {
				t.Errorf("held by %q: %+v", d.HeldBy, d)
			}
			w.quiet()
			w.wantNudges(0)
		})
	}
}

func TestWhoHasRisenIsNotPrompted(t *testing.T) {
	w := newWorld(t)
	f, risen := buffered("e1", 90*time.Second, "")
	risen.Step, risen.ID, risen.End = schemas.Risen, "e1-risen2", time.Time{}
	w.find(f)
	w.find(risen)
	w.start(w.wrist)
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" || d.Why != "the wearer had got up before the nudge could come" {
		t.Errorf("held by %q, %q", d.HeldBy, d.Why)
	}
	w.quiet()
	w.wantNudges(0)
}

func TestABreakBeforeItsNudgeIsUnprompted(t *testing.T) {
	w := newWorld(t)
	f, end := buffered("e1", 110*time.Second, schemas.Break)
	w.find(f)
	w.find(end)
	w.start(w.wrist)
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" {
		t.Errorf("held by %q", d.HeldBy)
	}
	if d := w.expect("e1-0", schemas.ActionCounted); d.Outcome != schemas.Break || d.Seconds != end.Seconds {
		t.Errorf("counted %+v", d)
	}
	w.quiet()
	w.wantNudges(0)
}

// The end lies behind other findings and other wearers' in the log.
func TestTheEndIsFoundBehindOthers(t *testing.T) {
	w := newWorld(t)
	f, end := buffered("e1", 70*time.Second, schemas.Moved)
	opened := escalated("e2", 1)
	opened.Step = schemas.Opened
	w.find(f)
	w.find(opened)
	for range 3 {
		other := closed("e1", 2, schemas.Moved) // somebody else's of the same name
		other.Wearer = ben
		w.find(other)
	}
	w.publish(schemas.FindingsSubject(acme, anna), []byte("not JSON"))
	w.find(closed("e0", 2, schemas.Moved))
	w.find(end)
	w.start(w.wrist)
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" {
		t.Errorf("held by %q", d.HeldBy)
	}
}

// Only the end of the same episode counts, and only of the same wearer.
func TestWhatIsNotOverNudges(t *testing.T) {
	w := newWorld(t)
	f, _ := buffered("e1", 70*time.Second, schemas.Moved)
	w.find(f)
	w.find(closed("e0", 2, schemas.Moved))
	other := closed("e1", 2, schemas.Moved)
	other.Wearer = ben
	w.find(other)
	w.start(w.wrist)
	w.expect("e1-2", schemas.ActionSent)
	w.wantNudges(1)
}

// While a sender refuses, the finding is tried again; what ends meanwhile is not sent.
func TestWhatEndsWhileItCannotBeSentIsHeld(t *testing.T) {
	w := newWorld(t)
	w.find(escalated("e1", 2))
	ended := false
	w.wrist.fail = func(schemas.Nudge) error {
		if !ended {
			ended = true
			w.find(closed("e1", 2, schemas.Break))
		}
		return notify.ErrNotSent
	}
	w.start(w.wrist)
	if d := w.expect("e1-2", schemas.ActionHeld); d.HeldBy != "over" {
		t.Errorf("held by %q", d.HeldBy)
	}
	w.expect("e1-0", schemas.ActionCounted)
	w.wantNudges(0)
}
