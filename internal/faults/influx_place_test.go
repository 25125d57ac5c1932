//go:build faults

package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sitwell/internal/cli"
	"sitwell/internal/influxd"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

// influxPlace is a place whose time series are in an InfluxDB.
type influxPlace struct {
	*place
	server *influxtest.Server
	url    string // where sitwell finds it
	prefix string
	tokens string // the folder with a token for each role
}

// onInflux makes the buckets and tokens of a place on a server.
func onInflux(t *testing.T, server *influxtest.Server) *influxPlace {
	t.Helper()
	p := &influxPlace{place: newPlace(t, ""), server: server, url: server.URL, prefix: server.Prefix(t)}
	p.tokens = p.setup("tokens")
	return p
}

// setup makes tokens in a new folder, as an operator does.
func (p *influxPlace) setup(folder string) string {
	p.t.Helper()
	dir := p.t.TempDir()
	operator, tokens := filepath.Join(dir, "operator"), filepath.Join(dir, folder)
	must(p.t, os.WriteFile(operator, []byte(p.server.Token), 0o600))
	var out, errOut bytes.Buffer
	args := []string{
		"series", "setup", "--influx", p.server.URL, "--influx-org", p.server.Org, "--influx-prefix", p.prefix,
		"--token-file", operator, "--out", tokens,
	}
	if code := cli.Run(p.t.Context(), "faults", args, &out, &errOut); code != 0 {
		p.t.Fatalf("sitwell %s: exit %d: %s", strings.Join(args, " "), code, &errOut)
	}
	return tokens
}

// flags tell sitwell where its time series are.
func (p *influxPlace) flags() []string {
	return []string{"--influx", p.url, "--influx-org", p.server.Org, "--influx-prefix", p.prefix, "--influx-token-file", p.tokens}
}

// serve starts sitwell and waits until it is ready.
func (p *influxPlace) serve() *child {
	p.t.Helper()
	return p.place.serve(p.flags()...)
}

// call calls the server's API as its operator.
func (p *influxPlace) call(method, path string, in, out any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	must(p.t, influxd.Call(ctx, p.server.URL, p.server.Token, method, path, in, out))
}

// points counts a wearer's points in a bucket, of whatever measurement and field.
func (p *influxPlace) points(bucket, wearer string) int {
	p.t.Helper()
	query := fmt.Sprintf(`from(bucket: %q) |> range(start: 1678-01-01T00:00:00Z, stop: 2262-01-01T00:00:00Z)
	|> filter(fn: (r) => r.wearer == %q) |> toString() |> group() |> count()`, p.prefix+"_"+bucket, wearer)
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	body, err := json.Marshal(map[string]any{"query": query, "dialect": map[string]any{"annotations": []string{}}})
	must(p.t, err)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.URL+"/api/v2/query?org="+url.QueryEscape(p.server.Org), bytes.NewReader(body))
	must(p.t, err)
	req.Header.Set("Authorization", "Token "+p.server.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	must(p.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(p.t, err)
	if res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s: %s", query, res.Status, text)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimSpace(text))).ReadAll()
	must(p.t, err)
	if len(rows) < 2 {
		return 0
	}
	n := 0
	_, err = fmt.Sscan(rows[1][len(rows[1])-1], &n)
	must(p.t, err)
	return n
}

// gate stands between sitwell and the server, and may answer a write in the
// server's place.
type gate struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	answer answer
	seen   map[digest]int // how often each write came
}

// digest stands for the body of a write.
type digest [sha256.Size]byte

// answer may answer a write, or let it pass and do what it likes with the server's answer.
// It reports whether it has done either.
type answer func(w http.ResponseWriter, write digest, again bool, pass func(http.ResponseWriter)) bool

// gateTo is a gate that everything passes.
func gateTo(t *testing.T, target string) *gate {
	t.Helper()
	to, err := url.Parse(target)
	must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	g := &gate{seen: map[digest]int{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/write" || r.ContentLength == 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // sitwell has hung up
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		g.mu.Lock()
		answer, write := g.answer, digest(sha256.Sum256(body))
		g.seen[write]++
		again := g.seen[write] > 1
		g.mu.Unlock()
		if answer == nil || !answer(w, write, again, func(to http.ResponseWriter) { proxy.ServeHTTP(to, r) }) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// from says what becomes of the writes from here on.
func (g *gate) from(a answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer, g.seen = a, map[digest]int{}
}

// times is how often a write came.
func (g *gate) times(write digest) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[write]
}

// quarantined are the messages that were put aside because the store refuses them, as all
// that are have to be, and the readings in them.
func (p *place) quarantined() (messages, readings int) {
	p.t.Helper()
	var list []struct {
		Reason   schemas.Reason
		Readings int
	}
	must(p.t, json.Unmarshal([]byte(p.sitwell("quarantine", "list", "--json", "--limit", "10000")), &list))
	for _, m := range list {
		if m.Reason != schemas.StoreRefused {
			p.t.Errorf("in quarantine because of %s", m.Reason)
		}
		readings += m.Readings
	}
	return len(list), readings
}

// reddens waits until sitwell says that it is not ready, and why.
func (p *place) reddens(because ...string) {
	p.t.Helper()
	why := ""
	defer func() {
		if p.t.Failed() {
			p.t.Logf("readiness: %s", why)
		}
	}()
	eventually(p.t, "readiness is red because of "+strings.Join(because, " and "), func() bool {
		var ready bool
		ready, why = p.ready()
		for _, word := range because {
			if !strings.Contains(why, word) {
				return false
			}
		}
		return !ready
	})
}

// greens waits until sitwell is ready, and returns how long that took.
func (p *place) greens() time.Duration {
	p.t.Helper()
	return eventually(p.t, "readiness is green again", func() bool { ready, _ := p.ready(); return ready })
}

// line writes a point past sitwell.
func (p *influxPlace) line(bucket, point string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	to := url.Values{"org": {p.server.Org}, "bucket": {p.prefix + "_" + bucket}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.URL+"/api/v2/write?"+to.Encode(), strings.NewReader(point))
	must(p.t, err)
	req.Header.Set("Authorization", "Token "+p.server.Token)
	res, err := http.DefaultClient.Do(req)
	must(p.t, err)
	text, err := io.ReadAll(res.Body)
	must(p.t, errors.Join(err, res.Body.Close()))
	if res.StatusCode != http.StatusNoContent {
		p.t.Fatalf("write %s: %s: %s", point, res.Status, text)
	}
}
