package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"sitwell/internal/ops"
	"sitwell/schemas"
)

// link is one connection to a broker. Each has a client of its own, because the
// library's reconnection does not tell whether the broker still had the session.
type link struct {
	client  mqtt.Client
	round   *round
	metrics *Metrics
	lost    chan error // says once why the connection ended by itself
	cancel  context.CancelFunc

	mu       sync.Mutex // guards underWay
	underWay map[uint16]struct{}
}

const (
	keepAlive   = 10 * time.Second // a ping when nothing came or went for so long
	pingTimeout = 10 * time.Second // a dead connection is noticed within 25 s
	connectWait = 10 * time.Second
	// subscribeWait bounds the wait for the broker's answer to a subscription.
	subscribeWait = 10 * time.Second
	quiesce       = 250 // milliseconds for acknowledgements under way at a disconnection
)

// newLink prepares a connection that takes messages until ctx or the round ends.
func newLink(ctx context.Context, o SessionOptions, r *round, metrics *Metrics) *link {
	// The connection itself outlives ctx, so that the last acknowledgements and
	// the DISCONNECT go out; close ends it.
	wire, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &link{round: r, metrics: metrics, lost: make(chan error, 1), cancel: cancel, underWay: map[uint16]struct{}{}}
	opts := clientOptions(wire, o).
		// Everything goes to one handler: what the broker delivers before the
		// subscription is renewed would otherwise never be acknowledged.
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { l.deliver(ctx, m) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.lost <- err })
	l.client = mqtt.NewClient(opts)
	return l
}

// clientOptions are those of every connection to a broker; ending wire breaks it.
func clientOptions(wire context.Context, o SessionOptions) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker(o.URL).SetClientID(o.ClientID).SetProtocolVersion(4).
		SetUsername(o.Username).SetPassword(o.Password).
		// The broker keeps the session and what was not acknowledged.
		SetCleanSession(false).SetResumeSubs(false).
		// Acknowledged is stored, so the acknowledgement waits for the log.
		SetAutoAckDisabled(true).SetOrderMatters(true).
		// Session connects again itself.
		SetConnectRetry(false).SetAutoReconnect(false).
		SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout).SetConnectTimeout(connectWait).
		SetCustomOpenConnectionFn(dialer(wire))
}

// connect reports whether the broker still had the session.
func (l *link) connect(ctx context.Context) (present bool, err error) {
	token := l.client.Connect()
	select {
	case <-token.Done():
	case <-ctx.Done():
		return false, fmt.Errorf("connect: %w", ctx.Err())
	}
	switch err := token.Error(); {
	case errors.Is(err, packets.ErrorRefusedNotAuthorised), errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return false, fmt.Errorf("connect: %w: %w", err, ops.ErrUnauthorised)
	case err != nil:
		return false, fmt.Errorf("connect: %w", err)
	}
	connected, ok := token.(*mqtt.ConnectToken)
	return ok && connected.SessionPresent(), nil
}

// subscribe asks for delivery at least once.
func (l *link) subscribe(ctx context.Context, filter string) error {
	const atLeastOnce = 1
	ctx, cancel := context.WithTimeout(ctx, subscribeWait)
	defer cancel()
	token := l.client.Subscribe(filter, atLeastOnce, nil)
	select {
	case <-token.Done():
	case err := <-l.lost:
		return fmt.Errorf("subscribe: connection lost: %w", err)
	case <-ctx.Done():
		return fmt.Errorf("subscribe: the broker did not answer: %w", ctx.Err())
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	switch t, _ := token.(*mqtt.SubscribeToken); {
	case t == nil:
		return errors.New("subscribe: the client has no answer")
	case t.Result()[filter] != atLeastOnce:
		return fmt.Errorf("subscribe: the broker refused %s at QoS 1, it answered %#x", filter, t.Result()[filter])
	}
	return nil
}

// close sends what is acknowledged, then disconnects; the broker keeps the
// session. It is bounded, whatever the connection does.
func (l *link) close() {
	l.client.Disconnect(quiesce)
	l.cancel()
}

// deliver takes one message from the client. It runs in the client's own
// goroutine, so it may wait for room in the inbox and for nothing else; when the
// log takes nothing the round ends, and with it the wait, well before a ping
// would be missed. An acknowledgement that comes after its connection has gone
// is dropped by the client, and the broker delivers the message again.
func (l *link) deliver(ctx context.Context, m mqtt.Message) {
	if m.Qos() == 0 {
		l.metrics.bestEffort.Inc()
	}
	if m.Retained() && strings.HasSuffix(m.Topic(), "/"+string(schemas.KindReplies)) {
		// The broker repeats a retained message at each subscription; an answer
		// of once must not count again.
		l.metrics.stale.Inc()
		m.Ack()
		return
	}
	if !l.begin(m) {
		l.metrics.repeated.Inc()
		return
	}
	l.round.take(ctx, m.Topic(), m.Payload(), time.Now(), func(int) {
		l.finish(m)
		m.Ack()
	})
}

// begin reports whether a message is new. The embedded broker repeats after its
// AckWait what was not acknowledged, on the same connection and under the same
// packet identifier; while the log is slow that would pile up. The one
// acknowledgement to come serves all repetitions.
func (l *link) begin(m mqtt.Message) bool {
	if m.Qos() == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.underWay[m.MessageID()]; ok && m.Duplicate() {
		return false
	}
	l.underWay[m.MessageID()] = struct{}{}
	return true
}

// finish comes before the acknowledgement: from then on the broker may give the
// identifier to another message.
func (l *link) finish(m mqtt.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underWay, m.MessageID())
}
