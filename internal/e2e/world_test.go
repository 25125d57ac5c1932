package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"sitwell/internal/app"
	"sitwell/internal/cli"
	"sitwell/schemas"
)

// patience is how long a test waits for something that should come at once.
const patience = 30 * time.Second

// world is a running sitwell.
type world struct {
	*app.App
	t         *testing.T
	decisions chan schemas.Decision
}

// start starts sitwell on a folder and free ports, until the test ends or stop.
func start(t *testing.T, dir string) *world {
	t.Helper()
	return startOn(t, dir, app.InfluxOptions{})
}

// startOn is start with the time series in an InfluxDB, or in the folder where none is named.
func startOn(t *testing.T, dir string, on app.InfluxOptions) *world {
	t.Helper()
	a, err := app.New(app.Options{
		Data: dir, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Influx: on,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{App: a, t: t, decisions: make(chan schemas.Decision, 100)}
	t.Cleanup(w.stop)
	_, err = a.Bus().Conn().Subscribe("nudges.*.*", func(m *nats.Msg) {
		d, err := schemas.DecodeDecision(m.Data)
		if err != nil {
			t.Errorf("decision: %v", err)
		}
		w.decisions <- d
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// stop drains, as a signal does. Stopping again does nothing.
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		w.t.Errorf("stop: %v", err)
	}
}

// settle waits until all that was acknowledged is judged and stored.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.Settle(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// sitwell runs the command line against this sitwell and returns what it printed.
func (w *world) sitwell(args ...string) string {
	w.t.Helper()
	var out, errOut bytes.Buffer
	if code := cli.Run(w.t.Context(), "test", append(args, "--nats", w.NATS()), &out, &errOut); code != 0 {
		w.t.Fatalf("sitwell %s: exit %d: %s", strings.Join(args, " "), code, &errOut)
	}
	return out.String()
}

// enrol registers wearers with a device each, assigned from an hour ago.
func (w *world) enrol(pairs ...[2]string) {
	w.t.Helper()
	w.sitwell("org", "add", "acme", "--zone", "Europe/Vienna")
	w.sitwell("team", "add", "acme", "dev")
	for _, p := range pairs {
		w.sitwell("wearer", "add", "acme", p[0], "--team", "dev")
		w.sitwell("device", "add", "acme", p[1])
		w.sitwell("device", "assign", "acme", p[1], "--wearer", p[0], "--from", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	}
}

// decision waits for a decision about a wearer.
func (w *world) decision(wearer string, action schemas.Action) schemas.Decision {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case d := <-w.decisions:
			if d.Wearer.String() == wearer && d.Action == action {
				return d
			}
		case <-timeout:
			w.t.Fatalf("no decision %q about %s", action, wearer)
		}
	}
}

// get reads JSON of the API into v.
func (w *world) get(v any, path string, query url.Values) {
	w.t.Helper()
	body := w.open(path, query)
	defer func() { _ = body.Body.Close() }()
	if err := json.NewDecoder(body.Body).Decode(v); err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
}

func (w *world) open(path string, query url.Values) *http.Response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.HTTP()+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("GET %s: %s", req.URL, resp.Status)
	}
	return resp
}

// stored is how often each (device, boot, seq) of a wearer is in the store.
func (w *world) stored(wearer string) map[string]int {
	w.t.Helper()
	resp := w.open("/api/v1/orgs/acme/wearers/"+wearer+"/readings", lastHour())
	defer func() { _ = resp.Body.Close() }()
	found := map[string]int{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		var r struct {
			Device    string
			Boot, Seq uint64
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			w.t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		found[fmt.Sprintf("%s/%d/%d", r.Device, r.Boot, r.Seq)]++
	}
	return found
}

func lastHour() url.Values {
	now := time.Now().UTC()
	return url.Values{"from": {now.Add(-time.Hour).Format(time.RFC3339)}, "to": {now.Add(time.Minute).Format(time.RFC3339)}}
}

// wearable is a real MQTT client, alone or a gateway for several devices.
type wearable struct {
	t      *testing.T
	client mqtt.Client
	nudges chan nudge
}

type nudge struct {
	device string
	schemas.Nudge
}

func connect(t *testing.T, w *world, clientID string, devices ...string) *wearable {
	t.Helper()
	d := &wearable{t: t, nudges: make(chan nudge, 10)}
	d.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker(w.MQTT()).SetClientID(clientID).SetCleanSession(true))
	wait(t, d.client.Connect())
	t.Cleanup(func() { d.client.Disconnect(100) })
	for _, device := range devices {
		wait(t, d.client.Subscribe("sitwell/v1/acme/"+device+"/nudges", 0, func(_ mqtt.Client, m mqtt.Message) {
			n, err := schemas.DecodeNudge(m.Payload())
			if err != nil {
				t.Errorf("nudge: %v", err)
			}
			d.nudges <- nudge{device, n}
		}))
	}
	return d
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("the broker did not answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// publish publishes at QoS 1 and waits for the acknowledgement.
func (d *wearable) publish(device, kind, payload string) {
	d.t.Helper()
	wait(d.t, d.client.Publish("sitwell/v1/acme/"+device+"/"+kind, 1, false, payload))
}

// nudged waits for a nudge.
func (d *wearable) nudged() nudge {
	d.t.Helper()
	select {
	case n := <-d.nudges:
		return n
	case <-time.After(patience):
		d.t.Fatal("no nudge arrived")
		return nudge{}
	}
}

// body writes a device's JSON by hand, so that the test shares no code with
// what it tests: one reading each half second, of one posture.
func body(boot, seq int, from, to time.Time, pitch float64) (payload string, next int) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"schema":"sitwell.readings.v1","boot":%d,"sent":%q,"readings":[`, boot, time.Now().UTC().Format(time.RFC3339Nano))
	for at := from; at.Before(to); at = at.Add(500 * time.Millisecond) {
		if at != from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"seq":%d,"time":%q,"trunk_pitch_deg":%.1f,"trunk_roll_deg":-2,"motion_sd_g":0.012,"sitting":true,"worn":true}`,
			seq, at.UTC().Format(time.RFC3339Nano), pitch)
		seq++
	}
	b.WriteString(`]}`)
	return b.String(), seq
}
