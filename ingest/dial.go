package ingest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// writeWait is how long a write to the broker may take. The client itself knows
// no limit, and its pings would wait behind the write, so that a peer that takes
// nothing more was noticed only by the kernel, after a quarter of an hour.
const writeWait = 10 * time.Second

// dialer opens connections that end with wire and whose writes are bounded.
func dialer(wire context.Context) mqtt.OpenConnectionFunc {
	return func(to *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(wire, o.ConnectTimeout)
		defer cancel()
		conn, err := dial(ctx, to, o)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", to.Redacted(), err)
		}
		b := &bounded{Conn: conn}
		b.release = context.AfterFunc(wire, func() { _ = conn.Close() })
		return b, nil
	}
}

func dial(ctx context.Context, to *url.URL, o mqtt.ClientOptions) (net.Conn, error) {
	switch to.Scheme {
	case "tcp", "mqtt":
		return new(net.Dialer).DialContext(ctx, "tcp", to.Host)
	case "ssl", "tls", "mqtts", "tcps":
		return (&tls.Dialer{Config: o.TLSConfig}).DialContext(ctx, "tcp", to.Host)
	case "ws", "wss":
		return mqtt.NewWebsocket(to.String(), o.TLSConfig, o.ConnectTimeout, o.HTTPHeaders, o.WebsocketOptions)
	}
	return nil, fmt.Errorf("%q is no scheme of a broker's address; take tcp, ssl, ws or wss", to.Scheme)
}

// bounded is a connection that fails when a write takes too long.
type bounded struct {
	net.Conn
	release func() bool // forgets the end of wire
}

// Write may be called by several goroutines: the client's pings do not wait for
// what else it writes.
func (b *bounded) Write(p []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, fmt.Errorf("bound a write: %w", err)
	}
	return b.Conn.Write(p) //nolint:wrapcheck // a net.Conn's own error
}

// Close ends the connection.
func (b *bounded) Close() error {
	b.release()
	return b.Conn.Close() //nolint:wrapcheck // a net.Conn's own error
}
