package influxtest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sitwell/internal/series/influx/influxtest"
)

// childMode makes the test binary print the server that its Start gives, and hang.
const childMode = "INFLUXTEST_CHILD"

func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }

func request(t *testing.T, s *influxtest.Server, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+s.Token)
	req.Header.Set("Accept", "application/csv")
	if strings.HasPrefix(path, "/api/v2/query") {
		req.Header.Set("Content-Type", "application/vnd.flux")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// write stores one point, and count is how many there are.
func write(t *testing.T, s *influxtest.Server, at string) {
	t.Helper()
	if code, text := request(t, s, http.MethodPost, "/api/v2/write?bucket=unused&org="+url.QueryEscape(s.Org), "m,a=b v=1 "+at); code != http.StatusNoContent {
		t.Fatalf("write: %d %s", code, text)
	}
}

func count(t *testing.T, s *influxtest.Server) int {
	t.Helper()
	code, text := request(t, s, http.MethodPost, "/api/v2/query?org="+url.QueryEscape(s.Org), `from(bucket: "unused") |> range(start: 0)`)
	if code != http.StatusOK {
		t.Fatalf("query: %d %s", code, text)
	}
	return strings.Count(text, ",m,")
}

func TestSharedServerStoresAndAnswers(t *testing.T) {
	s := influxtest.Start(t)
	if again := influxtest.Start(t); again.URL != s.URL {
		t.Errorf("two servers, %s and %s, in one process", s.URL, again.URL)
	}
	code, text := request(t, s, http.MethodGet, "/health", "")
	if code != http.StatusOK || !strings.Contains(text, `"status":"pass"`) && !strings.Contains(text, `"status": "pass"`) {
		t.Errorf("health: %d %s", code, text)
	}
	write(t, s, "1000")
	if n := count(t, s); n != 1 {
		t.Errorf("%d points, want 1", n)
	}
}

func TestPrefixRemovesTheTestsBuckets(t *testing.T) {
	s := influxtest.Start(t)
	var prefix string
	t.Run("a test", func(t *testing.T) {
		prefix = s.Prefix(t)
		var orgs string
		_, orgs = request(t, s, http.MethodGet, "/api/v2/orgs?org="+s.Org, "")
		_, rest, _ := strings.Cut(orgs, `"id": "`)
		id, _, _ := strings.Cut(rest, `"`)
		code, text := request(t, s, http.MethodPost, "/api/v2/buckets", `{"orgID":"`+id+`","name":"`+prefix+`_raw"}`)
		if code != http.StatusCreated {
			t.Fatalf("make a bucket: %d %s", code, text)
		}
	})
	_, text := request(t, s, http.MethodGet, "/api/v2/buckets?limit=100", "")
	if !strings.Contains(text, `"unused"`) || strings.Contains(text, prefix) {
		t.Errorf("the buckets are %s", text)
	}
}

func TestOwnServerKeepsWhatItHasOverAKill(t *testing.T) {
	s := influxtest.New(t)
	if shared := influxtest.Start(t); shared.URL == s.URL {
		t.Fatal("the test's own server is the shared one")
	}
	write(t, s, "1000")
	s.Kill(t)
	if res, err := http.Get(s.URL + "/health"); err == nil {
		res.Body.Close()
		t.Fatal("a killed server answers")
	}
	s.Restart(t)
	write(t, s, "2000")
	s.Restart(t)
	if n := count(t, s); n != 2 {
		t.Errorf("%d points after a kill and a restart, want 2", n)
	}
}

func TestPausedServerHangs(t *testing.T) {
	s := influxtest.New(t)
	s.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/health", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Error("a paused server answers")
	}
	s.Resume(t)
	write(t, s, "1000")
}

// A child that was given the server uses it; one that was not has its own, which
// ends with it, even where it is killed.
func TestServerEndsWithItsProcess(t *testing.T) {
	s := influxtest.Start(t)
	if given := child(t, s.Env()...); given.url != s.URL {
		t.Errorf("a child with Env uses %s, want %s", given.url, s.URL)
	} else {
		given.kill()
	}
	own := child(t)
	if own.url == s.URL || !answers(t, own.url) {
		t.Fatalf("a child's own server is %q", own.url)
	}
	own.kill()
	for from := time.Now(); answers(t, own.url); {
		if time.Since(from) > 30*time.Second {
			t.Fatal("the server of a killed process still runs")
		}
	}
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		res.Body.Close()
	}
	return err == nil
}

type started struct {
	url  string
	kill func()
}

// child runs TestChild in a process of its own and waits for its server.
func child(t *testing.T, env ...string) started {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestChild$")
	cmd.Env = append(append(os.Environ(), childMode+"=1"), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("the child said nothing: %v\n%s", err, &errs)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		stdin.Close()
	}
	t.Cleanup(kill)
	return started{strings.TrimSpace(string(line[:n])), kill}
}

// TestChild is what child runs; in a run of the tests it has nothing to do.
func TestChild(t *testing.T) {
	if os.Getenv(childMode) == "" {
		return
	}
	s := influxtest.Start(t)
	_, _ = os.Stdout.WriteString(s.URL + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
