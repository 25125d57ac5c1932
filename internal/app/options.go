package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"sitwell/internal/broker"
	"sitwell/internal/series"
	"sitwell/internal/series/influx"
)

// Options are how a process of sitwell runs.
type Options struct {
	Roles []Role // what it does; none stands for everything
	Data  string // the folder of the log and the store
	// HTTP is host:port of the page and the API; of health, readiness and metrics
	// where the process shows no page, which may also have none: "".
	HTTP string
	// MQTT and NATS are host:port to listen on with the role of the broker, and
	// else where broker and log are found: host:port or a URL. MQTT may be NoMQTT:
	// devices are at another broker, such as Mosquitto.
	MQTT, NATS string
	// Broker is where that other broker is, for ingest and notify: host:port or a URL.
	// It counts over MQTT where this process does not listen.
	Broker string
	// SecretFile holds the password of sitwell's own parts, "" is <Data>/secret. The
	// process with the broker makes it, the others wait for it.
	SecretFile string
	// ClientID names ingest's session at the MQTT broker; "" is the one that is kept
	// with the log. Another one than that is refused, since the old session may hold
	// what was acknowledged to devices, unless NewSession says that it is meant.
	ClientID   string
	NewSession bool
	Name       string // what people call this process, among several detectors
	// Durability says when what is acknowledged is on disk: always or interval. It
	// and the limits, in bytes and 0 for the defaults, count with the role of the
	// broker.
	Durability            string
	LogLimit, BrokerLimit int64
	// Influx is where the time series are, if not in Data. Retention is for how long
	// they are kept, nil for series.DefaultRetention.
	Influx    InfluxOptions
	Retention series.Retention
	// Shorten lets Retention shorten what InfluxDB keeps already, and removes what is older.
	Shorten bool
	// InsecureListen allows addresses other than loopback, where nothing asks
	// yet who it is that reads people's posture.
	InsecureListen bool
	// FreePorts takes another port where the wanted one is in use.
	FreePorts bool
	Logger    *slog.Logger
}

// NoMQTT is for a process with the broker's log and without its MQTT listener.
const NoMQTT = "none"

// Defaults are the standard addresses, on loopback.
func Defaults() Options {
	return Options{
		Data: "data", HTTP: "127.0.0.1:8080", MQTT: "127.0.0.1:1883", NATS: "127.0.0.1:4222",
		Durability: string(broker.Always), LogLimit: 10 << 30, BrokerLimit: 1 << 30,
		Influx: InfluxOptions{Org: "sitwell", Prefix: influx.DefaultPrefix}, Retention: series.DefaultRetention(),
	}
}

// Validate says what is wrong, naming the setting.
func (o Options) Validate() error {
	var errs []error
	if o.Data == "" {
		errs = append(errs, errors.New("data: name a folder"))
	}
	if o.Logger == nil {
		errs = append(errs, errors.New("logger: missing"))
	}
	if o.NewSession && o.ClientID == "" {
		errs = append(errs, errors.New("new-session: name the new session with --client-id"))
	}
	if o.has(Dashboard) && !o.has(Record) && !o.remote() {
		errs = append(errs, errors.New("roles: dashboard needs record beside it: it shows the embedded store, which the same process fills; "+
			"with the store in InfluxDB (--influx) it may be on its own"))
	}
	errs = append(errs, o.seriesUsable())
	if o.HTTP != "" || o.has(Dashboard) {
		errs = append(errs, o.listenable("http", o.HTTP))
	}
	if o.has(Broker) {
		errs = append(errs, o.listenable("nats", o.NATS))
	} else {
		errs = append(errs, reachable("nats", o.NATS))
	}
	return errors.Join(append(errs, o.mqttUsable())...)
}

// listensMQTT reports whether devices connect to this process.
func (o *Options) listensMQTT() bool { return o.has(Broker) && o.MQTT != NoMQTT }

// brokerAddress is where ingest and notify of this process find the MQTT broker, ""
// for the listener of this process or nowhere.
func (o *Options) brokerAddress() string {
	switch {
	case o.listensMQTT():
		return ""
	case o.Broker == "" && o.MQTT != NoMQTT:
		return o.MQTT
	}
	return o.Broker
}

// mqttUsable checks where devices are.
func (o *Options) mqttUsable() error {
	switch {
	case o.listensMQTT() && o.Broker != "":
		return errors.New("broker: devices connect to the MQTT listener of this process; with another broker add --mqtt none")
	case o.listensMQTT():
		return o.listenable("mqtt", o.MQTT)
	case o.Broker != "":
		return reachable("broker", o.Broker)
	case o.MQTT != NoMQTT:
		return reachable("mqtt", o.MQTT)
	case o.has(Ingest, Notify):
		return errors.New("broker: with --mqtt none this process has no MQTT listener; say where devices are with --broker, such as --broker tcp://127.0.0.1:1883, " +
			"or leave ingest and notify out of --roles")
	}
	return nil
}

// listenable checks an address to listen on.
func (o *Options) listenable(name, addr string) error {
	host, err := hostport(addr)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case !loopback(host) && !o.InsecureListen:
		return fmt.Errorf("%s: %s can be reached from other machines, and nothing asks yet who reads people's posture; "+
			"use 127.0.0.1, or --insecure-listen if a proxy or a container stands in front", name, addr)
	}
	return nil
}

func hostport(addr string) (host string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not host:port with a port from 0 to 65535", addr)
	}
	return host, nil
}

// reachable checks an address to connect to.
func reachable(name, addr string) error {
	u, err := url.Parse(locator("any", addr))
	if err == nil {
		_, err = hostport(u.Host)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is neither host:port nor a URL with both", name, addr)
	}
	return nil
}

// locator is an address as a URL; host:port alone gets a scheme.
func locator(scheme, addr string) string {
	if strings.Contains(addr, "://") {
		return addr
	}
	return scheme + "://" + addr
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Moved is an address that was taken and what it was replaced by.
type Moved struct{ Name, Wanted, Got string }

// listen opens the HTTP address, nil where there is none, and finds free ports for
// the others, which the broker opens itself. With FreePorts a port in use is
// replaced.
func (o *Options) listen() (http net.Listener, moved []Moved, err error) {
	if o.HTTP != "" {
		if http, err = o.open("http", &o.HTTP, &moved); err != nil {
			return nil, nil, err
		}
	}
	if !o.has(Broker) {
		return http, moved, nil
	}
	for name, addr := range o.listeners() {
		l, err := o.open(name, addr, &moved)
		if err == nil {
			err = l.Close()
		}
		if err != nil {
			if http != nil {
				err = errors.Join(err, http.Close())
			}
			return nil, nil, err
		}
	}
	return http, moved, nil
}

// listeners are the addresses that the broker opens, by the flag's name.
func (o *Options) listeners() map[string]*string {
	all := map[string]*string{"nats": &o.NATS}
	if o.listensMQTT() {
		all["mqtt"] = &o.MQTT
	}
	return all
}

func (o *Options) open(name string, addr *string, moved *[]Moved) (net.Listener, error) {
	l, err := net.Listen("tcp", *addr) //nolint:noctx // a bind does not wait
	if err != nil && o.FreePorts {
		host, _, splitErr := net.SplitHostPort(*addr)
		if splitErr != nil {
			return nil, fmt.Errorf("%s: %w", name, splitErr)
		}
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err == nil { //nolint:noctx // a bind does not wait
			*moved = append(*moved, Moved{name, *addr, l.Addr().String()})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen for %s on %s: %w; is sitwell or another program running there? choose another with --%s", name, *addr, err, name)
	}
	*addr = l.Addr().String()
	return l, nil
}

// keeps reports whether the process has data of its own: the broker's log or the
// embedded store.
func (o *Options) keeps() bool { return o.has(Broker) || o.has(Record) && !o.remote() }

// folder makes the data folder, readable by its owner alone.
func (o *Options) folder() error {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	return nil
}
