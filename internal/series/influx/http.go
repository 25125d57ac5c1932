package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// The bounds of a request. One that streams an answer may take longer in all: the
// caller's context ends it.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = time.Minute // until the answer begins
	askTimeout    = 15 * time.Second
	idleTimeout   = 90 * time.Second
	maxIdle       = 8
	maxComplaint  = 64 << 10 // bytes of an answer that is an error
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

var errNoToken = errors.New("it is empty")

// authorised adds the token, and cuts complaints short.
type authorised struct {
	*http.Transport

	token func() (string, error)
}

// RoundTrip sends a copy of the request: a transport must not change the one it is given.
func (a *authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.token()
	if err == nil && token == "" {
		err = errNoToken
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("read the token of InfluxDB: %w", err)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Token "+token)
	res, err := a.Transport.RoundTrip(r)
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxComplaint), res.Body}
	}
	return res, err
}

// ask calls a part of the API that speaks JSON; in and out may be nil.
func (s *Store) ask(ctx context.Context, method, path string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	body := io.Reader(http.NoBody)
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	service := s.client.HTTPService()
	req, err := http.NewRequestWithContext(ctx, method, service.ServerAPIURL()+path+"?"+query.Encode(), body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	// The library's error is a pointer to a struct: it must not become an error that is not nil.
	if e := service.DoHTTPRequest(req, nil, func(res *http.Response) error { return decode(res.Body, out) }); e != nil {
		return complaint(e)
	}
	return nil
}

func decode(body io.ReadCloser, out any) error {
	defer func() { _ = body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(out); err != nil {
		return fmt.Errorf("%w: its answer is not what the API says: %w", ErrNoServer, err)
	}
	return nil
}
