// Package influxd runs an InfluxDB 2 as a child process, for the tests
// (internal/series/influx/influxtest) and for `make demo-influx`. The program is the one
// that `make influxd` has put into the user's cache.
//
//	s, err := influxd.Start(influxd.Options{Path: path, Dir: dir})
//	err = s.Setup(ctx, influxd.Operator{Org: "sitwell", ...})
//	...
//	s.Stop()
//
// The server listens on loopback, reports to nobody and has its data in one
// folder. It ends with the process that started it, also where that is killed, and
// has a process group of its own, so that a Ctrl-C in a terminal does not end it before
// those who use it. A Server is for one goroutine.
package influxd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Version is that of the server.
const Version = "2.7.12"

// EnvPath is the variable that names another program than the one in the cache.
const EnvPath = "INFLUXTEST_INFLUXD"

// Patience bounds the wait for the server to start and to end; only a failure takes it.
const Patience = 60 * time.Second

// Path is where the server's program is; it reports false where there is none.
func Path() (string, bool) {
	path := os.Getenv(EnvPath)
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", false
		}
		path = filepath.Join(cache, "sitwell", "influxd-"+Version, "influxd")
	}
	//nolint:gosec // whoever runs this says which program
	_, err := os.Stat(path)
	return path, err == nil
}

// Options are for a server.
type Options struct {
	Path string // of its program
	Dir  string // of its data, absolute; it is made
	// Addr is host:port to listen on, a free port of 127.0.0.1 where it is empty.
	Addr string
	// Temporary says that the folder is removed if this process is killed.
	Temporary bool
}

// Server is an influxd. Its folder and address outlive a kill.
type Server struct {
	opts Options
	addr string

	log   *tail
	cmd   *exec.Cmd
	done  chan struct{} // closed when cmd has ended
	stdin interface{ Close() error }
	guard *guard
}

// Start runs a server and waits until it answers. Where the port is free to choose
// and another process takes it meanwhile, it tries another.
func Start(o Options) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for InfluxDB: %w", err)
	}
	s := &Server{opts: o, addr: o.Addr}
	if o.Addr != "" {
		err := s.run()
		return s, err
	}
	var err error
	for range 5 {
		if s.addr, err = freeAddr(); err != nil {
			break
		}
		if err = s.run(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func freeAddr() (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// URL is where the server listens, the same after a Restart.
func (s *Server) URL() string { return "http://" + s.addr }

// Dir is where its data is.
func (s *Server) Dir() string { return s.opts.Dir }

// Log is the last it has said.
func (s *Server) Log() string { return s.log.String() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// run starts the program and waits until it answers or has ended.
func (s *Server) run() error {
	s.log = &tail{}
	//nolint:gosec // the program is the one that whoever runs this has put there
	cmd := exec.CommandContext(context.Background(), s.opts.Path,
		"--http-bind-address", s.addr,
		"--bolt-path", filepath.Join(s.opts.Dir, "influxd.bolt"),
		"--sqlite-path", filepath.Join(s.opts.Dir, "influxd.sqlite"),
		"--engine-path", filepath.Join(s.opts.Dir, "engine"),
		"--reporting-disabled", "--ui-disabled")
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Dir = s.opts.Dir // so that no configuration file of the caller's is read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second   // for what it may have started, which has its output
	stdin, err := cmd.StdinPipe() // stays open: a server in a container ends with it
	if err != nil {
		return fmt.Errorf("make a pipe to InfluxDB: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", s.opts.Path, err)
	}
	s.cmd, s.stdin, s.done = cmd, stdin, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(s.done)
	if s.guard, err = watch(cmd.Process.Pid, s.opts); err == nil {
		err = s.answering()
	}
	if err != nil {
		s.Kill()
		return fmt.Errorf("start InfluxDB: %w; it said:\n%s", err, s.log)
	}
	return nil
}

// answering waits until the server answers.
func (s *Server) answering() error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if Answers(ctx, s.URL()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return errors.New("it has ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer within %s", Patience)
		}
	}
}

// Answers reports whether an InfluxDB is up.
func Answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}
