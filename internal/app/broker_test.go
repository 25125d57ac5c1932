package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitwell/schemas"
)

func brokerOnly(t *testing.T, data string) *App {
	t.Helper()
	a, err := New(Options{
		Roles: []Role{Broker}, Data: data, MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Readiness asks the broker itself too: what it says of its health comes before what
// a probe would find out, which may succeed beside a stream that takes nothing.
func TestReadinessSaysWhatTheBrokerSaysOfItself(t *testing.T) {
	a := brokerOnly(t, t.TempDir())
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if err := a.checkLog(t.Context()); err != nil {
		t.Errorf("of a log that works readiness says %v", err)
	}
	a.broker.Stop()
	health, err := a.broker.Health(), a.checkLog(t.Context())
	if health == nil || err == nil || err.Error() != health.Error() {
		t.Errorf("readiness says %v, and the broker %v", err, health)
	}
}

// A log that cannot be read is the user's to decide about: the broker's words reach
// them as they are, first and without another error around them.
func TestWhatTheBrokerRefusesToStartWithReachesTheUser(t *testing.T) {
	data := t.TempDir()
	a := brokerOnly(t, data)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	meta := filepath.Join(data, "log", "jetstream", "$G", "streams", schemas.StreamReadings, "meta.inf")
	text, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(meta, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	err = brokerOnly(t, data).Start(t.Context())
	if err == nil {
		t.Fatal("a log was started without one of its streams")
	}
	for _, part := range []string{"the server did not recover what is on disk", "Move the folder away only if", schemas.StreamReadings + " in " + filepath.Dir(meta)} {
		if !strings.HasPrefix(err.Error(), "start broker: ") || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the start says %q, and not %q", err, part)
		}
	}
}
