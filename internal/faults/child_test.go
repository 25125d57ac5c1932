//go:build faults

package faults

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata"

	"sitwell/internal/cli"
	"sitwell/internal/series/influx/influxtest"
)

// How much is done. Each default depends on -short.
var (
	killsFlag    = flag.Int("kills", 0, "how many kill -9 at random; 0 is 200, or 10 with -short")
	cutsFlag     = flag.Int("cuts", 0, "how many power cuts for each durability; 0 is 20, or 1 with -short")
	readingsFlag = flag.Int("readings", 0, "how many readings are acknowledged under kills; 0 is 1,000,000, or 10,000 with -short")
	storedFlag   = flag.Int("stored", 0, "how many messages the log holds when the time to ready is measured; 0 is 1,000,000, or 20,000 with -short")
	seedFlag     = flag.Uint64("seed", 0, "of what is random; 0 is a new one")
)

// size is what a flag says, or its default.
func size(given, short, full int) int {
	switch {
	case given > 0:
		return given
	case testing.Short():
		return short
	}
	return full
}

// childMode says how the test binary is to run: as tests where it is not set, as
// sitwell where it is.
const childMode = "SITWELL_CHILD"

// The values of childMode. A guarded child ends when its standard input does, so
// that none outlives its test.
const (
	plain   = "plain"
	guarded = "guarded"
)

func TestMain(m *testing.M) {
	mode := os.Getenv(childMode)
	if mode == "" {
		os.Exit(influxtest.Main(m))
	}
	_ = os.Unsetenv(childMode) // sitwell refuses settings it does not know
	if mode == guarded {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
	}
	os.Exit(sitwell())
}

// sitwell is what cmd/sitwell does.
func sitwell() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, "faults", os.Args[1:], os.Stdout, os.Stderr)
}

// patience bounds the wait for anything; only a failure takes it.
const patience = 60 * time.Second

// child is a process of sitwell.
type child struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	out   *tail
	done  chan struct{} // closed when it has ended
}

// spawn starts sitwell with a command line. It is killed with the test.
func spawn(t testing.TB, name string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := &child{t: t, name: name, cmd: exec.Command(exe, args...), out: &tail{}, done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childMode+"="+guarded)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	c.stdin, err = c.cmd.StdinPipe()
	must(t, err)
	must(t, c.cmd.Start())
	go func() {
		_ = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		c.signal(syscall.SIGCONT)
		c.kill()
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", c.name, c.out.last(8<<10))
		}
	})
	return c
}

func (c *child) signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

// kill is kill -9. It returns when the process is gone.
func (c *child) kill() {
	c.signal(syscall.SIGKILL)
	<-c.done
	_ = c.stdin.Close()
}

// stop is SIGTERM, which must end the process with exit code 0 within ten
// seconds. It returns how long it took.
func (c *child) stop() time.Duration {
	c.t.Helper()
	from := time.Now()
	c.signal(syscall.SIGTERM)
	code := c.wait()
	took := time.Since(from)
	if code != 0 {
		c.t.Errorf("%s ended with code %d after SIGTERM", c.name, code)
	}
	if took > drainLimit+slack {
		c.t.Errorf("%s took %s to drain, the limit is %s", c.name, took, drainLimit)
	}
	return took
}

// drainLimit is what a SIGTERM may take, and slack what a busy machine adds.
const (
	drainLimit = 10 * time.Second
	slack      = 2 * time.Second
)

// wait waits for the end of a process and returns its exit code.
func (c *child) wait() int {
	c.t.Helper()
	select {
	case <-c.done:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		c.t.Fatalf("%s does not end", c.name)
		return -1
	}
}

// runs fails the test if the process has ended.
func (c *child) runs() {
	c.t.Helper()
	select {
	case <-c.done:
		c.t.Fatalf("%s ended by itself: %s\n%s", c.name, c.cmd.ProcessState, c.out)
	default:
	}
}

// tail keeps the last lines of a process, 64 KiB of them.
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

// last is at most n bytes, without what is only said of devices that come too early.
func (l *tail) last(n int) string {
	var kept []string
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, "authentication error") {
			kept = append(kept, line)
		}
	}
	text := strings.Join(kept, "")
	return text[max(0, len(text)-n):]
}

// has reports whether the process has said something lately.
func (l *tail) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.buf, []byte(text))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok holds, asking every 20 ms.
func eventually(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	return within(t, patience, what, ok)
}

func within(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	from := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(from) > limit {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(from)
}
