package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"sitwell/internal/app"
	"sitwell/internal/sim"
	"sitwell/schemas"
)

// lines gives what a console says to programs, a line at a time.
type lines struct {
	t   *testing.T
	out chan map[string]any
}

func (l lines) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		l.t.Logf("%s", line)
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			l.t.Errorf("%s: %v", line, err)
		}
		l.out <- v
	}
	return len(b), nil
}

func (l lines) await(event string) map[string]any {
	l.t.Helper()
	for limit := time.After(90 * time.Second); ; {
		select {
		case v := <-l.out:
			if v["event"] == event {
				return v
			}
			if v["event"] == "alone" {
				l.t.Fatalf("the second detector is gone: %v", v["error"])
			}
		case <-limit:
			l.t.Fatalf("no event %q", event)
		}
	}
}

func number(t *testing.T, v map[string]any, key string) int {
	t.Helper()
	n, ok := v[key].(float64)
	if !ok {
		t.Fatalf("%v has no number %s", v, key)
	}
	return int(n)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// live is the live part of a demo, with an office that has just come in.
func live(t *testing.T, say *Console) *Demo {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	exe, err := os.Executable()
	must(t, err)
	o := app.Defaults()
	o.Data, o.HTTP, o.MQTT, o.NATS, o.Name, o.Logger = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", firstDetector, log
	d := &Demo{
		o:   Options{App: o, Logger: log, Command: []string{exe}, Env: []string{"TEST_SITWELL_CHILD=1"}, Said: t.Output()},
		say: say, office: sim.NewOfficeOf(1, 1, time.Now()),
	}
	d.app, err = app.New(o)
	must(t, err)
	must(t, d.app.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 60*time.Second)
		defer cancel()
		for _, device := range d.fleet { // one is offline by the script
			if err := device.SetOnline(ctx, true); err != nil {
				t.Error(err)
			}
		}
		if err := d.fleet.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := d.app.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	must(t, enrol(t.Context(), d.app.Registry(), d.office))
	d.fleet, err = sim.ConnectAll(t.Context(), d.office.Wearers, sim.DeviceOptions{
		URL: d.app.MQTT(), Org: d.office.Org, Hertz: 2, Logger: log, OnAck: d.recent.note,
	})
	must(t, err)
	must(t, d.office.History(t.Context(), func(*sim.Wearer, []schemas.Item) error { return nil }))
	must(t, d.office.Tail(t.Context(), time.Now(), func(w *sim.Wearer, items []schemas.Item) error {
		return d.fleet[w].Send(t.Context(), w.Device, w.Boot(), items)
	}))
	return d
}

func TestTheKeyKillsADetectorAndNothingIsLost(t *testing.T) {
	said := lines{t, make(chan map[string]any, 100)}
	d := live(t, NewConsole(said, true, false))
	keys := make(chan byte)
	d.o.Keys = keys
	ctx, cancel := context.WithCancel(t.Context())
	played, detected := make(chan error, 1), make(chan struct{})
	go func() { played <- d.office.Live(ctx, d.fleet.Of, sim.Hooks{}) }()
	go func() { defer close(detected); d.detectors(ctx) }()
	joined := said.await("joined")
	if mine, all := number(t, joined, "partitions"), number(t, joined, "of"); 2*mine != all {
		t.Errorf("it judges %d of %d partitions", mine, all)
	}
	for range 2 { // what comes back can be killed again
		keys <- 'x' // not a key
		keys <- 'k'
		killed := said.await("kill")
		if number(t, killed, "wearers") == 0 || number(t, killed, "partitions") == 0 {
			t.Errorf("nobody is touched by it: %v", killed)
		}
		if s := said.await("takeover")["seconds"].(float64); s > 10 {
			t.Errorf("the takeover took %.1f s", s)
		}
		if back := said.await("spread"); back["pid"] == killed["pid"] || 2*number(t, back, "partitions") != number(t, back, "of") {
			t.Errorf("it is back as %v", back)
		}
		p := said.await("proof")
		n := number(t, p, "acknowledged")
		if n == 0 || number(t, p, "stored") != n || number(t, p, "judged") != n || number(t, p, "doubled") != 0 || number(t, p, "lost") != 0 {
			t.Errorf("the proof is %v", p)
		}
	}
	cancel()
	must(t, <-played)
	<-detected
}

func TestWithoutASecondDetectorTheDemoGoesOn(t *testing.T) {
	said := lines{t, make(chan map[string]any, 100)}
	d := live(t, NewConsole(said, true, false))
	d.o.Command = []string{d.o.App.Data + "/no such file"}
	d.detectors(t.Context())
	select {
	case v := <-said.out:
		if v["event"] != "alone" || v["error"] == "" {
			t.Errorf("it says %v", v)
		}
	default:
		t.Error("it says nothing")
	}
}

// A proof that begins within the millisecond of a reading asks the store for that
// reading, too.
func TestAProofBeginsWithAWholeMillisecond(t *testing.T) {
	said := lines{t, make(chan map[string]any, 100)}
	d := live(t, NewConsole(said, true, false))
	must(t, d.fleet.Flush(t.Context()))
	list := d.recent.since(d.office.Wearers[0].Device, time.Time{})
	if len(list) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	within := time.UnixMilli(list[len(list)-1].time).Add(400 * time.Microsecond)
	must(t, (&detectors{Demo: d}).prove(t.Context(), within))
	p := said.await("proof")
	if n := number(t, p, "acknowledged"); n == 0 || number(t, p, "stored") != n {
		t.Errorf("the proof is %v", p)
	}
}

func TestRecentIsBounded(t *testing.T) {
	var r recent
	device, now := schemas.MustID("band-1"), time.Now().Truncate(time.Second)
	items := make([]schemas.Item, 100)
	for n := range 100 {
		for i := range items {
			seq := 100*n + i
			items[i].Seq, items[i].Time = uint64(seq), now.Add(time.Duration(seq)*time.Second).UnixMilli()
		}
		r.note(device, 7, items)
		if kept := len(r.devices[device]); kept > 2*mostRecent {
			t.Fatalf("%d are kept", kept)
		}
	}
	last := r.since(device, now.Add(9990*time.Second))
	if len(last) != 10 || last[0].seq != 9990 || last[0].boot != 7 || len(r.since(schemas.MustID("band-2"), now)) != 0 {
		t.Errorf("of the last ten it has %v", last)
	}
}
