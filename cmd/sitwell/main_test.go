package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// child is set in the environment of the test binary where it is to be sitwell.
const child = "CHILD_OF_A_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what should come at once.
const patience = 60 * time.Second

// process is a running sitwell.
type process struct {
	*exec.Cmd
	done chan struct{} // closed when it has ended
}

func sitwell(t *testing.T, args ...string) *process {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], args...)
	c.Env = append(os.Environ(), child+"=1")
	c.Stderr = t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{c, make(chan struct{})}
	go func() {
		_ = c.Wait() // ProcessState says how it ended
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGCONT)
		_ = c.Process.Kill()
		<-p.done
	})
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end and returns how it was.
func (p *process) ended(t *testing.T) syscall.WaitStatus {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		t.Fatalf("it ended as %v", p.ProcessState)
	}
	return status
}

// ready asks /readyz until it is.
func ready(t *testing.T, addr string) {
	t.Helper()
	until(t, addr+" is ready", func() bool {
		c := exec.CommandContext(t.Context(), os.Args[0], "health", "--url", "http://"+addr)
		c.Env = append(os.Environ(), child+"=1")
		return c.Run() == nil
	})
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// A process that cannot drain, because the log hangs, is given time by the first
// signal, and ends at once by the second.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	data, http, addr := t.TempDir(), free(t), free(t)
	secret := filepath.Join(data, "secret")
	broker := sitwell(t, "serve", "--roles", "broker,ingest", "--data", data, "--mqtt", free(t), "--nats", addr, "--http", http)
	ready(t, http)
	page := free(t)
	detector := sitwell(t, "detect", "--nats", addr, "--secret-file", secret, "--http", page)
	ready(t, page)
	nc := connect(t, addr, secret)
	until(t, "the detector has its partitions", func() bool {
		m, err := nc.Request("$JS.API.STREAM.INFO.KV_leases", nil, patience)
		return err == nil && strings.Contains(string(m.Data), `"messages":64`)
	})

	broker.signal(t, syscall.SIGSTOP)
	detector.signal(t, syscall.SIGTERM)
	// It listens to health until it has drained, so it is still there, and it gives
	// the second signal its usual meaning only once it has had the first.
	from := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-detector.done:
			ended = true
		case <-tick.C:
			if time.Since(from) > 200*time.Millisecond { // time for the first
				_ = detector.Process.Signal(syscall.SIGTERM)
			}
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
	}
	if s := detector.ended(t); s.Signal() != syscall.SIGTERM { // -1 for another end
		t.Errorf("it ended as %v, want by the signal", detector.ProcessState)
	}
	if took := time.Since(from); took > 3*time.Second { // a drain gives up after five
		t.Errorf("it took %s", took)
	}
}

// One signal is enough where the log has gone for good: within ten seconds, exit 0.
func TestASignalEndsAProcessWhoseLogHangs(t *testing.T) {
	data, http, addr := t.TempDir(), free(t), free(t)
	secret := filepath.Join(data, "secret")
	broker := sitwell(t, "serve", "--roles", "broker,ingest", "--data", data, "--mqtt", free(t), "--nats", addr, "--http", http)
	ready(t, http)
	parts := map[string]*process{}
	for name, args := range map[string][]string{
		"detect": {"detect"}, "notify": {"notify", "--broker", free(t)}, "dashboard": {"dashboard", "--data", t.TempDir()},
	} {
		page := free(t)
		parts[name] = sitwell(t, append(args, "--nats", addr, "--secret-file", secret, "--http", page)...)
		until(t, name+" runs", func() bool {
			c := exec.CommandContext(t.Context(), os.Args[0], "health", "--url", "http://"+page)
			c.Env = append(os.Environ(), child+"=1")
			out, err := c.CombinedOutput()
			return err == nil || !strings.Contains(string(out), "still starting") && strings.Contains(string(out), "not ready")
		})
	}
	broker.signal(t, syscall.SIGSTOP)
	from := time.Now()
	for _, p := range parts {
		p.signal(t, syscall.SIGTERM)
	}
	for name, p := range parts {
		if s := p.ended(t); s.ExitStatus() != 0 {
			t.Errorf("%s ended as %v", name, p.ProcessState)
		}
		t.Logf("%s ended within %s", name, time.Since(from).Round(10*time.Millisecond))
	}
	if took := time.Since(from); took > 12*time.Second {
		t.Errorf("they took %s", took)
	}
}

func connect(t *testing.T, addr, secretFile string) *nats.Conn {
	t.Helper()
	b, err := os.ReadFile(secretFile)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+addr, nats.UserInfo("sitwell", strings.TrimSpace(string(b))))
	if err != nil {
		t.Fatal(fmt.Errorf("connect: %w", err))
	}
	t.Cleanup(nc.Close)
	return nc
}
