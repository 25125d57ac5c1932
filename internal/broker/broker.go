// Package broker is the embedded nats-server: MQTT listener, log and key-value
// store in one process, nothing else to install.
//
// Everything acknowledged is on disk: with durability Always, the default, the
// server syncs each message before it answers. Until Admit is called only
// sitwell's own parts may connect, so that ingest's session exists before the
// first device can publish; a QoS 1 message that nobody is subscribed to would
// be acknowledged and gone.
//
// Watch heals a server that a full disk has stopped: it starts it anew inside
// the process, on the same ports. DESIGN.md says what is lost when.
//
// A Broker is safe for concurrent use. It listens where it is told to; the
// caller decides which addresses are safe.
package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options say where the broker keeps its data and where it listens.
type Options struct {
	Dir  string // the log's folder
	MQTT string // host:port, port 0 for any free one; "" for no MQTT listener
	NATS string // host:port, port 0 for any free one
	Log  *slog.Logger
	// Secret is the password of sitwell's own parts, empty for a random one that
	// only this process knows.
	Secret string
	// Durability is when an acknowledged message is on disk, empty for Always.
	Durability Durability
}

// Broker is a running server.
type Broker struct {
	dir      string
	log      *slog.Logger
	password string
	admitted atomic.Bool
	refused  atomic.Int64    // attempts of clients before that
	opts     *server.Options // with the ports that it got

	life    sync.Mutex // held while the server is started or stopped
	stopped bool       // guarded by life
	settler *settler   // with durability Interval; guarded by life
	running atomic.Pointer[server.Server]
	wedged  atomic.Bool // a stream met a write error and takes nothing any more
}

// Start starts the server and returns when it answers.
func Start(ctx context.Context, o Options) (*Broker, error) {
	b := &Broker{dir: o.Dir, log: o.Log, password: cmp.Or(o.Secret, rand.Text())}
	var err error
	if b.opts, err = b.options(o); err != nil {
		return nil, err
	}
	b.life.Lock()
	defer b.life.Unlock()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	d := cmp.Or(o.Durability, Always)
	o.Log.Info("log is open", "durability", string(d), "power_cut_loses_up_to", d.Window(), "folder", o.Dir)
	return b, nil
}

func (b *Broker) options(o Options) (*server.Options, error) {
	mqttHost, mqttPort := "", 0 // the server's way to say that there is none
	if o.MQTT != "" {
		var err error
		if mqttHost, mqttPort, err = split(o.MQTT); err != nil {
			return nil, fmt.Errorf("mqtt address: %w", err)
		}
	}
	natsHost, natsPort, err := split(o.NATS)
	if err != nil {
		return nil, fmt.Errorf("nats address: %w", err)
	}
	o.Durability = cmp.Or(o.Durability, Always)
	if err := o.Durability.validate(); err != nil {
		return nil, err
	}
	so := &server.Options{
		ServerName: "sitwell", Host: natsHost, Port: natsPort, StoreDir: o.Dir, JetStream: true,
		SyncAlways: o.Durability == Always, SyncInterval: SyncInterval,
		// With a ping every 10 s and two unanswered, a half-open connection is
		// gone within 30 s, as on the clients' side.
		NoSigs: true, MaxPayload: 1 << 20, PingInterval: 10 * time.Second, MaxPingsOut: 2,
		CustomClientAuthentication: gate{b: b, devices: &server.User{Permissions: devices()}}, DisableShortFirstPing: true,
		// The server would take three quarters of what is free at its start, and
		// refuse to open streams whose limits lie above that. The disk is the limit.
		JetStreamMaxStore: 1 << 50,
		// Each QoS 1 subscription of a device is a consumer of one stream; the
		// server's default of 1,000 would refuse the devices above that.
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1},
		MQTT: server.MQTTOpts{
			Host: mqttHost, Port: mqttPort, MaxAckPending: MaxAckPending, AckWait: AckWait, JSAPITimeout: storeWait,
		},
	}
	if err := so.ProcessConfigString(withoutQoS2); err != nil {
		return nil, fmt.Errorf("refuse QoS 2: %w", err)
	}
	return so, nil
}

// withoutQoS2 are settings that the server has no fields for. At the second step of a
// QoS 2 publish the server stores the message and deletes the copy that it held for the
// first, each without waiting for the other: a store that fails, or a kill between,
// loses it, and the device gets its PUBCOMP when it asks again. QoS 1 does not.
const withoutQoS2 = "mqtt { reject_qos2_publish: true, downgrade_qos2_subscribe: true }"

// MaxAckPending is how many QoS 1 messages the broker has under way to a
// subscription of ingest without an acknowledgement; it bounds ingest's memory.
const MaxAckPending = 512

// AckWait is after what time the broker delivers again what ingest took and did
// not acknowledge. It counts from the delivery and does not care that ingest has
// connected anew, so it is how long a start after a crash waits, before it admits
// devices, for what was under way: their newer messages would overtake it. It is
// above what the log takes to answer; a slower answer only costs a repetition.
const AckWait = 2 * time.Second

// storeWait is how long a client's request waits for the disk before the server
// disconnects it. Each new session is synced, and each subscription at QoS 1 is
// in several files that are: when a crowd comes at once, they queue. The server's
// default of 5 s would send most of a large crowd away, to come again with more.
const storeWait = 30 * time.Second

// start starts a server; life is held. The ports it gets are kept for the next.
func (b *Broker) start(ctx context.Context) error {
	if err := mend(b.dir, b.log); err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	before := stored(b.dir)
	s, err := server.NewServer(b.opts.Clone())
	if err != nil {
		return fmt.Errorf("configure broker: %w", err)
	}
	b.wedged.Store(false)
	s.SetLoggerV2(logger{b.log, &b.wedged, &b.admitted}, false, false, false)
	s.Start()
	if err := ready(ctx, s); err != nil {
		shut(s)
		return err
	}
	if err := verify(s, before); err != nil {
		shut(s)
		return err
	}
	b.keepPorts(s)
	if !b.opts.SyncAlways {
		b.settler = settle(b.dir, b.log)
	}
	b.running.Store(s)
	return nil
}

// keepPorts notes the ports that the first server got; they never change after.
func (b *Broker) keepPorts(s *server.Server) {
	if addr, ok := s.Addr().(*net.TCPAddr); ok && b.opts.Port == server.RANDOM_PORT {
		b.opts.Port = addr.Port
	}
	if v, err := s.Varz(nil); err == nil && b.opts.MQTT.Port == server.RANDOM_PORT {
		b.opts.MQTT.Port = v.MQTT.Port
	}
}

// ready waits until the server takes connections; it may have a large log to
// read first.
func ready(ctx context.Context, s *server.Server) error {
	const step = 100 * time.Millisecond
	for !s.ReadyForConnections(step) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start broker: %w", err)
		}
		if !s.Running() {
			return errors.New("start broker: the server stopped; the log says why")
		}
	}
	return nil
}

func shut(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// Admit lets devices and other clients in. With durability Interval, the streams
// and sessions that wait for them are brought to disk first: a power cut may take
// messages of the window, not the stream that they are in.
func (b *Broker) Admit() {
	if !b.opts.SyncAlways && !b.admitted.Load() {
		if err := syncAll(b.dir); err != nil {
			b.log.Warn("streams not synced to disk, trying again", "error", err)
		}
	}
	if b.admitted.Swap(true) {
		return
	}
	if n := b.refused.Load(); n > 0 {
		b.log.Info("clients were refused before devices were let in; they try again", "attempts", n)
	}
}

// MQTT is the address of the MQTT listener, host:port, "" where there is none.
func (b *Broker) MQTT() string {
	if b.opts.MQTT.Port == 0 {
		return ""
	}
	return net.JoinHostPort(b.opts.MQTT.Host, strconv.Itoa(b.opts.MQTT.Port))
}

// NATS is the address of the NATS listener, host:port.
func (b *Broker) NATS() string {
	return net.JoinHostPort(b.opts.Host, strconv.Itoa(b.opts.Port))
}

// Dir is the log's folder.
func (b *Broker) Dir() string { return b.dir }

// Credentials are for sitwell's own clients, which may connect before Admit.
func (b *Broker) Credentials() (name, password string) { return user, b.password }

// InProcessConn is a connection to the server of the moment, without a network.
// While Watch starts it anew there is none, and the client tries again.
func (b *Broker) InProcessConn() (net.Conn, error) {
	s := b.running.Load()
	if s == nil {
		return nil, errAbsent
	}
	return s.InProcessConn() //nolint:wrapcheck // nats.go wraps it
}

// Connect connects sitwell's own parts without a network. The connection
// survives a restart of the server by Watch.
func (b *Broker) Connect(opts ...nats.Option) (*nats.Conn, error) {
	opts = append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond)}, opts...)
	opts = append(opts, nats.InProcessServer(b), nats.UserInfo(user, b.password))
	nc, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	return nc, nil
}

// Stop ends the server and returns when its files are closed.
func (b *Broker) Stop() {
	b.life.Lock()
	defer b.life.Unlock()
	b.stopped = true
	b.end()
}

// end ends the server if one runs; life is held.
func (b *Broker) end() {
	if s := b.running.Swap(nil); s != nil {
		shut(s)
	}
	b.settler.close()
	b.settler = nil
}

func split(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port: %w", addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q: the port is not a number from 0 to 65535", addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}
