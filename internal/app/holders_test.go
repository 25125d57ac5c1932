package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
)

// begun starts an App with some roles, all for none, on free ports.
func begun(t *testing.T, dir string, roles ...Role) (a *App, stop func()) {
	t.Helper()
	a, err := New(Options{
		Data: dir, HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Roles: roles, Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = a.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// subscribed makes a session that takes everything from devices, and leaves it.
func subscribed(t *testing.T, url, id, password string) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetClientID(id).SetUsername(User).SetPassword(password).
		SetProtocolVersion(4).SetCleanSession(false).SetAutoReconnect(false))
	finished(t, c.Connect())
	finished(t, c.Subscribe("sitwell/#", 1, nil))
	c.Disconnect(100)
}

func finished(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(30*time.Second) || token.Error() != nil {
		t.Fatalf("mqtt: %v", token.Error())
	}
}

// halfMade makes sessions on a folder's log, and takes the records of some away: as a
// kill does that comes before the server writes it.
func halfMade(t *testing.T, dir string, whole, half []string) {
	t.Helper()
	b, err := broker.Start(t.Context(), brokertest.Options(filepath.Join(dir, "log")))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	log := brokertest.Bus(t, b)
	_, password := b.Credentials()
	for _, id := range append(whole, half...) {
		subscribed(t, "tcp://"+b.MQTT(), id, password)
	}
	all, err := holders(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	records, err := js.Stream(t.Context(), recordStream)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range half {
		m, err := records.GetLastMsgForSubject(t.Context(), recordPrefix+keyOf(t, all, id))
		if err == nil {
			err = records.DeleteMsg(t.Context(), m.Sequence)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// keyOf is the beginning of the name of a session's consumer.
func keyOf(t *testing.T, all []holder, session string) string {
	t.Helper()
	for _, h := range all {
		if h.session == session {
			return h.consumer.Name[:8]
		}
	}
	t.Fatalf("nothing is kept for %s", session)
	return ""
}

func sessions(t *testing.T, a *App) map[string]int {
	t.Helper()
	all, err := holders(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, h := range all {
		n[h.session]++
	}
	return n
}

// A kill while the server makes a session leaves a consumer that nobody reads. The
// start removes it, and nothing that a session's record names.
func TestAHalfMadeSessionIsRemoved(t *testing.T) {
	dir := t.TempDir()
	a, stop := begun(t, dir)
	name, err := keptName(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	halfMade(t, dir, []string{"somebody"}, []string{"half-1", "half-2"})
	a, stop = begun(t, dir)
	defer stop()
	if n := sessions(t, a); len(n) != 2 || n[name] != 1 || n["somebody"] != 1 {
		t.Errorf("consumers by session: %v", n)
	}
}

// What is kept for somebody else does not let devices in, and nobody waits for it.
func TestOnlyIngestsOwnSessionCounts(t *testing.T) {
	a, stop := begun(t, t.TempDir(), Broker)
	defer stop()
	subscribed(t, a.MQTT(), "somebody", a.secret)
	if own, err := a.ownHolder(t.Context()); err != nil || own != nil {
		t.Errorf("ingest's session is %+v, %v", own, err)
	}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("band-1").SetUsername(User).SetPassword(a.secret).SetProtocolVersion(4))
	finished(t, c.Connect())
	defer c.Disconnect(100)
	finished(t, c.Publish("sitwell/v1/acme/band-1/readings", 1, false, "{}"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := a.delivered(ctx); err != nil {
		t.Errorf("waited for somebody else: %v", err)
	}
	if held, err := HeldForOthers(t.Context(), a.bus); err != nil || len(held) != 1 || held[0].Session != "somebody" || held[0].Messages != 1 {
		t.Errorf("kept for others: %+v, %v", held, err)
	}
	if a.admitted() {
		t.Error("devices are let in without ingest's session")
	}

	name, err := keptName(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	subscribed(t, a.MQTT(), name, a.secret)
	if own, err := a.ownHolder(t.Context()); err != nil || own == nil || own.session != name {
		t.Errorf("ingest's session is %+v, %v", own, err)
	}
	if err := a.awaitAdmission(ctx); err != nil {
		t.Error(err)
	}
}
