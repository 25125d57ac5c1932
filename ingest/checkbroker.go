package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// probes is how many messages CheckBroker leaves with a broker: more than the
// 1,000 that some brokers keep for a client that is away, unless told otherwise.
const probes = 1200

// CheckBroker finds out whether a broker keeps what ingest relies on: a
// persistent session with QoS 1, its messages while ingest is away, and those
// ingest had taken and not acknowledged. It works with a session and topics of
// its own, below sitwell-doctor/, and removes both. It takes some seconds; ctx
// bounds it. The error says what the broker does not do.
func CheckBroker(ctx context.Context, o SessionOptions) error {
	name := "sitwell-doctor-" + rand.Text()
	o.ClientID = name
	c := check{o: o, prefix: "sitwell-doctor/" + name + "/"}
	err := c.run(ctx)
	clean := c.clean(ctx)
	if err != nil {
		return fmt.Errorf("check MQTT broker %s: %w", o.URL, err)
	}
	return clean
}

type check struct {
	o      SessionOptions
	prefix string
}

func (c *check) run(ctx context.Context) error {
	v, err := c.visit(ctx, false)
	if err != nil {
		return err
	}
	err = v.subscribe(ctx, c.prefix+"#")
	v.leave()
	if err != nil {
		return err
	}
	if err := c.publish(ctx); err != nil {
		return err
	}
	// The first visit takes all and acknowledges nothing, the second gets them
	// again and acknowledges.
	for _, acknowledge := range []bool{false, true} {
		if err := c.collect(ctx, acknowledge); err != nil {
			return err
		}
	}
	return nil
}

// publish leaves the messages with the broker, from a client of their own.
func (c *check) publish(ctx context.Context) error {
	o := c.o
	o.ClientID += "-device"
	v, err := (&check{o: o}).visitClean(ctx)
	if err != nil {
		return err
	}
	defer v.leave()
	// A few at a time: a broker that writes each to its disk answers pings behind
	// them, and on a slow disk too late for all at once.
	const window = 32
	tokens := make([]mqtt.Token, 0, probes)
	for n := range probes + window {
		if n >= window {
			if err := done(ctx, tokens[n-window]); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
		if n < probes {
			tokens = append(tokens, v.client.Publish(c.prefix+strconv.Itoa(n), 1, false, "x"))
		}
	}
	return nil
}

// collect visits the broker until every message has come. Those left without an
// acknowledgement are dropped with the visit.
func (c *check) collect(ctx context.Context, acknowledge bool) error {
	v, err := c.visit(ctx, acknowledge)
	if err != nil {
		return err
	}
	defer v.leave()
	if !v.present {
		return errors.New("the session was forgotten while the client was away: let the broker keep sessions, with persistence, and longer than ingest may be away")
	}
	// As ingest does: a broker may start delivery only with the subscription.
	if err := v.subscribe(ctx, c.prefix+"#"); err != nil {
		return err
	}
	return v.await(ctx, acknowledge)
}

// silence is after how long without another message the rest is given up.
const silence = 10 * time.Second

func (v *visit) await(ctx context.Context, acknowledge bool) error {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case <-v.news:
			quiet.Reset(silence)
		case <-quiet.C:
			return v.missing(acknowledge)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", v.missing(acknowledge), ctx.Err())
		}
		// Brokers that bound what is under way hand out the rest only once some is
		// acknowledged: without that, something to come again is all there is to see.
		if n := v.count(); n == probes || !acknowledge && n > 0 {
			return nil
		}
	}
}

func (v *visit) missing(acknowledge bool) error {
	n := v.count()
	if !acknowledge {
		return errors.New("nothing that came while the client was away was delivered: let the broker queue QoS 1 messages for clients that are away")
	}
	return fmt.Errorf("of %d messages that it acknowledged while the client was away only %d were delivered: "+
		"raise the broker's limit of queued messages (max_queued_messages of Mosquitto)", probes, n)
}

// visit is one connection of the check.
type visit struct {
	*link

	present bool
	news    chan struct{} // says that there is more; one token is enough

	mu  sync.Mutex // guards got
	got map[string]bool
}

func (v *visit) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.got)
}

func (c *check) visit(ctx context.Context, acknowledge bool) (*visit, error) {
	return c.connect(ctx, false, acknowledge)
}

func (c *check) visitClean(ctx context.Context) (*visit, error) { return c.connect(ctx, true, true) }

func (c *check) connect(ctx context.Context, clean, acknowledge bool) (*visit, error) {
	wire, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v := &visit{link: &link{lost: make(chan error, 1), cancel: cancel}, news: make(chan struct{}, 1), got: map[string]bool{}}
	v.client = mqtt.NewClient(clientOptions(wire, c.o).SetCleanSession(clean).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { v.lost <- err }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			v.mu.Lock()
			v.got[m.Topic()] = true
			v.mu.Unlock()
			if acknowledge {
				m.Ack()
			}
			select {
			case v.news <- struct{}{}:
			default:
			}
		}))
	var err error
	if v.present, err = v.connect(ctx); err != nil {
		v.leave()
		return nil, err
	}
	return v, nil
}

func (v *visit) leave() { v.close() }

// clean connects once with a clean session, which removes the one that was kept.
func (c *check) clean(ctx context.Context) error {
	// Also when ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectWait)
	defer cancel()
	v, err := c.visitClean(ctx)
	if err != nil {
		return fmt.Errorf("remove the session %s of the check: %w", c.o.ClientID, err)
	}
	v.leave()
	return nil
}

// done waits for the broker's answer.
func done(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error() //nolint:wrapcheck // the caller says what it was
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller says what it was
	}
}
