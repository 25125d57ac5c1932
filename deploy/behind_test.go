package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sitwell/ingest"
	"sitwell/internal/app"
	"sitwell/internal/doctor"
	"sitwell/internal/ops"
)

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// process starts some roles with what mosquitto.conf tells to start.
func process(t *testing.T, secret, mosquitto string, out *lines, change func(*app.Options)) *app.App {
	t.Helper()
	o := app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0", SecretFile: secret, Logger: slog.New(slog.NewTextHandler(out, nil)),
		MQTT: app.NoMQTT, Broker: "tcp://" + mosquitto,
	}
	change(&o)
	a, err := app.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return a
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSitwellBehindMosquitto: with no MQTT listener of its own everything is ready and
// the doctor finds nothing wrong, in one process and in several.
func TestSitwellBehindMosquitto(t *testing.T) {
	mosquitto, secret := startMosquitto(t), secretFile(t, "for-this-test")
	for name, start := range map[string]func(t *testing.T, out *lines) *app.App{
		"one process": func(t *testing.T, out *lines) *app.App {
			t.Helper()
			return process(t, secret, mosquitto, out, func(*app.Options) {})
		},
		"processes": func(t *testing.T, out *lines) *app.App {
			t.Helper()
			a := process(t, secret, mosquitto, out, func(o *app.Options) {
				o.Broker, o.Roles = "", []app.Role{app.Broker, app.Detect, app.Record, app.Dashboard}
			})
			for _, role := range []app.Role{app.Ingest, app.Notify} {
				process(t, secret, mosquitto, out, func(o *app.Options) { o.NATS, o.HTTP, o.Roles = a.NATS(), "", []app.Role{role} })
			}
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out lines
			a := start(t, &out)
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			findings := doctor.Run(ctx, doctor.Options{
				NATS: a.NATS(), Secret: "for-this-test", Broker: "tcp://" + mosquitto, Page: a.HTTP(), Logger: slog.New(slog.DiscardHandler),
			})
			for _, f := range findings {
				if f.State == doctor.Fail {
					t.Errorf("%s: %s", f.Check, f.Says)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

// TestWhoMosquittoDoesNotKnowIsTold: the log line and the doctor say how Mosquitto
// learns the password.
func TestWhoMosquittoDoesNotKnowIsTold(t *testing.T) {
	const how = "mosquitto_passwd -b FILE sitwell"
	mosquitto, secret := startMosquitto(t), secretFile(t, "another")
	var out lines
	a := process(t, secret, mosquitto, &out, func(o *app.Options) { o.Broker, o.Roles = "", []app.Role{app.Broker} })
	process(t, secret, mosquitto, &out, func(o *app.Options) { o.NATS, o.HTTP, o.Roles = a.NATS(), "", []app.Role{app.Notify} })
	started := make(chan error, 1)
	i, err := app.New(app.Options{
		Data: t.TempDir(), NATS: a.NATS(), MQTT: "tcp://" + mosquitto, SecretFile: secret, Roles: []app.Role{app.Ingest},
		Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { started <- i.Start(ctx) }()
	defer func() { cancel(); <-started }()

	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); strings.Count(out.String(), how) < 2; {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("ingest and notify do not both say it:\n%s", out.String())
		}
	}
	err = ingest.CheckBroker(ctx, ingest.SessionOptions{URL: "tcp://" + mosquitto, Username: "sitwell", Password: "another", Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, ops.ErrUnauthorised) {
		t.Errorf("the broker's check says %v", err)
	}
	findings := doctor.Run(ctx, doctor.Options{NATS: a.NATS(), Secret: "another", Broker: "tcp://" + mosquitto, Logger: slog.New(slog.DiscardHandler)})
	said := 0
	for _, f := range findings {
		if f.State == doctor.Fail {
			said += strings.Count(f.Says+f.Do, how)
		}
	}
	if said != 1 {
		t.Errorf("the doctor says %d times how Mosquitto learns the password: %+v", said, findings)
	}
}
