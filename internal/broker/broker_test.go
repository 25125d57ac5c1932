package broker_test

import (
	"net"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
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
