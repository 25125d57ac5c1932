package broker_test

import (
	"fmt"
	"net"
	"strings"
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
	for _, addr := range []string{"", "here", "127.0.0.1:mqtt", "127.0.0.1:70000"} {
		_, err := broker.Start(t.Context(), broker.Options{Dir: t.TempDir(), MQTT: addr, NATS: "127.0.0.1:0"})
		if err == nil {
			t.Errorf("address %q was taken", addr)
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

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("the broker did not answer")
	}
	if err := token.Error(); err != nil && !strings.Contains(err.Error(), "subscription") {
		t.Fatal(err)
	}
}
