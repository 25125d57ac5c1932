package influx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// writeTimeout bounds one request; the server itself gives up after 10 s.
	writeTimeout = 30 * time.Second
	// The wait of a server that says it is busy and not for how long, and the longest.
	busyWait    = time.Second
	maxBusyWait = time.Minute
)

// errClosed says that a store is used after Close.
var errClosed = errors.New("the store is closed")

// patience is until when a busy server is left alone by whoever writes.
type patience struct {
	mu    sync.Mutex // guards until
	until time.Time
}

func (p *patience) set(d time.Duration) {
	if d == 0 {
		d = busyWait
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(min(d, maxBusyWait))
}

// wait returns at that time, or with the error of ctx.
func (p *patience) wait(ctx context.Context) error {
	p.mu.Lock()
	d := time.Until(p.until)
	p.mu.Unlock()
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write sends points to a bucket, one request however many they are. When it returns
// nil, the server has stored all of them. What gets no answer is sent again, once: the
// same points at the same times change nothing. So is what a busy server refuses, when
// the time is over that it asks for; what it refuses again is an error, and the next
// write waits.
func (s *Store) write(ctx context.Context, b bucket, lines []byte) error {
	if s.closed.Load() {
		return errClosed
	}
	for again := false; ; again = true {
		if err := s.patience.wait(ctx); err != nil {
			return err
		}
		e := s.post(ctx, b, lines)
		switch {
		case e == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case e.busy():
			s.patience.set(e.RetryAfter)
			s.log.Warn("InfluxDB is busy", "bucket", s.bucket(b), "status", e.Status, "wait", e.RetryAfter, "again", again)
		case !e.lost():
			again = true
		}
		if again {
			return fmt.Errorf("write to bucket %s of %s: %w", s.bucket(b), s.o.URL, e)
		}
	}
}

// post is one request.
func (s *Store) post(ctx context.Context, b bucket, lines []byte) *Error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	query := url.Values{"org": {s.o.Org}, "bucket": {s.bucket(b)}, "precision": {"ns"}}
	service := s.client.HTTPService()
	e := service.DoPostRequest(ctx, service.ServerAPIURL()+"write?"+query.Encode(), bytes.NewReader(lines), nil,
		func(res *http.Response) error { return res.Body.Close() })
	if e != nil {
		return complaint(e)
	}
	return nil
}
