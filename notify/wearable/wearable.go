// Package wearable brings nudges to wearables over MQTT.
//
// A Sender publishes at QoS 1 on the device's nudges topic and returns when the
// broker has taken the nudge. Devices subscribe at QoS 0, so that a nudge that
// cannot be delivered now is not delivered later, when it would be stale.
//
// A Sender is safe for concurrent use. Its test runs on the embedded broker.
package wearable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/schemas"
)

// Options say how to reach the broker.
type Options struct {
	URL                string // tcp://host:port
	ClientID           string
	Username, Password string
	Logger             *slog.Logger
}

// Sender is a connection to the broker.
type Sender struct{ client mqtt.Client }

// sendWait bounds one send; afterwards nobody knows whether it arrived.
const sendWait = 10 * time.Second

// Connect returns at once and connects in the background, again and again
// after a loss.
func Connect(o Options) *Sender {
	opts := mqtt.NewClientOptions().AddBroker(o.URL).SetClientID(o.ClientID).
		SetUsername(o.Username).SetPassword(o.Password).
		SetCleanSession(true).SetConnectRetry(true).SetConnectRetryInterval(time.Second).
		SetMaxReconnectInterval(5 * time.Second).SetKeepAlive(15 * time.Second).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			o.Logger.Warn("connection to the MQTT broker lost, connecting again", "err", err)
		})
	s := &Sender{client: mqtt.NewClient(opts)}
	s.client.Connect() // retries by itself
	return s
}

// Send publishes a nudge. After an error it may still have been delivered.
func (s *Sender) Send(ctx context.Context, org, device schemas.ID, nudge schemas.Nudge) error {
	payload, err := nudge.Encode()
	if err != nil {
		return err
	}
	topic := schemas.Topic{Org: org, Device: device, Kind: schemas.KindNudges}
	token := s.client.Publish(topic.String(), 1, false, payload)
	timeout := time.NewTimer(sendWait)
	defer timeout.Stop()
	select {
	case <-token.Done():
		err = token.Error()
	case <-timeout.C:
		err = errors.New("the broker did not answer")
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("send nudge to device %s: %w", device, err)
	}
	return nil
}

// Close disconnects.
func (s *Sender) Close() {
	const quiesce = 250 // milliseconds for what is under way
	s.client.Disconnect(quiesce)
}
