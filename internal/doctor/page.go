package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/app"
	"sitwell/internal/ops"
)

// page asks whether the page is ready.
func (e *exam) page(ctx context.Context) {
	const check = "page"
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	checks, ready, err := askReady(ctx, e.o.Page)
	if err != nil && e.lacks(app.Dashboard) {
		e.say(check, Warn, "mend what is said above", "%s does not answer", e.o.Page)
		return
	}
	if err != nil {
		e.say(check, Fail, "start `sitwell serve` or `sitwell dashboard`, or give the page's address with --api", "%v", err)
		return
	}
	if ready {
		e.say(check, OK, "", "%s is ready", e.o.Page)
		return
	}
	news := false
	for _, c := range checks {
		// In the process of the page; its readiness has been told, where it was asked.
		if e.isNews(c, checks, app.Everything()) && !e.told(c) {
			e.say(check, Fail, "see the log of that process", "%s is not ready: %s: %s", e.o.Page, c.Name, c.Reason)
			news = true
		}
	}
	if !news {
		e.say(check, Warn, "mend what is said above", "%s is not ready for the reasons above", e.o.Page)
	}
}

// told reports whether a process has said the same.
func (e *exam) told(c ops.Result) bool {
	return slices.ContainsFunc(e.findings, func(f Finding) bool {
		return f.Check == "readiness" && strings.HasSuffix(f.Says, c.Name+": "+c.Reason)
	})
}

func askReady(ctx context.Context, url string) (checks []ops.Result, ready bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/readyz", http.NoBody)
	if err != nil {
		return nil, false, fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, false, fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Ready  bool         `json:"ready"`
		Checks []ops.Result `json:"checks"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return nil, false, fmt.Errorf("%s answers %s and not as sitwell does", url, resp.Status)
	}
	return answer.Checks, answer.Ready, nil
}

// serverTime is the time by the clock of the log's server.
func serverTime(ctx context.Context, kv jetstream.KeyValue) (time.Time, error) {
	status, err := kv.Status(ctx)
	if err != nil {
		return time.Time{}, err
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return time.Time{}, fmt.Errorf("its status is a %T", status)
	}
	return bucket.StreamInfo().TimeStamp, nil
}
