package influxtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sitwell/internal/influxd"
)

// Kill is kill -9. It returns when the server is gone; Restart brings it back.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.own(tb).Kill()
}

// Stop ends the server in good order. Restart brings it back.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.own(tb).Stop()
}

// Restart starts the server again with its address and what it has stored, and
// stops it first where it runs. It returns when the server answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.own(tb).Restart(); err != nil {
		tb.Fatal(err)
	}
}

// Pause makes the server hang: connections stand and nothing is answered, until
// Resume or the end. The test is skipped where the server is in a container,
// which a signal to its process does not stop.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	if err := s.own(tb).Pause(); err != nil {
		tb.Fatal(err)
	}
	// A signal takes a moment.
	for from := time.Now(); answersSoon(s.URL); {
		if time.Since(from) > 5*time.Second {
			tb.Skip("InfluxDB is in a Docker container here, which cannot be paused so")
		}
	}
}

func answersSoon(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	return influxd.Answers(ctx, url)
}

// Resume ends a Pause.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	if err := s.own(tb).Resume(); err != nil {
		tb.Fatal(err)
	}
}

// own refuses to stop a server that is not the test's.
func (s *Server) own(tb testing.TB) *influxd.Server {
	tb.Helper()
	if s.process == nil {
		tb.Fatal("this InfluxDB is not the test's to stop: use influxtest.New")
	}
	return s.process
}

// Prefix is a new one for the buckets of a test. Those that begin with it and an
// underscore are removed with the test.
func (s *Server) Prefix(tb testing.TB) string {
	tb.Helper()
	prefix := "t" + strings.ToLower(rand.Text()[:12])
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), influxd.Patience)
		defer cancel()
		if s.process != nil {
			return // the test's own server takes them along
		}
		if err := s.removeBuckets(ctx, prefix+"_"); err != nil {
			tb.Errorf("remove the test's buckets: %v", err)
		}
	})
	return prefix
}

type bucket struct{ ID, Name string }

func (s *Server) removeBuckets(ctx context.Context, prefix string) error {
	all, err := s.buckets(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		if !strings.HasPrefix(b.Name, prefix) {
			continue
		}
		if err := influxd.Call(ctx, s.URL, s.Token, http.MethodDelete, "/api/v2/buckets/"+b.ID, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) buckets(ctx context.Context) ([]bucket, error) {
	var all []bucket
	const page = 100 // the most the server lists at once
	for offset := 0; ; offset += page {
		var next struct{ Buckets []bucket }
		path := fmt.Sprintf("/api/v2/buckets?limit=%d&offset=%d&org=%s", page, offset, url.QueryEscape(s.Org))
		if err := influxd.Call(ctx, s.URL, s.Token, http.MethodGet, path, nil, &next); err != nil {
			return nil, err
		}
		all = append(all, next.Buckets...)
		if len(next.Buckets) < page {
			return all, nil
		}
	}
}
