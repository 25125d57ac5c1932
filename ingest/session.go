package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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
	logger *slog.Logger
	opened sync.Once // guards the closing of ready
	ready  chan struct{}
	cancel context.CancelFunc
}

// filter covers everything that devices publish, and what they should not, so
// that it ends in quarantine rather than nowhere. It is a single subscription
// because a broker keeps order within one only, and a device's readings and
// events are one sequence; the embedded broker also counts what is under way
// for the whole session, and would hold back for its AckWait what several
// subscriptions have too much.
const filter = "sitwell/#"

// Connect keeps a persistent session with a broker and gives each message to
// the ingest, acknowledging it when ingest says so. It returns at once; Ready
// tells when the session exists. ctx ends the taking of messages, Close the
// connection.
func Connect(ctx context.Context, o SessionOptions, i *Ingest) *Session {
	ctx, cancel := context.WithCancel(ctx)
	s := &Session{logger: o.Logger, ready: make(chan struct{}), cancel: cancel}
	opts := mqtt.NewClientOptions().AddBroker(o.URL).SetClientID(o.ClientID).SetProtocolVersion(4).
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
	opts.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { i.deliver(ctx, m) })
	opts.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		o.Logger.Warn("connection to the MQTT broker lost, connecting again", "err", err)
	})
	opts.SetOnConnectHandler(func(c mqtt.Client) { s.open(ctx, c) })
	s.client = mqtt.NewClient(opts)
	s.client.Connect() // retries by itself; Ready tells
	return s
}

// deliver takes one message from the client. It runs in the client's own
// goroutine, so it may wait for room in the inbox and for nothing else. An
// acknowledgement that comes after its connection has gone is dropped by the
// client, and the broker delivers the message again.
func (i *Ingest) deliver(ctx context.Context, m mqtt.Message) {
	if m.Qos() == 0 {
		i.metrics.bestEffort.Inc()
	}
	if m.Retained() && strings.HasSuffix(m.Topic(), "/"+string(schemas.KindReplies)) {
		// The broker repeats a retained message at each subscription; an answer
		// of once must not count again.
		i.metrics.stale.Inc()
		m.Ack()
		return
	}
	i.Handle(ctx, m.Topic(), m.Payload(), time.Now(), func(int) { m.Ack() })
}

// open subscribes, again until it succeeds: connected without a subscription,
// ingest would be deaf. The client calls it for each new connection.
func (s *Session) open(ctx context.Context, c mqtt.Client) {
	for pause := minPause; c.IsConnectionOpen(); pause = min(2*pause, maxPause) {
		err := subscribe(ctx, c)
		if err == nil {
			s.opened.Do(func() { close(s.ready) })
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.logger.Error("no subscription at the MQTT broker, trying again; check that ingest may read "+filter, "err", err)
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// subscribeWait bounds the wait for the broker's answer to a subscription.
const subscribeWait = 10 * time.Second

func subscribe(ctx context.Context, c mqtt.Client) error {
	const atLeastOnce, refused = 1, 0x80
	ctx, cancel := context.WithTimeout(ctx, subscribeWait)
	defer cancel()
	token := c.Subscribe(filter, atLeastOnce, nil)
	select {
	case <-token.Done():
	case <-ctx.Done():
		return fmt.Errorf("subscribe: the broker did not answer: %w", ctx.Err())
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if t, ok := token.(*mqtt.SubscribeToken); ok && t.Result()[filter] == refused {
		return fmt.Errorf("subscribe: the broker refused %s", filter)
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
	s.cancel()
	s.client.Disconnect(quiesce)
}
