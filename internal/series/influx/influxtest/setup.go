package influxtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// setup makes the organisation and the operator's token of a new server.
func (s *Server) setup(ctx context.Context) error {
	return s.call(ctx, http.MethodPost, "/api/v2/setup", map[string]any{
		"username": "operator", "password": "influxtest-password", "org": s.Org, "bucket": "unused", "token": s.Token,
	}, nil)
}

// Prefix is a new one for the buckets of a test. Those that begin with it and an
// underscore are removed with the test.
func (s *Server) Prefix(tb testing.TB) string {
	tb.Helper()
	prefix := "t" + strings.ToLower(rand.Text()[:12])
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if !answers(ctx, s.URL) {
			return // a server that was killed takes them along
		}
		if err := s.removeBuckets(ctx, prefix+"_"); err != nil {
			tb.Errorf("remove the test's buckets: %v", err)
		}
	})
	return prefix
}

func (s *Server) removeBuckets(ctx context.Context, prefix string) error {
	var found struct {
		Buckets []struct{ ID, Name string }
	}
	const page = 100 // the most the server lists at once
	for offset := 0; ; offset += page {
		var next struct {
			Buckets []struct{ ID, Name string }
		}
		path := fmt.Sprintf("/api/v2/buckets?limit=%d&offset=%d&org=%s", page, offset, url.QueryEscape(s.Org))
		if err := s.call(ctx, http.MethodGet, path, nil, &next); err != nil {
			return err
		}
		found.Buckets = append(found.Buckets, next.Buckets...)
		if len(next.Buckets) < page {
			break
		}
	}
	for _, b := range found.Buckets {
		if !strings.HasPrefix(b.Name, prefix) {
			continue
		}
		if err := s.call(ctx, http.MethodDelete, "/api/v2/buckets/"+b.ID, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// call calls the server's API as its operator.
func (s *Server) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Authorization", "Token "+s.Token)
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
