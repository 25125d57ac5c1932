package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/semaphore"

	"sitwell/schemas"
)

// DeviceOptions say who a device is and where its broker is.
type DeviceOptions struct {
	URL string // such as tcp://127.0.0.1:1883
	Org schemas.ID
	ID  schemas.ID // the device; also the MQTT client id
	// Gateway makes this a gateway: the devices it also publishes and listens for.
	Gateway []schemas.ID
	// Username and Password are sent where the broker asks for them.
	Username, Password string
	// Window is how many messages may wait for their acknowledgement, 4 by
	// default. Publish blocks at the bound: nothing is ever dropped.
	Window int
	// Hertz is told in the birth message.
	Hertz float64
	// OnSend is called with the readings and events of each message before it is
	// sent for the first time; they are valid until it returns.
	OnSend func(device schemas.ID, boot uint32, items []schemas.Item)
	// OnAck is called with the readings and events of each message that the broker
	// has acknowledged; they are its own. The device forgets them when it returns, and
	// sends nothing else meanwhile: it may write them down, and must not wait for
	// longer.
	OnAck  func(device schemas.ID, boot uint32, items []schemas.Item)
	Logger *slog.Logger
}

// Validate says which option is wrong.
func (o *DeviceOptions) Validate() error {
	switch {
	case CheckURL(o.URL) != nil:
		return fmt.Errorf("connect device: %w", CheckURL(o.URL))
	case o.Org.IsZero():
		return errors.New("connect device: no organisation")
	case o.ID.IsZero():
		return errors.New("connect device: no device id")
	case o.Window < 0 || o.Window > 1000:
		return fmt.Errorf("connect device %s: window is %d, not 1 to 1000", o.ID, o.Window)
	}
	return nil
}

// CheckURL says what is wrong with the address of a broker.
func CheckURL(broker string) error {
	u, err := url.Parse(broker)
	if err != nil || u.Host == "" || !slices.Contains([]string{"tcp", "mqtt", "ssl", "mqtts", "tls", "ws", "wss"}, u.Scheme) {
		return fmt.Errorf("%q is no broker URL such as tcp://127.0.0.1:1883", broker)
	}
	return nil
}

// connectWait bounds the first connection, with all its attempts: a broker that
// is not there should be told soon. Later ones are tried without end.
const connectWait = 15 * time.Second

// ErrDeviceClosed is what Publish returns on a device that was closed.
var ErrDeviceClosed = errors.New("device is closed")

// Received is a nudge that arrived.
type Received struct {
	Device schemas.ID
	At     time.Time
	Nudge  schemas.Nudge
}

// Counts are a device's totals.
type Counts struct {
	Sent       int64 `json:"messages_sent"`
	Acked      int64 `json:"messages_acknowledged"`
	ItemsSent  int64 `json:"readings_sent"` // and events
	ItemsAcked int64 `json:"readings_acknowledged"`
	Nudges     int64 `json:"nudges"`
	Reconnects int64 `json:"reconnections"`
}

// Add sums two counts.
func (c Counts) Add(other Counts) Counts {
	return Counts{
		c.Sent + other.Sent, c.Acked + other.Acked, c.ItemsSent + other.ItemsSent, c.ItemsAcked + other.ItemsAcked,
		c.Nudges + other.Nudges, c.Reconnects + other.Reconnects,
	}
}

// Device is an MQTT client as a wearable has it. Messages go out at QoS 1 in the
// order of Publish, at most Window of them unacknowledged; when the connection
// is lost, those are kept and sent again, in order, before anything newer.
//
// One goroutine owns the connection and the window. The methods may be called
// from any goroutine.
type Device struct {
	o      DeviceOptions
	slots  *semaphore.Weighted // one for each message that is accepted and not acknowledged
	in     chan *delivery      // as long as the window, so that the holder of a slot never blocks
	online chan bool
	nudges chan Received // 16; a nudge that nobody takes is dropped, as on a wrist

	stop  context.CancelFunc
	ended chan struct{}
	ready chan struct{} // closed at the first connection
	once  sync.Once

	sent, acked, itemsSent, itemsAcked, nudged, connects atomic.Int64
}

// delivery is one message on its way.
type delivery struct {
	topic   string
	payload []byte
	content
	token mqtt.Token
}

// content is what a message of readings or events holds.
type content struct {
	device schemas.ID
	boot   uint32
	count  int
	items  []schemas.Item // only where somebody wants to know them
}

// Connect connects a device, publishes its birth and subscribes to its nudges.
// It waits until that is done, ctx ends or connectWait is over, trying again
// meanwhile. The device lives until Close.
func Connect(ctx context.Context, o DeviceOptions) (*Device, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Window == 0 {
		o.Window = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Device{
		o: o, slots: semaphore.NewWeighted(int64(o.Window)), in: make(chan *delivery, o.Window),
		online: make(chan bool), nudges: make(chan Received, 16), ended: make(chan struct{}), ready: make(chan struct{}),
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	go d.run(life)
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	select {
	case <-d.ready:
		return d, nil
	case <-ctx.Done():
		stop()
		<-d.ended
		return nil, fmt.Errorf("connect device %s to %s: %w; is the broker running?", o.ID, o.URL, ctx.Err())
	}
}

// ID is the device's identifier.
func (d *Device) ID() schemas.ID { return d.o.ID }

// Nudges are the nudges as they arrive, for this device and those it is a
// gateway for.
func (d *Device) Nudges() <-chan Received { return d.nudges }

// Counts are the totals so far.
func (d *Device) Counts() Counts {
	return Counts{
		Sent: d.sent.Load(), Acked: d.acked.Load(), ItemsSent: d.itemsSent.Load(), ItemsAcked: d.itemsAcked.Load(),
		Nudges: d.nudged.Load(), Reconnects: max(0, d.connects.Load()-1),
	}
}

// Publish hands over a payload for one of the device's topics. It waits for a
// place in the window and keeps the payload; Flush waits for acknowledgements.
func (d *Device) Publish(ctx context.Context, device schemas.ID, kind schemas.Kind, payload []byte) error {
	return d.publish(ctx, device, kind, payload, content{})
}

// Send publishes readings and events of one sequence, all of one boot, in order:
// each message holds one kind, and at most MaxChunk of it.
func (d *Device) Send(ctx context.Context, device schemas.ID, boot uint32, items []schemas.Item) error {
	for len(items) > 0 {
		kind, events := schemas.KindReadings, items[0].Event != nil
		if events {
			kind = schemas.KindEvents
		}
		n := 1
		for n < len(items) && n < MaxChunk && (items[n].Event != nil) == events {
			n++
		}
		payload := make([]byte, 0, 96+165*n)
		payload = schemas.AppendMessage(payload, kind, boot, time.Now(), items[:n])
		c := content{device: device, boot: boot, count: n}
		if d.o.OnAck != nil {
			c.items = slices.Clone(items[:n])
		}
		if d.o.OnSend != nil {
			d.o.OnSend(device, boot, items[:n])
		}
		if err := d.publish(ctx, device, kind, payload, c); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// Reply answers a nudge.
func (d *Device) Reply(ctx context.Context, to Received, action schemas.ReplyAction) error {
	reply := schemas.Reply{Schema: schemas.SchemaReply, NudgeID: to.Nudge.ID, Action: action}
	b, err := reply.Encode()
	if err != nil {
		return err
	}
	return d.Publish(ctx, to.Device, schemas.KindReplies, b)
}

func (d *Device) publish(ctx context.Context, device schemas.ID, kind schemas.Kind, payload []byte, c content) error {
	if err := d.slots.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("publish %s of %s: %w", kind, device, err)
	}
	out := &delivery{topic: d.topic(device, kind), payload: payload, content: c}
	select {
	case <-d.ended:
		d.slots.Release(1)
		return fmt.Errorf("publish %s of %s: %w", kind, device, ErrDeviceClosed)
	case d.in <- out:
		d.sent.Add(1)
		d.itemsSent.Add(int64(c.count))
		return nil
	}
}

// Flush waits until all that was published before is acknowledged.
func (d *Device) Flush(ctx context.Context) error {
	all := int64(d.o.Window)
	if err := d.slots.Acquire(ctx, all); err != nil {
		return fmt.Errorf("wait for acknowledgements of %s: %w", d.o.ID, err)
	}
	d.slots.Release(all)
	return nil
}

// SetOnline drops the connection, after saying so, or takes it up again. What
// is published meanwhile waits in the window.
func (d *Device) SetOnline(ctx context.Context, online bool) error {
	select {
	case d.online <- online:
		return nil
	case <-d.ended:
		return ErrDeviceClosed
	case <-ctx.Done():
		return fmt.Errorf("set device %s online: %w", d.o.ID, ctx.Err())
	}
}

// Close waits for acknowledgements as long as ctx allows, says goodbye and
// disconnects. An error says that some messages were not acknowledged. Closing
// again does nothing.
func (d *Device) Close(ctx context.Context) error {
	select {
	case <-d.ended:
		return nil
	default:
	}
	err := d.Flush(ctx)
	d.once.Do(d.stop)
	<-d.ended
	return err
}

func (d *Device) topic(device schemas.ID, kind schemas.Kind) string {
	return schemas.Topic{Org: d.o.Org, Device: device, Kind: kind}.String()
}
