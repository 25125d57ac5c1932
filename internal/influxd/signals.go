package influxd

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Kill is kill -9. It returns when the server is gone.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in good order and returns when it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Restart starts the server again with its address and what it has stored, and
// stops it first where it runs.
func (s *Server) Restart() error {
	s.Stop()
	from := time.Now()
	for {
		err := s.run() // the port may be somebody's for a moment
		if err == nil || time.Since(from) > Patience {
			return err
		}
	}
}

// Pause makes the server hang: connections stand, and nothing is answered.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("send InfluxDB %s: %w", sig, err)
	}
	return nil
}

// end sends the server a signal and waits until it is gone. One that was ended before is
// left alone.
func (s *Server) end(sig syscall.Signal) {
	s.guard.dismiss()
	s.guard = nil
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(sig)
	if sig == syscall.SIGKILL {
		_ = s.stdin.Close() // ends what a container's client leaves
	}
	select {
	case <-s.done:
	case <-time.After(Patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	_ = s.stdin.Close()
}

// guard is a shell that kills the server, and removes its folder where that is a temporary
// one, once the shell's standard input ends. It does so with this process,
// however that ends.
type guard struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// watch starts a guard, in the server's process group: no Ctrl-C reaches it.
func watch(pid int, o Options) (*guard, error) {
	dir := ""
	if o.Temporary {
		dir = o.Dir
	}
	//nolint:gosec // its arguments are a number and a folder that was just made
	cmd := exec.CommandContext(context.Background(), "sh", "-c",
		`cat >/dev/null; kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"`, "sh", strconv.Itoa(pid), dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to its guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start its guard: %w", err)
	}
	return &guard{cmd, stdin}, nil
}

// dismiss ends a guard before what it guards is gone: the number of a process is
// another's soon.
func (g *guard) dismiss() {
	if g == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	_ = g.stdin.Close()
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
