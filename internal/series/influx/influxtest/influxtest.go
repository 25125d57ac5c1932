// Package influxtest gives tests a real InfluxDB 2, the one that `make influxd`
// has put into the user's cache. A test that needs it is skipped, with a reason,
// where there is none.
//
//	func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }
//
//	func TestWrite(t *testing.T) {
//		server := influxtest.Start(t)
//		prefix := server.Prefix(t) // of the test's own buckets
//		...
//	}
//
// Start gives all tests of a process the same server, New gives a test its own,
// which may be killed and paused. A child process of a test that is given Env uses
// its parent's server. Whatever is started ends with the process, also where that
// is killed.
//
// The environment says which server: INFLUXTEST_INFLUXD names a program, and
// INFLUXTEST_URL, INFLUXTEST_TOKEN (an operator's) and INFLUXTEST_ORG one that runs
// already. They do not begin with SITWELL_, because sitwell refuses what begins so and
// is no setting.
package influxtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"sitwell/internal/influxd"
)

// The variables of the environment.
const (
	envURL   = "INFLUXTEST_URL"
	envToken = "INFLUXTEST_TOKEN"
	envOrg   = "INFLUXTEST_ORG"
)

// Server is an InfluxDB that was set up. Its methods are for one goroutine.
type Server struct {
	URL   string // http://127.0.0.1:port, the same after a restart
	Org   string // the name of the organisation
	Token string // an operator's, who may do anything

	process *influxd.Server // nil for a server that is not the test's to stop
}

// shared is the server of Start. It lives as long as anybody uses it: tests that
// run one after another have one each without Main, and the same with it.
var shared struct {
	mu      sync.Mutex // guards the rest
	process *influxd.Server
	users   int
	keep    bool // until Main ends
}

// Main runs the tests of a package, which share one server from the first Start on.
// It is the code to exit with.
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.keep = true
	shared.mu.Unlock()
	defer func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.keep = false
		end()
	}()
	return m.Run()
}

// Start is the server that the tests of this process share. Tests use buckets of
// their own on it (Prefix) and cannot stop it: that is for New.
func Start(tb testing.TB) *Server {
	tb.Helper()
	if s := outside(); s != nil {
		return s
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.process == nil {
		shared.process = launch(tb)
	}
	shared.users++
	tb.Cleanup(func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.users--
		end()
	})
	s := server(shared.process)
	s.process = nil
	return s
}

// end stops the shared server if nobody uses it. The caller holds the lock.
func end() {
	if shared.process != nil && shared.users == 0 && !shared.keep {
		remove(shared.process)
		shared.process = nil
	}
}

// New starts a server that is the test's alone and ends with it.
func New(tb testing.TB) *Server {
	tb.Helper()
	p := launch(tb)
	tb.Cleanup(func() { remove(p) })
	return server(p)
}

func server(p *influxd.Server) *Server {
	return &Server{URL: p.URL(), Org: org, Token: token, process: p}
}

func remove(p *influxd.Server) {
	p.Kill()
	_ = os.RemoveAll(p.Dir())
}

// Env is what a child process needs in its environment so that its Start gives this
// server.
func (s *Server) Env() []string {
	return []string{envURL + "=" + s.URL, envToken + "=" + s.Token, envOrg + "=" + s.Org}
}

// outside is the server that the environment names, nil for none.
func outside() *Server {
	s := &Server{URL: os.Getenv(envURL), Token: os.Getenv(envToken), Org: os.Getenv(envOrg)}
	if s.URL == "" || s.Token == "" || s.Org == "" {
		return nil
	}
	return s
}

// What the servers are set up with.
const (
	org   = "sitwell"
	token = "influxtest-operator"
)

// launch starts a server on a folder of its own and sets it up.
func launch(tb testing.TB) *influxd.Server {
	tb.Helper()
	path, ok := influxd.Path()
	if !ok {
		tb.Skipf("no InfluxDB at %s: `make influxd` gets one, or %s names its program", path, influxd.EnvPath)
	}
	//nolint:usetesting // it is the process's, not the test's
	dir, err := os.MkdirTemp("", "influxtest-")
	if err != nil {
		tb.Fatalf("make a folder for InfluxDB: %v", err)
	}
	p, err := influxd.Start(influxd.Options{Path: path, Dir: dir, Temporary: true})
	if err != nil {
		_ = os.RemoveAll(dir)
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), influxd.Patience)
	defer cancel()
	operator := influxd.Operator{User: "operator", Password: "influxtest-password", Org: org, Token: token}
	if err := p.Setup(ctx, operator); err != nil {
		remove(p)
		tb.Fatalf("%v; it said:\n%s", err, p.Log())
	}
	return p
}
