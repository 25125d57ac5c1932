package influxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is an influxd with its folder and address, which outlive a kill.
type process struct {
	path, dir, addr string

	log  *tail
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	// guard is a shell that kills the server and removes its folder once its standard input
	// ends, which it does with this process, however that ends.
	guard      *exec.Cmd
	guardStdin io.Closer
}

// start runs influxd on a new folder and a free port, and waits until it answers.
// Another process may take the port meanwhile; then it tries another.
func start(path string) (*process, error) {
	dir, err := os.MkdirTemp("", "influxtest-")
	if err != nil {
		return nil, fmt.Errorf("make folder for the server: %w", err)
	}
	p := &process{path: path, dir: dir}
	for range 5 {
		if p.addr, err = freeAddr(); err != nil {
			break
		}
		if err = p.run(); err == nil {
			return p, nil
		}
	}
	p.remove()
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

func (p *process) url() string { return "http://" + p.addr }

// run starts influxd and waits until it answers or has ended.
func (p *process) run() error {
	p.log = &tail{}
	//nolint:gosec // the program is the one that whoever runs the tests has put there
	cmd := exec.CommandContext(context.Background(), p.path,
		"--http-bind-address", p.addr,
		"--bolt-path", filepath.Join(p.dir, "influxd.bolt"),
		"--sqlite-path", filepath.Join(p.dir, "influxd.sqlite"),
		"--engine-path", filepath.Join(p.dir, "engine"),
		"--reporting-disabled", "--ui-disabled")
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Dir = p.dir // so that no configuration file of the caller's is read
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", p.path, err)
	}
	p.cmd, p.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(p.done)
	if err := p.watch(); err != nil {
		p.kill()
		return err
	}
	if err := p.ready(); err != nil {
		p.kill()
		return fmt.Errorf("%w; it said:\n%s", err, p.log)
	}
	return nil
}

// watch starts the guard. A Ctrl-C, which reaches it as well, does not end it.
func (p *process) watch() error {
	//nolint:gosec // its arguments are a number and a folder that was just made
	guard := exec.CommandContext(context.Background(), "sh", "-c",
		`trap "" INT; cat >/dev/null; kill -9 "$1"; rm -rf "$2"`, "sh", fmt.Sprint(p.cmd.Process.Pid), p.dir)
	stdin, err := guard.StdinPipe()
	if err != nil {
		return fmt.Errorf("make a pipe to the server's guard: %w", err)
	}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("start the server's guard: %w", err)
	}
	p.guard, p.guardStdin = guard, stdin
	return nil
}

// dismiss ends the guard before what it guards is gone.
func (p *process) dismiss() {
	if p.guard == nil {
		return
	}
	_ = p.guard.Process.Kill()
	_ = p.guard.Wait()
	_ = p.guardStdin.Close()
	p.guard = nil
}

// ready waits until the server answers.
func (p *process) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, p.url()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return errors.New("the server has ended")
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer within %s", patience)
		}
	}
}

// answers reports whether the server is up.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
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

// end sends the server a signal and waits until it is gone.
func (p *process) end(s syscall.Signal) {
	p.dismiss()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) kill() { p.end(syscall.SIGKILL) }

// remove ends the server for good.
func (p *process) remove() {
	p.kill()
	_ = os.RemoveAll(p.dir)
}

// Kill is kill -9. It returns when the server is gone; Restart brings it back.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.owned(tb)
	s.process.kill()
}

// Stop ends the server in good order. Restart brings it back.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.owned(tb)
	s.process.end(syscall.SIGTERM)
}

// Restart starts the server again with its address and what it has stored, and
// stops it first where it runs. It returns when the server answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	from := time.Now()
	for {
		err := s.process.run()
		if err == nil {
			return
		}
		if time.Since(from) > patience {
			tb.Fatalf("restart InfluxDB: %v", err)
		}
	}
}

// Pause makes the server hang: connections stand and nothing is answered, until
// Resume or the end.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.owned(tb)
	if err := s.process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatalf("pause InfluxDB: %v", err)
	}
}

// Resume ends a Pause.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	s.owned(tb)
	if err := s.process.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		tb.Fatalf("resume InfluxDB: %v", err)
	}
}

// Log is the last the server has said.
func (s *Server) Log() string {
	if s.process == nil {
		return ""
	}
	return s.process.log.String()
}

// owned refuses to stop a server that is not the test's.
func (s *Server) owned(tb testing.TB) {
	tb.Helper()
	if s.process == nil {
		tb.Fatal("this InfluxDB is not the test's to stop: use influxtest.New")
	}
}

// tail keeps the last of what the server says, 64 KiB of it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 64 << 10
	if l.buf = append(l.buf, b...); len(l.buf) > 2*most {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-most:]...)
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
