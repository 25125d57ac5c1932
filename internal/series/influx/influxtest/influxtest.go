// Package influxtest runs a real InfluxDB 2 for tests, the one that `make influxd`
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
// The environment says which server: INFLUXTEST_INFLUXD names a binary, and
// INFLUXTEST_URL, INFLUXTEST_TOKEN (an operator's) and INFLUXTEST_ORG one that runs
// already. They do not begin with SITWELL_, because sitwell refuses what begins so and
// is no setting.
package influxtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Version is that of the server the tests are made for.
const Version = "2.7.12"

// The variables of the environment.
const (
	envBinary = "INFLUXTEST_INFLUXD"
	envURL    = "INFLUXTEST_URL"
	envToken  = "INFLUXTEST_TOKEN"
	envOrg    = "INFLUXTEST_ORG"
)

// patience bounds the wait for anything; only a failure takes it.
const patience = 60 * time.Second

// Server is an InfluxDB that was set up. Its methods are for one goroutine.
type Server struct {
	URL   string // http://127.0.0.1:port, the same after a restart
	Org   string // the name of the organisation
	Token string // an operator's, who may do anything

	process *process // nil for a server that somebody else runs
}

// shared is the server of Start. It lives as long as anybody uses it, so that
// tests one after another without Main have one each, and with Main the same.
var shared struct {
	mu     sync.Mutex // guards the rest
	server *Server
	users  int
	keep   bool // until Main ends
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
// their own on it (Prefix) and must not stop it: that is for New.
func Start(tb testing.TB) *Server {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if s, ok := outside(); ok {
		return s
	}
	if shared.server == nil {
		shared.server = launch(tb)
	}
	shared.users++
	tb.Cleanup(func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.users--
		end()
	})
	s := *shared.server
	return &s
}

// end stops the shared server if nobody uses it. The caller holds the lock.
func end() {
	if shared.server != nil && shared.users == 0 && !shared.keep {
		shared.server.process.remove()
		shared.server = nil
	}
}

// New starts a server that is the test's alone and ends with it. The test is
// skipped where a server is given that somebody else runs.
func New(tb testing.TB) *Server {
	tb.Helper()
	if _, ok := outside(); ok && binary() == "" {
		tb.Skipf("the InfluxDB of %s cannot be stopped by a test", envURL)
	}
	s := launch(tb)
	tb.Cleanup(s.process.remove)
	return s
}

// Env is what a child process needs in its environment so that its Start gives this
// server.
func (s *Server) Env() []string {
	return []string{envURL + "=" + s.URL, envToken + "=" + s.Token, envOrg + "=" + s.Org}
}

// outside is the server that the environment names.
func outside() (*Server, bool) {
	s := &Server{URL: os.Getenv(envURL), Token: os.Getenv(envToken), Org: os.Getenv(envOrg)}
	return s, s.URL != "" && s.Token != "" && s.Org != ""
}

// binary is where the server's program is, empty for nowhere.
func binary() string {
	path := os.Getenv(envBinary)
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(cache, "sitwell", "influxd-"+Version, "influxd")
	}
	//nolint:gosec // whoever runs the tests says which program
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// launch starts a server on a folder of its own and sets it up.
func launch(tb testing.TB) *Server {
	tb.Helper()
	path := binary()
	if path == "" {
		tb.Skipf("no InfluxDB: `make influxd` gets one, or %s names its program", envBinary)
	}
	p, err := start(path)
	if err != nil {
		tb.Fatalf("start InfluxDB: %v", err)
	}
	s := &Server{URL: p.url(), Org: "sitwell", Token: "influxtest-operator", process: p}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.setup(ctx); err != nil {
		defer p.remove()
		tb.Fatalf("set InfluxDB up: %v\n%s", err, p.log)
	}
	return s
}
