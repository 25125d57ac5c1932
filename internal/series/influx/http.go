package influx

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// The bounds of a request. One that streams an answer may take longer in all: the
// caller's context ends it.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = time.Minute // until the answer begins
	idleTimeout   = 90 * time.Second
	maxIdle       = 8
)

// newHTTP is a client of its own connections which adds the token to each request.
func newHTTP(token func() (string, error)) *http.Client {
	return &http.Client{
		Transport: &authorised{token: token, Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: answerTimeout,
			MaxIdleConns:          maxIdle,
			MaxIdleConnsPerHost:   maxIdle,
			IdleConnTimeout:       idleTimeout,
			WriteBufferSize:       64 << 10,
		}},
		// A redirect would take the token to wherever the answer says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// authorised adds the token.
type authorised struct {
	*http.Transport

	token func() (string, error)
}

// RoundTrip sends a copy of the request: a transport must not change the one it is given.
func (a *authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.token()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("read the token of InfluxDB: %w", err)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Token "+token)
	return a.Transport.RoundTrip(r)
}
