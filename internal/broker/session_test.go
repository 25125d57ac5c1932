package broker_test

import (
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/broker"
)

// session connects a persistent session that takes everything from devices.
func session(t *testing.T, b *broker.Broker, id, name, password string) mqtt.Client {
	t.Helper()
	c := client(b, id, name, password, nil)
	done(t, c.Connect())
	done(t, c.Subscribe("sitwell/#", 1, nil))
	return c
}

func client(b *broker.Broker, id, name, password string, heard chan<- string) mqtt.Client {
	return mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.MQTT()).SetClientID(id).SetProtocolVersion(4).
		SetUsername(name).SetPassword(password).SetCleanSession(false).SetAutoReconnect(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if heard != nil {
				heard <- string(m.Payload())
			}
		}))
}

// arrivals connects a session again and takes what the broker kept for it, until
// all that devices got acknowledged has come or nothing comes any more.
func arrivals(t *testing.T, b *broker.Broker, id, name, password string, acked *acks) map[string]bool {
	t.Helper()
	missing := map[string]bool{}
	for text := range acked.at {
		if strings.HasPrefix(text, "dev-") {
			missing[text] = true
		}
	}
	got, heard := map[string]bool{}, make(chan string, 100)
	if len(missing) == 0 {
		return got
	}
	c := client(b, id, name, password, heard)
	done(t, c.Connect())
	defer c.Disconnect(100)
	for len(missing) > 0 {
		select {
		case text := <-heard:
			got[text] = true
			delete(missing, text)
		case <-time.After(2 * broker.AckWait):
			return got
		}
	}
	return got
}
