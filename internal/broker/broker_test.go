package broker_test

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/schemas"
)

// connect tries once to connect as an MQTT client.
func connect(t *testing.T, b *broker.Broker, user, password string) error {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("device").
		SetUsername(user).SetPassword(password).SetConnectTimeout(5 * time.Second))
	token := c.Connect()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("the broker did not answer")
	}
	if token.Error() == nil {
		c.Disconnect(0)
	}
	return token.Error()
}

func TestNobodyGetsInBeforeAdmit(t *testing.T) {
	b := brokertest.Broker(t, t.TempDir())
	if err := connect(t, b, "", ""); err == nil {
		t.Error("a device got in before Admit")
	}
	user, password := b.Credentials()
	if err := connect(t, b, user, password); err != nil {
		t.Errorf("sitwell's own client was refused: %v", err)
	}
	b.Admit()
	if err := connect(t, b, "", ""); err != nil {
		t.Errorf("a device was refused after Admit: %v", err)
	}
	// Who says to be a part of sitwell must be one, also now.
	if err := connect(t, b, user, "wrong"); err == nil {
		t.Error("a wrong secret was taken over MQTT after Admit")
	}
	for name, c := range map[string]struct {
		o    []nats.Option
		want error
	}{
		"a wrong secret": {[]nats.Option{nats.UserInfo(user, "wrong")}, nats.ErrAuthorization},
		"no secret":      {[]nats.Option{nats.UserInfo(user, "")}, nats.ErrAuthorization},
		"no name":        {nil, nil},
		"the secret":     {[]nats.Option{nats.UserInfo(user, password)}, nil},
	} {
		nc, err := nats.Connect("nats://"+b.NATS(), c.o...)
		if !errors.Is(err, c.want) {
			t.Errorf("%s after Admit: %v, want %v", name, err, c.want)
		}
		if err == nil {
			nc.Close()
		}
	}
}

// TestRefusalsBeforeAdmitAreOneLine: at a restart all devices try again and again. A
// wrong secret is no such refusal.
func TestRefusalsBeforeAdmitAreOneLine(t *testing.T) {
	var lines lockedLines
	o := brokertest.Options(t.TempDir())
	o.Log = slog.New(slog.NewTextHandler(&lines, nil))
	b, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	const attempts = 5
	for range attempts {
		c, err := nats.Connect("nats://" + b.NATS())
		if err == nil {
			c.Close()
			t.Fatal("somebody got in before Admit")
		}
	}
	for name, secret := range map[string]string{"": "", "band": "x"} {
		if err := mqtt311(b, name, secret); err == nil {
			t.Fatal("a device got in before Admit")
		}
	}
	if said := lines.about("authentication error"); len(said) > 0 {
		t.Errorf("before Admit it said %q", said)
	}
	user, _ := b.Credentials()
	if err := mqtt311(b, user, "wrong"); err == nil {
		t.Fatal("a wrong secret was taken")
	}
	if said := lines.about("authentication error"); len(said) != 1 {
		t.Errorf("about a wrong secret it said %q", said)
	}
	b.Admit()
	b.Admit()
	if said := lines.about("refused before"); len(said) != 1 || !strings.Contains(said[0], fmt.Sprint("attempts=", attempts+2)) {
		t.Errorf("about %d refusals it said %q", attempts+2, said)
	}
}

// mqtt311 connects once, by the one version of MQTT that there is.
func mqtt311(b *broker.Broker, name, secret string) error {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("device").SetProtocolVersion(4).
		SetUsername(name).SetPassword(secret))
	token := c.Connect()
	token.Wait()
	if token.Error() == nil {
		c.Disconnect(0)
	}
	return token.Error()
}

// lockedLines is a log that can be read while it is written.
type lockedLines struct {
	mu  sync.Mutex // guards buf
	buf strings.Builder
}

func (l *lockedLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// about is the lines that hold a text.
func (l *lockedLines) about(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func TestAddressesAreReal(t *testing.T) {
	b := brokertest.Broker(t, t.TempDir())
	for name, addr := range map[string]string{"mqtt": b.MQTT(), "nats": b.NATS()} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s at %q: %v", name, addr, err)
			continue
		}
		_ = c.Close()
	}
}

func TestBadAddressIsNamed(t *testing.T) {
	// No address at all is for MQTT that there is no listener.
	for _, o := range []broker.Options{
		{MQTT: "here"}, {MQTT: "127.0.0.1:mqtt"}, {MQTT: "127.0.0.1:70000"}, {MQTT: "127.0.0.1:0", NATS: "here"}, {MQTT: "127.0.0.1:0", NATS: "127.0.0.1:x"},
	} {
		o.Dir, o.NATS, o.Log = t.TempDir(), cmp.Or(o.NATS, "127.0.0.1:0"), slog.New(slog.DiscardHandler)
		if b, err := broker.Start(t.Context(), o); err == nil {
			b.Stop()
			t.Errorf("MQTT %q and NATS %q were taken", o.MQTT, o.NATS)
		}
	}
}

// TestDevicesReachNothingButTheirTopics: the log's subjects are a publish away
// from an MQTT client, and must not be.
func TestDevicesReachNothingButTheirTopics(t *testing.T) {
	b, log := brokertest.Start(t)
	if err := log.Publish(t.Context(), schemas.ReadingsSubject(1), []byte("kept"), ""); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 100)
	sub, err := log.Conn().Subscribe(">", func(m *nats.Msg) { heard <- m.Subject })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := log.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("device").SetProtocolVersion(4))
	done(t, c.Connect())
	defer c.Disconnect(0)
	for _, topic := range []string{
		"$JS/API/STREAM/DELETE/READINGS", "$JS/API/STREAM/PURGE/READINGS", "$KV/registry/org/acme", "readings/1",
		"findings/acme/anna", "redrive", "watch/acme/anna", "sitwell/v1/acme/band-1/nudges",
	} {
		done(t, c.Publish(topic, 1, false, ""))
	}
	// A publish that is allowed comes behind them on the same connection.
	done(t, c.Publish("sitwell/v1/acme/band-1/readings", 1, false, "x"))
	for subject := ""; subject != "sitwell.v1.acme.band-1.readings"; {
		subject = <-heard
		// The server itself uses $JS.API for its MQTT streams.
		if strings.HasSuffix(subject, ".READINGS") || strings.HasPrefix(subject, "$KV.") || strings.HasPrefix(subject, "readings.") ||
			strings.HasPrefix(subject, "findings.") || strings.HasPrefix(subject, "watch.") || strings.HasSuffix(subject, ".nudges") {
			t.Errorf("a device published on %s", subject)
		}
	}
	if seq, err := log.LastSeq(t.Context(), schemas.StreamReadings); err != nil || seq != 1 {
		t.Errorf("the log ends at %d, %v; want 1", seq, err)
	}
}

func TestDevicesHearOnlyWhatIsForDevices(t *testing.T) {
	b, _ := brokertest.Start(t)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("device").SetProtocolVersion(4))
	done(t, c.Connect())
	defer c.Disconnect(0)
	for topic, allowed := range map[string]bool{
		"sitwell/v1/acme/band-1/nudges": true, "sitwell/v1/acme/band-1/config": true,
		"#": false, "$SYS/#": false, "$JS/#": false, "sitwell/#": false, "+/+/+/+/+": false,
		"sitwell/v1/acme/band-1/readings": false, "readings/1": false,
	} {
		for qos := range byte(2) {
			token := c.Subscribe(topic, qos, nil)
			done(t, token)
			if granted := token.(*mqtt.SubscribeToken).Result()[topic] == qos; granted != allowed {
				t.Errorf("%s at QoS %d: granted is %v", topic, qos, granted)
			}
		}
	}
}

// TestNudgesReachADeviceAtEitherQoS: the permissions leave the server its own
// way to deliver.
func TestNudgesReachADeviceAtEitherQoS(t *testing.T) {
	b, _ := brokertest.Start(t)
	user, password := b.Credentials()
	sender := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("sender").
		SetUsername(user).SetPassword(password).SetProtocolVersion(4))
	done(t, sender.Connect())
	defer sender.Disconnect(0)
	for qos := range byte(2) {
		got := make(chan string, 1)
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID(fmt.Sprint("band-", qos)).SetProtocolVersion(4))
		done(t, c.Connect())
		topic := fmt.Sprintf("sitwell/v1/acme/band-%d/nudges", qos)
		done(t, c.Subscribe(topic, qos, func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }))
		done(t, sender.Publish(topic, 1, false, "up"))
		select {
		case text := <-got:
			if text != "up" {
				t.Errorf("QoS %d: got %q", qos, text)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("QoS %d: nothing arrived", qos)
		}
		c.Disconnect(0)
	}
}

// TestAPublishAtQoS2IsNotAcknowledged: the server could lose it later. A subscription
// at QoS 2 is served at QoS 1.
func TestAPublishAtQoS2IsNotAcknowledged(t *testing.T) {
	b, _ := brokertest.Start(t)
	user, password := b.Credentials()
	reader := client(b, "reader", user, password, nil)
	done(t, reader.Connect())
	defer reader.Disconnect(0)
	subscribed := reader.Subscribe("sitwell/#", 2, nil)
	done(t, subscribed)
	if granted := subscribed.(*mqtt.SubscribeToken).Result()["sitwell/#"]; granted != 1 {
		t.Errorf("a subscription at QoS 2 is granted QoS %d", granted)
	}
	lost := make(chan error, 1)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID("device").SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err }))
	done(t, c.Connect())
	defer c.Disconnect(0)
	token := c.Publish("sitwell/v1/acme/band-1/readings", 2, false, "x")
	select {
	case <-lost:
	case <-token.Done():
		if token.Error() == nil {
			t.Error("a publish at QoS 2 is acknowledged")
		}
	case <-time.After(30 * time.Second):
		t.Error("neither refused nor acknowledged")
	}
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("the broker did not answer")
	}
	if err := token.Error(); err != nil && !strings.Contains(err.Error(), "subscription") {
		t.Fatal(err)
	}
}
