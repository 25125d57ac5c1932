package app_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"sitwell/internal/app"
)

func options(dir string) app.Options {
	return app.Options{
		Data: dir, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	for name, change := range map[string]func(*app.Options){
		"data": func(o *app.Options) { o.Data = "" },
		"http": func(o *app.Options) { o.HTTP = "8080" },
		"mqtt": func(o *app.Options) { o.MQTT = "0.0.0.0:1883" },
		"nats": func(o *app.Options) { o.NATS = ":4222" },
	} {
		o := options(t.TempDir())
		change(&o)
		if _, err := app.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*app.Options)
		words  string
	}{
		"ingest and nobody to take from": {func(o *app.Options) { o.MQTT = app.NoMQTT }, "--broker tcp://127.0.0.1:1883"},
		"the same in another process":    {func(o *app.Options) { o.MQTT, o.Roles = app.NoMQTT, []app.Role{app.Notify} }, "--broker"},
		"two brokers":                    {func(o *app.Options) { o.Broker = "tcp://127.0.0.1:1" }, "add --mqtt none"},
		"no address":                     {func(o *app.Options) { o.MQTT, o.Broker = app.NoMQTT, "mosquitto" }, "broker: \"mosquitto\" is neither"},
	} {
		o := options(t.TempDir())
		c.change(&o)
		if _, err := app.New(o); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := options(t.TempDir())
	o.MQTT, o.InsecureListen = "0.0.0.0:0", true
	if _, err := app.New(o); err != nil {
		t.Errorf("an open address was refused in spite of the flag: %v", err)
	}
}

func start(t *testing.T, o app.Options) (*app.App, error) {
	t.Helper()
	a, err := app.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return a, nil
}

func TestASecondProcessOnTheSameFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := start(t, options(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, options(dir)); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second one: %v", err)
	}
}

func TestPortsInUse(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, set := range map[string]func(*app.Options){
		"http": func(o *app.Options) { o.HTTP = taken.Addr().String() },
		"mqtt": func(o *app.Options) { o.MQTT = taken.Addr().String() },
		"nats": func(o *app.Options) { o.NATS = taken.Addr().String() },
	} {
		o := options(t.TempDir())
		set(&o)
		if _, err := start(t, o); err == nil || !strings.Contains(err.Error(), "--"+name) {
			t.Errorf("%s in use: %v", name, err)
		}
		o.FreePorts = true
		a, err := start(t, o)
		if err != nil {
			t.Fatalf("%s in use, free ones allowed: %v", name, err)
		}
		if moved := a.Moved(); len(moved) != 1 || moved[0].Name != name || moved[0].Wanted != taken.Addr().String() {
			t.Errorf("%s in use: moved %+v", name, moved)
		}
	}
}

// Without an MQTT listener nobody waits for ingest's session there.
func TestWithoutMQTT(t *testing.T) {
	o := options(t.TempDir())
	o.MQTT, o.Roles = app.NoMQTT, []app.Role{app.Broker, app.Detect, app.Record}
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	ready(t, a, "")
	if a.MQTT() != "" {
		t.Errorf("devices are told to connect to %s", a.MQTT())
	}
	nc, err := nats.Connect(a.NATS())
	if err != nil {
		t.Fatalf("a client without a name is not let in: %v", err)
	}
	nc.Close()
}

// What devices had sent through the listener is not taken without it: that is said, and
// nobody waits for it.
func TestWhatIsLeftBehindWithoutMQTTIsTold(t *testing.T) {
	o := options(t.TempDir())
	o.Roles = []app.Role{app.Broker, app.Ingest}
	stopped := func(o app.Options, work func(*app.App)) {
		a, err := app.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		work(a)
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopped(o, func(*app.App) {}) // ingest's session is there now
	o.Roles = []app.Role{app.Broker}
	stopped(o, func(a *app.App) {
		ready(t, a, "")
		device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("band-1"))
		wait(t, device.Connect())
		wait(t, device.Publish("sitwell/v1/acme/band-1/readings", 1, false, "x"))
		device.Disconnect(100)
	})
	said := &lines{}
	o.Logger, o.MQTT, o.Roles = said.logger(), app.NoMQTT, []app.Role{app.Broker, app.Record, app.Detect}
	stopped(o, func(a *app.App) {
		said.await(t, "still keeps what devices sent through it")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := a.Settle(ctx); err != nil {
			t.Error(err)
		}
	})
}
