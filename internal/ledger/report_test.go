package ledger_test

import (
	"strings"
	"testing"

	"sitwell/internal/ledger"
)

// Where everything is marked late there is nothing left that could be wrong.
func TestWhatProvesNothing(t *testing.T) {
	whole := ledger.Report{Acknowledged: 1000, Stored: 1000, Late: 10, Episodes: 3, Found: 3, Minutes: 9, Asked: 2, Decided: 1, Nudges: 1}
	if err := whole.Proves(); err != nil {
		t.Errorf("a whole one: %v", err)
	}
	for words, change := range map[string]func(r *ledger.Report){
		"11 of 1000 readings came too late": func(r *ledger.Report) { r.Late++ },
		"has no episodes":                   func(r *ledger.Report) { r.Episodes = 0 },
		"no episode is stored":              func(r *ledger.Report) { r.Found = 0 },
		"no minute is stored":               func(r *ledger.Report) { r.Minutes = 0 },
		"asks for no nudge":                 func(r *ledger.Report) { r.Asked = 0 },
		"no nudge was sent":                 func(r *ledger.Report) { r.Decided = 0 },
		"no nudge was received":             func(r *ledger.Report) { r.Nudges = 0 },
	} {
		r := whole
		change(&r)
		if err := r.Proves(); err == nil || !strings.Contains(err.Error(), words) || strings.Count(err.Error(), ",") > 1 {
			t.Errorf("%s: it says %v", words, err)
		}
	}
	mute := ledger.Report{Acknowledged: 1000, Stored: 1000, Late: 1000}
	if mute.Err() != nil || mute.Proves() == nil {
		t.Errorf("all late: %v and %v", mute.Err(), mute.Proves())
	}
}
