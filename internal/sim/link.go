package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/schemas"
)

const (
	retryFirst = 250 * time.Millisecond
	retryLast  = 5 * time.Second
	linkTime   = 10 * time.Second // to connect or subscribe
	sayTime    = 2 * time.Second  // to have a status acknowledged
	byeMS      = 250              // to write the DISCONNECT
)

// errSuspended says that the device was told to go offline.
var errSuspended = errors.New("device is offline on purpose")

// run owns the connection. It makes a new paho client for each one rather than
// let paho reconnect: on reconnecting, paho 1.5.1 completes the tokens of
// unacknowledged messages as if they had been acknowledged, and a device that
// believes it forgets readings.
func (d *Device) run(ctx context.Context) {
	defer close(d.ended)
	var window []*delivery
	wait := retryFirst
	for ctx.Err() == nil {
		start := time.Now()
		var err error
		window, err = d.session(ctx, window)
		if errors.Is(err, errSuspended) {
			d.suspended(ctx)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > linkTime {
			wait = retryFirst
		}
		d.o.Logger.WarnContext(ctx, "device lost its connection", "device", d.o.ID.String(), "retry_in", wait, "error", err)
		pause(ctx, wait/2+rand.N(wait/2)) //nolint:gosec // spreads reconnects, guards nothing
		wait = min(2*wait, retryLast)
	}
}

// suspended waits until the device may go online again.
func (d *Device) suspended(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case online := <-d.online:
			if online {
				return
			}
		}
	}
}

// session is one connection: it sends what the last one left unacknowledged and
// then what comes in. It returns what is unacknowledged at its end.
func (d *Device) session(ctx context.Context, window []*delivery) ([]*delivery, error) {
	lost := make(chan error, 1) // holds the first reason; later ones are dropped
	client := mqtt.NewClient(d.options(lost))
	defer client.Disconnect(byeMS)
	if err := d.connect(ctx, client); err != nil {
		return window, err
	}
	d.connects.Add(1)
	select {
	case <-d.ready:
	default:
		close(d.ready)
	}
	for _, out := range window {
		if err := transmit(client, out, lost); err != nil {
			return window, err
		}
	}
	for {
		var acked <-chan struct{}
		if len(window) > 0 {
			acked = window[0].token.Done()
		}
		select {
		case out := <-d.in:
			window = append(window, out)
			if err := transmit(client, out, lost); err != nil {
				return window, err
			}
		case <-acked:
			if err := window[0].token.Error(); err != nil {
				return window, fmt.Errorf("publish %s: %w", window[0].topic, err)
			}
			d.settle(window[0])
			window = window[1:]
		case err := <-lost:
			return window, err
		case online := <-d.online:
			if !online {
				return window, errors.Join(errSuspended, d.say(ctx, client, false))
			}
		case <-ctx.Done():
			return window, errors.Join(ctx.Err(), d.say(ctx, client, false))
		}
	}
}

// transmit hands a message to paho. Paho's Publish waits for its writer, for as
// long as the write timeout if the connection is just being lost; transmit
// returns then.
func transmit(client mqtt.Client, out *delivery, lost <-chan error) error {
	handed := make(chan mqtt.Token, 1) // so that the goroutine ends though nobody waits any more
	go func() { handed <- client.Publish(out.topic, 1, false, out.payload) }()
	select {
	case out.token = <-handed:
		return nil
	case err := <-lost:
		return err
	}
}

// settle counts an acknowledged message and gives its place in the window back.
func (d *Device) settle(out *delivery) {
	d.acked.Add(1)
	d.itemsAcked.Add(int64(out.count))
	if d.o.OnAck != nil && out.count > 0 {
		d.o.OnAck(out.device, out.boot, out.items)
	}
	d.slots.Release(1)
}

// options are paho's: no reconnecting of its own (see run), a clean session,
// since the window is kept here, and a bounded wait everywhere.
func (d *Device) options(lost chan<- error) *mqtt.ClientOptions {
	will, _ := (&schemas.Status{Schema: schemas.SchemaStatus}).Encode() // a constant: it encodes
	o := mqtt.NewClientOptions().AddBroker(d.o.URL).SetClientID(d.o.ID.String()).SetProtocolVersion(4).
		SetUsername(d.o.Username).SetPassword(d.o.Password).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(linkTime).SetWriteTimeout(linkTime).SetKeepAlive(30*time.Second).SetPingTimeout(linkTime).
		SetBinaryWill(d.topic(d.o.ID, schemas.KindStatus), will, 1, false)
	return o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		select {
		case lost <- err:
		default:
		}
	})
}

// connect connects, subscribes and publishes the birth.
func (d *Device) connect(ctx context.Context, client mqtt.Client) error {
	if err := await(ctx, client.Connect()); err != nil {
		return fmt.Errorf("connect to %s: %w", d.o.URL, err)
	}
	// QoS 0: a nudge that cannot be delivered now is stale, and a QoS 1
	// subscription would cost the broker a consumer for each device.
	filters := map[string]byte{}
	for _, device := range append([]schemas.ID{d.o.ID}, d.o.Gateway...) {
		filters[d.topic(device, schemas.KindNudges)] = 0
	}
	if err := await(ctx, client.SubscribeMultiple(filters, d.deliver)); err != nil {
		return fmt.Errorf("subscribe to nudges of %s: %w", d.o.ID, err)
	}
	return d.say(ctx, client, true)
}

// say publishes the device's status, and waits for it to be acknowledged. It
// does so after the end of ctx as well: that is when there is a goodbye to say.
func (d *Device) say(ctx context.Context, client mqtt.Client, online bool) error {
	status := schemas.Status{Schema: schemas.SchemaStatus, Online: online}
	if online {
		status.Mount, status.Firmware, status.Hertz = "chest", "sim-1", d.o.Hertz
	}
	b, err := status.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sayTime)
	defer cancel()
	if err := await(ctx, client.Publish(d.topic(d.o.ID, schemas.KindStatus), 1, false, b)); err != nil {
		return fmt.Errorf("publish status of %s: %w", d.o.ID, err)
	}
	return nil
}

// deliver takes a nudge from paho. It never blocks: that would hold up pings.
func (d *Device) deliver(_ mqtt.Client, m mqtt.Message) {
	topic, err := schemas.ParseTopic(m.Topic())
	if err != nil {
		d.o.Logger.Warn("nudge on a foreign topic", "error", err)
		return
	}
	n, err := schemas.DecodeNudge(m.Payload())
	if err != nil {
		d.o.Logger.Warn("undecodable nudge", "device", topic.Device.String(), "error", err)
		return
	}
	d.nudged.Add(1)
	select {
	case d.nudges <- Received{Device: topic.Device, At: time.Now(), Nudge: n}:
	default:
	}
}

// await waits for a token or the end of ctx.
func await(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
