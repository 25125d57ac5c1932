package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/ops"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// begin starts an App on a goroutine of its own, for what waits for others.
func begin(t *testing.T, o app.Options) <-chan *app.App {
	t.Helper()
	started := make(chan *app.App, 1)
	go func() {
		a, err := start(t, o)
		if err != nil {
			t.Errorf("start %s: %v", app.RoleList(o.Roles), err)
		}
		started <- a
	}()
	return started
}

func await(t *testing.T, started <-chan *app.App) *app.App {
	t.Helper()
	select {
	case a := <-started:
		if a == nil {
			t.FailNow()
		}
		return a
	case <-time.After(patience):
		t.Fatal("it did not start")
		return nil
	}
}

// brokerAlone are the options of a process that has only the broker.
func brokerAlone(t *testing.T) app.Options {
	t.Helper()
	o := options(t.TempDir())
	o.Roles = []app.Role{app.Broker}
	return o
}

// beside are the options of a process with other roles beside one with the broker.
func beside(t *testing.T, b *app.App, secretFile string, roles ...app.Role) app.Options {
	t.Helper()
	o := options(t.TempDir())
	o.Roles, o.SecretFile, o.NATS, o.MQTT = roles, secretFile, b.NATS(), b.MQTT()
	return o
}

// ready asks /readyz until it says what is wanted.
func ready(t *testing.T, a *app.App, want string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if last = readyz(t, a); last == want || want != "" && strings.Contains(last, want) {
			return
		}
	}
	t.Fatalf("readiness is %q, want %q", last, want)
}

// readyz is what is red, "" if nothing is.
func readyz(t *testing.T, a *app.App) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP()+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Ready  bool
		Checks []ops.Result
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	var red []string
	for _, c := range answer.Checks {
		if !c.Ready {
			red = append(red, c.Name+": "+c.Reason)
		}
	}
	if answer.Ready != (len(red) == 0) || answer.Ready != (resp.StatusCode == http.StatusOK) {
		t.Errorf("ready is %v with %d and %v", answer.Ready, resp.StatusCode, red)
	}
	return strings.Join(red, "; ")
}

// settled asks for settling as another process does.
func settled(t *testing.T, log *bus.Bus) app.Settled {
	t.Helper()
	m, err := log.Conn().Request(app.SettleSubject, nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	var s app.Settled
	if err := json.Unmarshal(m.Data, &s); err != nil || s.Error != "" {
		t.Fatalf("settle: %s, %v", m.Data, err)
	}
	return s
}

// enrol registers ann with a device.
func enrol(t *testing.T, r *registry.Registry) {
	t.Helper()
	enrolSince(t, r, time.Now().Add(-time.Hour))
}

func enrolSince(t *testing.T, r *registry.Registry, from time.Time) {
	t.Helper()
	ctx, acme, band := t.Context(), schemas.MustID("acme"), schemas.MustID("band-1")
	for _, err := range []error{
		r.AddOrg(ctx, registry.Org{ID: acme, Name: "Acme"}),
		r.AddWearer(ctx, registry.Wearer{Org: acme, ID: schemas.MustID("ann"), Name: "Ann"}),
		r.AddDevice(ctx, acme, band),
		r.Assign(ctx, acme, band, registry.Assignment{Wearer: schemas.MustID("ann"), From: from}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Each role in an App of its own, as processes are: started in the wrong order, each
// waits for the others; a reading goes all the way.
func TestEachRoleByItself(t *testing.T) {
	o := brokerAlone(t)
	secret := filepath.Join(o.Data, "secret")
	o, addresses := reserved(t, o)
	waiting := map[string]<-chan *app.App{}
	for _, roles := range [][]app.Role{{app.Record, app.Dashboard}, {app.Notify}, {app.Detect}, {app.Ingest}} {
		waiting[app.RoleList(roles)] = begin(t, func() app.Options {
			p := options(t.TempDir())
			p.Roles, p.SecretFile, p.NATS, p.MQTT = roles, secret, addresses.nats, "tcp://"+addresses.mqtt
			return p
		}())
	}
	b, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]*app.App{}
	for name, started := range waiting {
		parts[name] = await(t, started)
	}
	ready(t, b, "")
	dash := parts["record,dashboard"]
	for _, p := range parts {
		ready(t, p, "")
	}

	enrol(t, dash.Registry())
	known(t, parts["ingest"].Registry())
	device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(b.MQTT()).SetClientID("band-1"))
	wait(t, device.Connect())
	defer device.Disconnect(100)
	const n, size = 600, 200
	from := time.Now().Add(-(n + 5) * time.Second)
	for first := 0; first < n; first += size {
		if err := published(device, buffered(from, first, size)); err != nil {
			t.Fatal(err)
		}
	}
	if s := settled(t, b.Bus()); s.Readings != n || s.Duplicates != 0 || s.Rollups == 0 || s.Episodes == 0 {
		t.Errorf("of %d readings: %+v", n, s)
	}
}

// known waits until a copy of the registry has what enrol adds last.
func known(t *testing.T, r *registry.Registry) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if d, ok := r.Device(schemas.MustID("acme"), schemas.MustID("band-1")); ok && len(d.Assignments) > 0 {
			return
		}
	}
	t.Fatal("the registry's copy does not follow")
}

type addresses struct{ nats, mqtt string }

// reserved finds free ports for a broker, so that others know them before it starts.
func reserved(t *testing.T, o app.Options) (app.Options, addresses) {
	t.Helper()
	o.MQTT, o.NATS = free(t), free(t)
	return o, addresses{nats: o.NATS, mqtt: o.MQTT}
}

// Readiness of the page is of the whole: it names the role that is missing.
func TestReadinessNamesTheRoleThatIsMissing(t *testing.T) {
	o := brokerAlone(t)
	b, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	ready(t, b, "devices are let in once ingest's session exists")
	secret := filepath.Join(o.Data, "secret")
	dash, err := start(t, beside(t, b, secret, app.Record, app.Dashboard))
	if err != nil {
		t.Fatal(err)
	}
	ready(t, dash, "no process with the role ingest answers")
	if _, err := start(t, beside(t, b, secret, app.Ingest)); err != nil {
		t.Fatal(err)
	}
	ready(t, b, "")
	ready(t, dash, "")
}

// A log at its limit is red, and says what to do.
func TestReadinessSaysThatTheLogIsFull(t *testing.T) {
	o := brokerAlone(t)
	o.LogLimit = 1 << 20
	b, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	refused := false
	for range 100 {
		if err := b.Bus().Publish(t.Context(), schemas.ReadingsSubject(0), make([]byte, 32<<10), ""); err != nil {
			refused = true
			break
		}
	}
	if !refused {
		t.Fatal("3 MiB went into a log of 1 MiB")
	}
	ready(t, b, "READINGS of the log is at its limit")
}

// What a process says of itself is what doctor reads.
func TestAboutSaysWhatAProcessIs(t *testing.T) {
	o := options(t.TempDir())
	o.Durability, o.Name = "interval", "rack-2"
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Bus().Conn().Request(app.AboutSubject, nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	var about app.About
	if err := json.Unmarshal(m.Data, &about); err != nil {
		t.Fatal(err)
	}
	if len(about.Roles) != len(app.Everything()) || about.PID != os.Getpid() || about.Name != "rack-2" || about.Data != o.Data ||
		about.Durability != "interval" || about.WindowS != 1 || about.DiskTotal == 0 || about.Lag == nil {
		t.Errorf("%s", m.Data)
	}
}

// The name of ingest's session stays with the log, is taken over from an earlier
// version's file, and is there for an earlier version.
func TestTheSessionsNameStays(t *testing.T) {
	for name, before := range map[string]string{"new": "", "of an earlier version": "sitwell-ingest-BEFORE"} {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir())
			file := filepath.Join(o.Data, "mqtt-session")
			if before != "" {
				if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a, err := start(t, o)
			if err != nil {
				t.Fatal(err)
			}
			kept := sessionOf(t, a.Bus())
			if before != "" && kept != before || !strings.HasPrefix(kept, "sitwell-ingest-") {
				t.Errorf("the session is called %q", kept)
			}
			if b, err := os.ReadFile(file); err != nil || string(b) != kept {
				t.Errorf("the file says %q, %v", b, err)
			}
		})
	}
}

func sessionOf(t *testing.T, log *bus.Bus) string {
	t.Helper()
	kv, err := log.KV(t.Context(), bus.BucketCheckpoints)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(t.Context(), "ingest.session")
	if err != nil {
		t.Fatal(err)
	}
	return string(entry.Value())
}

// The secret is made once, for its owner's eyes.
func TestTheSecretStays(t *testing.T) {
	o := brokerAlone(t)
	var secrets []string
	for range 2 {
		a, err := app.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(o.Data, "secret"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("its file is %v, %v", info.Mode(), err)
		}
		b, err := os.ReadFile(filepath.Join(o.Data, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, strings.TrimSpace(string(b)))
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(secrets[0]) != 26 || secrets[0] != secrets[1] {
		t.Errorf("the secrets are %q", secrets)
	}
}

// A process with a wrong secret waits, and does not begin its work, whether devices are
// let in or not yet.
func TestAWrongSecretIsNotLetIn(t *testing.T) {
	for name, roles := range map[string][]app.Role{"before devices": {app.Broker}, "after them": {app.Broker, app.Ingest}} {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir())
			o.Roles = roles
			b, err := start(t, o)
			if err != nil {
				t.Fatal(err)
			}
			wrongSecret(t, b)
		})
	}
}

func wrongSecret(t *testing.T, b *app.App) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("WRONG"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := beside(t, b, secret, app.Detect)
	said := &lines{}
	o.Logger = said.logger()
	a, err := app.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Start(t.Context()) }()
	said.await(t, "Authorization Violation")
	said.await(t, fmt.Sprintf("is %s the secret of the log's own process?", secret))
	if detectors, err := app.Detectors(t.Context(), b.Bus()); err != nil || len(detectors.Members) != 0 {
		t.Errorf("with a wrong secret it is a detector: %+v, %v", detectors.Members, err)
	}
	right, err := os.ReadFile(filepath.Join(b.Data(), "secret"))
	if err == nil {
		err = os.WriteFile(secret, right, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("with the right secret: %v", err)
		}
	case <-time.After(patience):
		t.Error("the right secret is not taken")
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// A stop has a beginning and an end in the log, and a detector says in one line what
// its share is.
func TestAStopAndAShareAreTold(t *testing.T) {
	o := options(t.TempDir())
	said := &lines{}
	o.Logger = said.logger()
	a, err := app.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	said.await(t, `msg="this detector has another share of the log" partitions=64 before=0`)
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, once := range []string{"another share of the log", `msg="sitwell drains`, `msg="sitwell has stopped" roles=` + app.RoleList(app.Everything()) + " took="} {
		if n := strings.Count(said.text(), once); n != 1 {
			t.Errorf("%q is told %d times in\n%s", once, n, said.text())
		}
	}
}
