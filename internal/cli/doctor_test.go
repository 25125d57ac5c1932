package cli_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/doctor"
)

func TestDoctor(t *testing.T) {
	o := app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	}
	a, err := app.New(o)
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
	args := []string{"doctor", "--nats", a.NATS(), "--api", a.HTTP(), "--secret-file", filepath.Join(o.Data, "secret")}
	code, out, errOut := run(t, args...)
	if code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	for _, line := range []string{"ok    log", "ok    processes", "ok    durability", "ok    detectors", "ok    page"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is missing in\n%s", line, out)
		}
	}
	code, out, _ = run(t, append(args, "--json")...)
	var findings []doctor.Finding
	if err := json.Unmarshal([]byte(out), &findings); code != 0 || err != nil || len(findings) < 9 || findings[0].Check != "log" {
		t.Errorf("as JSON, exit %d, %v: %s", code, err, out)
	}
	code, out, errOut = run(t, "doctor", "--nats", "127.0.0.1:1")
	if code != 1 || !strings.Contains(out, "FAIL  log") || !strings.Contains(out, "-> start `sitwell serve`") || !strings.Contains(errOut, "something is wrong") {
		t.Errorf("without a log, exit %d: %s%s", code, out, errOut)
	}
}
