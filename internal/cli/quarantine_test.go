package cli_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/schemas"
)

// quarantined is a sitwell with an entry that was kept in part, one that cannot be read,
// and three more.
func quarantined(t *testing.T) *app.App {
	t.Helper()
	a, err := app.New(app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	for i := range 5 {
		q := schemas.Quarantined{
			Reason: schemas.UnknownDevice, Detail: "nobody knows it", Topic: "sitwell/v1/acme/band-1/readings",
			Received: time.Now(), Payload: []byte("{"), Truncated: i == 0,
		}
		data, err := q.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			data = []byte("{")
		}
		if err := a.Bus().Publish(t.Context(), schemas.QuarantineSubject(q.Reason), data, ""); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestQuarantineListIsBounded(t *testing.T) {
	a := quarantined(t)
	code, out, errOut := run(t, "quarantine", "list", "--limit", "2", "--nats", a.NATS())
	if code != 0 || strings.Count(out, "unknown_device") != 2 || !strings.Contains(out, "\n4 ") || !strings.Contains(out, "\n5 ") {
		t.Errorf("exit %d, want numbers 4 and 5:\n%s", code, out)
	}
	if !strings.Contains(out, "2 older ones are not shown") {
		t.Errorf("it does not say how many are older:\n%s", out)
	}
	if !strings.Contains(errOut, "message 2 cannot be read") || !strings.Contains(errOut, "quarantine drop 2") {
		t.Errorf("it does not tell of what cannot be read: %s", errOut)
	}
}

// What cannot be taken keeps nothing else back.
func TestRedriveGoesOnBehindAFailure(t *testing.T) {
	a := quarantined(t)
	code, out, errOut := run(t, "quarantine", "redrive", "--nats", a.NATS())
	if code != 1 || !strings.Contains(out, "0 messages taken, 3 messages refused again") {
		t.Errorf("exit %d: %s", code, out)
	}
	if !strings.Contains(errOut, "1 message could not be taken") || !strings.Contains(errOut, "too large to be kept whole") {
		t.Errorf("it does not say what failed: %s", errOut)
	}
	if _, out, _ := run(t, "quarantine", "list", "--nats", a.NATS()); strings.Count(out, "unknown_device") != 1 || strings.Count(out, "not_json") != 3 {
		t.Errorf("afterwards there are\n%s", out)
	}
}

// A number that is not there is said plainly, and keeps nothing back.
func TestANumberThatIsNotInQuarantine(t *testing.T) {
	a := quarantined(t)
	const plain = "sitwell: 999 is not in quarantine; see `sitwell quarantine list`\n"
	for _, command := range []string{"show", "redrive", "drop"} {
		if code, out, errOut := run(t, "quarantine", command, "999", "--nats", a.NATS()); code != 1 || out != "" || errOut != plain {
			t.Errorf("%s: exit %d: %s%s", command, code, out, errOut)
		}
	}
	code, out, errOut := run(t, "quarantine", "redrive", "999", "3", "--nats", a.NATS())
	if code != 1 || !strings.Contains(out, "0 messages taken, 1 message refused again") || !strings.Contains(errOut, "999 is not in quarantine") {
		t.Errorf("redrive behind it: exit %d: %s%s", code, out, errOut)
	}
	if code, _, errOut := run(t, "quarantine", "drop"); code != 2 || !strings.Contains(errOut, "give the numbers of `sitwell quarantine list`") {
		t.Errorf("drop without a number: exit %d: %s", code, errOut)
	}
}

func TestHelpOfARoleSaysItsOwnDefaults(t *testing.T) {
	for _, role := range []string{"ingest", "detect", "notify"} {
		_, out, _ := run(t, role, "--help")
		if !strings.Contains(out, "address of health and metrics") || strings.Contains(out, "address of page") || !strings.Contains(out, "(default data/secret)") {
			t.Errorf("%s: %s", role, out)
		}
	}
}
