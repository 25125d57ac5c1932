package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
)

// Options are how sitwell runs on one machine.
type Options struct {
	Data string // the folder of the log and the store
	HTTP string // host:port of the page and the API
	MQTT string // host:port for devices
	NATS string // host:port for the sitwell command line
	// InsecureListen allows addresses other than loopback, where nothing asks
	// yet who it is that reads people's posture.
	InsecureListen bool
	// FreePorts takes another port where the wanted one is in use.
	FreePorts bool
	Logger    *slog.Logger
}

// Defaults are the standard addresses, on loopback.
func Defaults() Options {
	return Options{Data: "data", HTTP: "127.0.0.1:8080", MQTT: "127.0.0.1:1883", NATS: "127.0.0.1:4222"}
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
	for name, addr := range map[string]string{"http": o.HTTP, "mqtt": o.MQTT, "nats": o.NATS} {
		host, port, err := net.SplitHostPort(addr)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %q is not host:port with a port from 0 to 65535", name, addr))
		case !loopback(host) && !o.InsecureListen:
			errs = append(errs, fmt.Errorf("%s: %s can be reached from other machines, and nothing asks yet who reads people's posture; "+
				"use 127.0.0.1, or `sitwell serve --insecure-listen` if a proxy or a container stands in front", name, addr))
		}
	}
	return errors.Join(errs...)
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

// listen opens the HTTP address and finds free ports for the others, which the
// broker opens itself. With FreePorts a port in use is replaced.
func (o *Options) listen() (net.Listener, []Moved, error) {
	var moved []Moved
	http, err := o.open("http", &o.HTTP, &moved)
	if err != nil {
		return nil, nil, err
	}
	for name, addr := range map[string]*string{"mqtt": &o.MQTT, "nats": &o.NATS} {
		l, err := o.open(name, addr, &moved)
		if err != nil {
			return nil, nil, errors.Join(err, http.Close())
		}
		if err := l.Close(); err != nil {
			return nil, nil, fmt.Errorf("probe %s: %w", *addr, err)
		}
	}
	return http, moved, nil
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

// folder makes the data folder, readable by its owner alone.
func (o *Options) folder() error {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	return nil
}
