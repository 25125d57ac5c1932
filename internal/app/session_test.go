package app_test

import (
	"path/filepath"
	"strings"
	"testing"

	"sitwell/internal/app"
)

// Another name for ingest's session would leave behind what the old one holds, so it
// must be meant; then it is said how to remove the old one, and nothing is removed.
func TestAnotherSessionMustBeMeant(t *testing.T) {
	b, err := start(t, brokerAlone(t))
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(b.Data(), "secret")
	kept := sessionOf(t, b.Bus())
	runs := func(clientID string, meant bool) (said string, err error) {
		t.Helper()
		var l lines
		o := beside(t, b, secret, app.Ingest)
		o.ClientID, o.NewSession, o.Logger = clientID, meant, l.logger()
		a, err := app.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			return l.text(), err
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
		return l.text(), nil
	}
	if _, err := runs(kept, false); err != nil {
		t.Fatalf("with the kept name: %v", err)
	}

	_, err = runs("ingest-2", false)
	if err == nil {
		t.Fatal("another name was taken without a word")
	}
	for _, word := range []string{kept, "ingest-2", "--new-session"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
	if now := sessionOf(t, b.Bus()); now != kept {
		t.Errorf("a refused name is kept: %s", now)
	}

	said, err := runs("ingest-2", true)
	if err != nil || !strings.Contains(said, "WARN") || !strings.Contains(said, "mosquitto_sub -i "+kept) {
		t.Errorf("a name that is meant: %v, said\n%s", err, said)
	}
	if now := sessionOf(t, b.Bus()); now != "ingest-2" {
		t.Errorf("the name that is kept is %s", now)
	}
	if said, err = runs("ingest-2", true); err != nil || strings.Contains(said, "has a new name") {
		t.Errorf("the same again: %v, said\n%s", err, said)
	}
	if _, err := runs("", false); err != nil {
		t.Errorf("without a name: %v", err)
	}
}

func TestANewSessionNeedsAName(t *testing.T) {
	o := options(t.TempDir())
	o.NewSession = true
	if _, err := app.New(o); err == nil || !strings.Contains(err.Error(), "new-session") {
		t.Errorf("without a name: %v", err)
	}
}
