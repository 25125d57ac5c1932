// Package wearable brings nudges to wearables over MQTT.
//
// A Sender publishes at QoS 1 on the device's nudges topic and returns when the
// broker has taken the nudge. It publishes each nudge once: without a connection
// it refuses at once, and what was under way when a connection broke is given
// up rather than published again by the next one, minutes late or a second time.
// Devices subscribe at QoS 0, so that a nudge that cannot be delivered now is
// not delivered later.
//
// Nothing is queued: each Send waits for its own answer.
//
// A Sender is safe for concurrent use. Its tests run on the embedded broker.
package wearable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"sitwell/internal/ops"
	"sitwell/notify"
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
type Sender struct {
	client mqtt.Client
	stop   chan struct{}
	ended  chan struct{}
}

var _ notify.Sender = (*Sender)(nil)

const (
	// sendWait bounds one send, and before it the wait for a connection that takes
	// nothing; afterwards nobody knows whether it arrived.
	sendWait = 10 * time.Second
	// retryEvery is how often a connection is looked after.
	retryEvery = time.Second
)

// Connect returns at once and connects in the background, again and again
// after a loss.
func Connect(o Options) *Sender {
	// The library's own reconnection would publish again what was not
	// acknowledged; a new connection of a clean session does not.
	opts := mqtt.NewClientOptions().AddBroker(o.URL).SetClientID(o.ClientID).SetProtocolVersion(4).
		SetUsername(o.Username).SetPassword(o.Password).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(5 * time.Second).SetWriteTimeout(sendWait).
		SetKeepAlive(15 * time.Second).SetPingTimeout(5 * time.Second).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			o.Logger.Warn("connection to the MQTT broker lost, connecting again", "err", err)
		})
	s := &Sender{client: mqtt.NewClient(opts), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.keep(o.Logger)
	return s
}

// keep connects whenever there is no connection.
func (s *Sender) keep(logger *slog.Logger) {
	defer close(s.ended)
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	failing := false
	for {
		if !s.client.IsConnectionOpen() {
			token := s.client.Connect()
			select {
			case <-token.Done():
			case <-s.stop:
				return
			}
			err := explained(token.Error())
			if err != nil && !failing {
				logger.Warn("no connection to the MQTT broker, trying again every second", "err", err)
			}
			failing = err != nil
		}
		select {
		case <-tick.C:
		case <-s.stop:
			return
		}
	}
}

// explained adds to a refusal how a broker comes to know sitwell's parts.
func explained(err error) error {
	if errors.Is(err, packets.ErrorRefusedNotAuthorised) || errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) {
		return fmt.Errorf("%w: %w", err, ops.ErrUnauthorised)
	}
	return err
}

// Send publishes a nudge. An error that wraps notify.ErrNotSent says that it
// was not published; after any other one it may have been delivered.
func (s *Sender) Send(ctx context.Context, org, device schemas.ID, nudge schemas.Nudge) error {
	payload, err := nudge.Encode()
	if err != nil {
		return fmt.Errorf("%w: %w", notify.ErrNotSent, err)
	}
	if !s.client.IsConnectionOpen() {
		return fmt.Errorf("%w: there is no connection to the MQTT broker", notify.ErrNotSent)
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
	if errors.Is(err, mqtt.ErrNotConnected) { // the connection went just now: the library has taken nothing
		return fmt.Errorf("%w: %w", notify.ErrNotSent, err)
	}
	if err != nil {
		return fmt.Errorf("send nudge: %w", err)
	}
	return nil
}

// Close disconnects.
func (s *Sender) Close() {
	const quiesce = 250 // milliseconds for what is under way
	close(s.stop)
	<-s.ended
	s.client.Disconnect(quiesce)
}
