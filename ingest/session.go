package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/schemas"
)

// SessionOptions say how to reach the broker.
type SessionOptions struct {
	// URL of the broker: tcp://host:port, ssl://host:port or ws://host:port.
	URL string
	// ClientID names the broker's persistent session. It must stay the same
	// from start to start: under it the broker keeps what was not acknowledged.
	ClientID           string
	Username, Password string
	Logger             *slog.Logger
}

// Session is ingest's connection to an MQTT broker.
type Session struct {
	client mqtt.Client
	ready  chan struct{}
}

// filters are the topics that devices publish on. Below readings lie other
// encodings of them, which this build keeps in quarantine.
func filters() map[string]byte {
	const atLeastOnce = 1
	return map[string]byte{
		schemas.TopicRoot + "/+/+/readings/#": atLeastOnce,
		schemas.TopicRoot + "/+/+/events":     atLeastOnce,
		schemas.TopicRoot + "/+/+/status":     atLeastOnce,
		schemas.TopicRoot + "/+/+/replies":    atLeastOnce,
	}
}

// Connect keeps a persistent session with a broker and gives each message to
// the ingest, acknowledging it when ingest says so. It returns at once; Ready
// tells when the session exists. ctx ends the taking of messages, Close the
// connection.
func Connect(ctx context.Context, o SessionOptions, i *Ingest) *Session {
	s := &Session{ready: make(chan struct{})}
	opts := mqtt.NewClientOptions().AddBroker(o.URL).SetClientID(o.ClientID).
		SetUsername(o.Username).SetPassword(o.Password).
		// The broker keeps the session and what was not acknowledged.
		SetCleanSession(false).SetResumeSubs(false).
		// Acknowledged is stored, so the acknowledgement waits for the log.
		SetAutoAckDisabled(true).SetOrderMatters(true).
		SetConnectRetry(true).SetConnectRetryInterval(time.Second).
		// The default would wait up to ten minutes after an outage.
		SetMaxReconnectInterval(5 * time.Second).
		SetKeepAlive(15 * time.Second).SetPingTimeout(10 * time.Second).SetConnectTimeout(10 * time.Second)
	// Everything goes to one handler: what the broker delivers before the
	// subscriptions are renewed would otherwise never be acknowledged.
	opts.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		if m.Qos() == 0 {
			i.metrics.bestEffort.Inc()
		}
		i.Handle(ctx, m.Topic(), m.Payload(), time.Now(), func(int) { m.Ack() })
	})
	opts.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		o.Logger.Warn("connection to the MQTT broker lost, connecting again", "err", err)
	})
	opened := false
	opts.SetOnConnectHandler(func(c mqtt.Client) {
		if err := subscribe(c); err != nil {
			o.Logger.Error("no subscription at the MQTT broker; check that ingest may read sitwell/v1/#", "err", err)
			return
		}
		if !opened {
			opened = true
			close(s.ready)
		}
	})
	s.client = mqtt.NewClient(opts)
	s.client.Connect() // retries by itself; Ready tells
	return s
}

// subscribeWait bounds the wait for the broker's answer to a subscription.
const subscribeWait = 10 * time.Second

func subscribe(c mqtt.Client) error {
	token := c.SubscribeMultiple(filters(), nil)
	if !token.WaitTimeout(subscribeWait) {
		return errors.New("subscribe: the broker did not answer")
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok {
		for filter, code := range t.Result() {
			if code > 2 {
				return fmt.Errorf("subscribe: the broker refused %s", filter)
			}
		}
	}
	return nil
}

// Ready waits until the session exists at the broker, so that nothing a device
// publishes from then on is lost.
func (s *Session) Ready(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connect to the MQTT broker: %w", ctx.Err())
	}
}

// Connected reports whether the connection stands now.
func (s *Session) Connected() bool { return s.client.IsConnectionOpen() }

// Close disconnects; the broker keeps the session.
func (s *Session) Close() {
	const quiesce = 250 // milliseconds for acknowledgements under way
	s.client.Disconnect(quiesce)
}
