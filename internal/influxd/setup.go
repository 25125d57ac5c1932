package influxd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Operator is who a new server belongs to.
type Operator struct {
	User, Password string
	Org            string // the organisation that is made
	Token          string // may do anything
}

// Setup makes a new server somebody's. One that is somebody's already refuses.
func (s *Server) Setup(ctx context.Context, o Operator) error {
	// The server wants a bucket, too; nothing is stored in it.
	in := map[string]any{"username": o.User, "password": o.Password, "org": o.Org, "bucket": "unused", "token": o.Token}
	if err := Call(ctx, s.URL(), o.Token, http.MethodPost, "/api/v2/setup", in, nil); err != nil {
		return fmt.Errorf("set InfluxDB up: %w", err)
	}
	return nil
}

// New reports whether a server is nobody's yet.
func (s *Server) New(ctx context.Context) (bool, error) {
	var answer struct{ Allowed bool }
	if err := Call(ctx, s.URL(), "", http.MethodGet, "/api/v2/setup", nil, &answer); err != nil {
		return false, fmt.Errorf("ask whether InfluxDB is set up: %w", err)
	}
	return answer.Allowed, nil
}

// Call calls a server's API with JSON in and out; each may be nil.
func Call(ctx context.Context, url, token, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("decode the server's answer: %w", err)
	}
	return nil
}
