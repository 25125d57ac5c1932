package doctor_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/app"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/doctor"
	"sitwell/internal/faults/disk"
	"sitwell/schemas"
)

func start(t *testing.T, change func(*app.Options)) *app.App {
	t.Helper()
	o := app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	}
	change(&o)
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
	return a
}

// look is what the doctor says of an App.
func look(t *testing.T, a *app.App, change func(*doctor.Options)) []doctor.Finding {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(a.Data(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	o := doctor.Options{NATS: a.NATS(), Secret: strings.TrimSpace(string(secret)), Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	return doctor.Run(t.Context(), o)
}

// says wants a finding, and that each that is not ok says what to do.
func says(t *testing.T, findings []doctor.Finding, check string, state doctor.State, words string) {
	t.Helper()
	for _, f := range findings {
		if f.State != doctor.OK && f.Do == "" {
			t.Errorf("%s does not say what to do: %s", f.Check, f.Says)
		}
	}
	if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
		return f.Check == check && f.State == state && strings.Contains(f.Says, words)
	}) {
		t.Errorf("no %s of %s with %q in\n%s", state, check, words, text(findings))
	}
}

func text(findings []doctor.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s: %s -> %s\n", f.State, f.Check, f.Says, f.Do)
	}
	return b.String()
}

func TestAllIsWell(t *testing.T) {
	a := start(t, func(*app.Options) {})
	findings := look(t, a, func(o *doctor.Options) { o.Broker, o.Page = a.MQTT(), a.HTTP() })
	if doctor.Failed(findings) {
		t.Errorf("something fails:\n%s", text(findings))
	}
	for check, words := range map[string]string{
		"log": "64 partitions", "streams": "the fullest is", "processes": "all roles are there", "durability": "always",
		"ingest's session": "connected and subscribed", "other sessions": "for ingest alone",
		"detectors": "1 share 64 partitions", "store": "not in the store yet",
		"clocks": "apart", "MQTT broker": "keeps a session", "page": "is ready",
	} {
		says(t, findings, check, doctor.OK, words)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	a := start(t, func(o *app.Options) { o.Roles, o.Durability = []app.Role{app.Broker}, "interval" })
	findings := look(t, a, nil)
	if !doctor.Failed(findings) {
		t.Error("a broker alone is well")
	}
	says(t, findings, "processes", doctor.Fail, "nobody has the role ingest, detect, notify, record, dashboard; there are broker (")
	says(t, findings, "durability", doctor.Warn, "loses up to 1 s")
	once(t, findings, "start `sitwell ingest`, `sitwell detect`, `sitwell notify`, `sitwell dashboard`")

	// Without the secret nobody is let in before devices are.
	findings = look(t, a, func(o *doctor.Options) { o.Secret = "" })
	says(t, findings, "log", doctor.Fail, "lets nobody in but sitwell's own parts")
	findings = look(t, a, func(o *doctor.Options) { o.Secret = "WRONG" })
	says(t, findings, "log", doctor.Fail, "refuses this secret of user sitwell")
}

func TestAFullStreamIsNamed(t *testing.T) {
	a := start(t, func(o *app.Options) { o.LogLimit = 2 << 20 })
	fill := func(enough int64) {
		for size := int64(0); size < enough; size += 32 << 10 {
			if err := a.Bus().Publish(t.Context(), schemas.ReadingsSubject(0), make([]byte, 32<<10), ""); err != nil {
				return
			}
		}
	}
	fill(1800 << 10)
	says(t, look(t, a, nil), "streams", doctor.Warn, "READINGS uses 8")
	fill(1 << 20)
	red(t, a)
	findings := look(t, a, func(o *doctor.Options) { o.Page = a.HTTP() })
	says(t, findings, "streams", doctor.Fail, "READINGS is full")
	says(t, findings, "page", doctor.Warn, "not ready for the reasons above")
	for _, f := range findings {
		if f.State == doctor.Fail && f.Check != "streams" {
			t.Errorf("the cause is told again: %s: %s", f.Check, f.Says)
		}
	}
}

// red waits until readiness, which remembers for a moment how full the log is, is red.
func red(t *testing.T, a *app.App) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP()+"/readyz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			return
		}
	}
	t.Fatal("readiness stays green")
}

// once wants one failure, which says what to do.
func once(t *testing.T, findings []doctor.Finding, do string) {
	t.Helper()
	var all []doctor.Finding
	for _, f := range findings {
		if f.State == doctor.Fail {
			all = append(all, f)
		}
	}
	if len(all) != 1 || all[0].Do != do {
		t.Errorf("not one failure with %q:\n%s", do, text(findings))
	}
}

func TestWhatIsNoSitwellIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		o     doctor.Options
		check string
		words string
	}{
		"nobody there": {doctor.Options{NATS: "nats://127.0.0.1:1"}, "log", "no log answers"},
		"no broker":    {doctor.Options{NATS: "nats://127.0.0.1:1", Broker: "tcp://127.0.0.1:1"}, "MQTT broker", "127.0.0.1:1"},
		"no page":      {doctor.Options{NATS: "nats://127.0.0.1:1", Page: "http://127.0.0.1:1"}, "page", "127.0.0.1:1"},
		"bare server":  {doctor.Options{NATS: bare(t)}, "log", "is no log of sitwell"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Logger = slog.New(slog.DiscardHandler)
			says(t, doctor.Run(t.Context(), c.o), c.check, doctor.Fail, c.words)
		})
	}
}

// What is kept for a session that nobody reads fills the broker.
func TestWhatIsKeptForAnotherSessionIsNamed(t *testing.T) {
	a := start(t, func(*app.Options) {})
	secret, err := os.ReadFile(filepath.Join(a.Data(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	connect := func(id string, clean bool) mqtt.Client {
		t.Helper()
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID(id).SetUsername(app.User).
			SetPassword(strings.TrimSpace(string(secret))).SetProtocolVersion(4).SetCleanSession(clean).SetAutoReconnect(false))
		done(t, c.Connect())
		return c
	}
	c := connect("retired", false)
	done(t, c.Subscribe("sitwell/#", 1, nil))
	c.Disconnect(100)
	c = connect("band-1", true)
	done(t, c.Publish("sitwell/v1/acme/band-1/readings", 1, false, "{}"))
	c.Disconnect(100)
	says(t, look(t, a, nil), "other sessions", doctor.Fail, "1 messages of devices are kept for the MQTT session retired, which")

	connect("retired", true).Disconnect(100) // as it says what to do
	says(t, look(t, a, nil), "other sessions", doctor.OK, "for ingest alone")
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(30*time.Second) || token.Error() != nil {
		t.Fatalf("mqtt: %v", token.Error())
	}
}

// bare is a server without streams.
func bare(t *testing.T) string {
	t.Helper()
	b := brokertest.Broker(t, t.TempDir())
	b.Admit()
	return "nats://" + b.NATS()
}

// A disk with little room is told of once, in the same words as in readiness; one that
// is merely small is well.
func TestLittleRoomIsTold(t *testing.T) {
	dir := disk.Small(t, 100<<20)
	a := start(t, func(o *app.Options) { o.Data = dir })
	says(t, look(t, a, nil), "disk", doctor.OK, "are free where")
	ballast := disk.Fill(t, dir)
	findings := look(t, a, func(o *doctor.Options) { o.Page = a.HTTP() })
	says(t, findings, "disk", doctor.Fail, "at least 12 MiB wanted; below that a write may fail, and what fails is not acknowledged")
	if n := strings.Count(text(findings), "nearly full"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, text(findings))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
}
