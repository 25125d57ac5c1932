// Package broker is the embedded nats-server: MQTT listener, log and key-value
// store in one process, nothing else to install.
//
// Everything acknowledged is on disk: the server syncs each message before it
// answers. Until Admit is called only the server's own process may connect, so
// that ingest's session exists before the first device can publish; a QoS 1
// message that nobody is subscribed to would be acknowledged and gone.
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
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options say where the broker keeps its data and where it listens.
type Options struct {
	Dir  string // the log's folder
	MQTT string // host:port, port 0 for any free one
	NATS string // host:port, port 0 for any free one
	Log  *slog.Logger
	// Secret is the password of sitwell's own parts, empty for a random one that
	// only this process knows.
	Secret string
}

// user is the name under which sitwell's own parts connect.
const user = "sitwell"

// Broker is a running server.
type Broker struct {
	server   *server.Server
	password string
	admitted atomic.Bool
	mqtt     string
}

// Start starts the server and returns when it answers.
func Start(ctx context.Context, o Options) (*Broker, error) {
	mqttHost, mqttPort, err := split(o.MQTT)
	if err != nil {
		return nil, fmt.Errorf("mqtt address: %w", err)
	}
	natsHost, natsPort, err := split(o.NATS)
	if err != nil {
		return nil, fmt.Errorf("nats address: %w", err)
	}
	b := &Broker{password: cmp.Or(o.Secret, rand.Text())}
	opts := &server.Options{
		ServerName: "sitwell", Host: natsHost, Port: natsPort, StoreDir: o.Dir, JetStream: true, SyncAlways: true,
		NoSigs: true, MaxPayload: 1 << 20, PingInterval: 15 * time.Second, MaxPingsOut: 1,
		CustomClientAuthentication: gate{b}, DisableShortFirstPing: true,
		// The server would take three quarters of what is free at its start, and
		// refuse to open streams whose limits lie above that. The disk is the limit.
		JetStreamMaxStore: 1 << 50,
		MQTT:              server.MQTTOpts{Host: mqttHost, Port: mqttPort, MaxAckPending: MaxAckPending, AckWait: AckWait},
	}
	if b.server, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("configure broker: %w", err)
	}
	b.server.SetLoggerV2(logger{o.Log}, false, false, false)
	b.server.Start()
	if err := b.ready(ctx); err != nil {
		b.Stop()
		return nil, err
	}
	b.mqtt = mqttAddress(b.server, mqttHost)
	return b, nil
}

// MaxAckPending is how many QoS 1 messages the broker has under way to a
// subscription of ingest without an acknowledgement; it bounds ingest's memory.
const MaxAckPending = 512

// AckWait is after what time the broker delivers again what ingest took and did
// not acknowledge. It counts from the delivery and does not care that ingest has
// connected anew, so it is how long a start after a crash waits, before it admits
// devices, for what was under way: their newer messages would overtake it. It is
// above what the log takes to answer; a slower answer only costs a repetition.
const AckWait = 4 * time.Second

// ready waits until the server takes connections; it may have a large log to
// read first.
func (b *Broker) ready(ctx context.Context) error {
	const step = 100 * time.Millisecond
	for !b.server.ReadyForConnections(step) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start broker: %w", err)
		}
		if !b.server.Running() {
			return errors.New("start broker: the server stopped; the log says why")
		}
	}
	return nil
}

// mqttAddress asks the server for the port it got.
func mqttAddress(s *server.Server, host string) string {
	if v, err := s.Varz(nil); err == nil && v.MQTT.Port > 0 {
		return net.JoinHostPort(host, strconv.Itoa(v.MQTT.Port))
	}
	return ""
}

// Admit lets devices and other clients in.
func (b *Broker) Admit() { b.admitted.Store(true) }

// MQTT is the address of the MQTT listener, host:port.
func (b *Broker) MQTT() string { return b.mqtt }

// NATS is the address of the NATS listener, host:port.
func (b *Broker) NATS() string { return b.server.Addr().String() }

// Credentials are for sitwell's own MQTT clients, which may connect before
// Admit. They are made anew at each start and never written down.
func (b *Broker) Credentials() (name, password string) { return user, b.password }

// Connect connects sitwell's own parts without a network.
func (b *Broker) Connect(opts ...nats.Option) (*nats.Conn, error) {
	opts = append(opts, nats.InProcessServer(b.server), nats.UserInfo(user, b.password), nats.MaxReconnects(-1))
	nc, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	return nc, nil
}

// Stop ends the server and returns when its files are closed.
func (b *Broker) Stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// gate keeps everybody but sitwell's own parts out until Admit, and MQTT clients
// to the topics of devices afterwards: the log and the key-value store are
// subjects of the same server, and nothing but their permissions keeps a client
// from them. Credentials of devices, by the MQTT client id, arrive here.
type gate struct{ b *Broker }

// Check reports whether a client may connect, and says what it may do.
func (g gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == user && o.Password == g.b.password {
		return true
	}
	if !g.b.admitted.Load() {
		return false
	}
	// Clients of NATS name their language; MQTT has no such field. Whoever
	// leaves it out gets the permissions of a device.
	if o.Lang == "" {
		c.RegisterUser(&server.User{Permissions: devices()})
	}
	return true
}

// devices are the permissions of MQTT clients: publish what devices publish,
// subscribe to what is for devices. Everything below sitwell/ may be published,
// of any version, so that what this version does not know ends in quarantine
// rather than nowhere.
func devices() *server.Permissions {
	down := []string{"sitwell.*.*.*.nudges", "sitwell.*.*.*.config"}
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"sitwell.>"}, Deny: down},
		// The server delivers QoS 1 on a subject of its own for each subscription.
		Subscribe: &server.SubjectPermission{Allow: append(down, "$MQTT.sub.>")},
	}
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

// logger passes the server's own lines on.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l logger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l logger) Errorf(format string, v ...any)  { l.say(slog.LevelWarn, format, v) } // mostly about a client
func (l logger) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l logger) Debugf(string, ...any)           {}
func (l logger) Tracef(string, ...any)           {}

func (l logger) say(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "broker", "line", fmt.Sprintf(format, v...))
}
