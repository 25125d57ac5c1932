package cluster_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/cli"
	"sitwell/internal/cluster"
)

// patience is how long something may take that should come at once.
const patience = 60 * time.Second

// child makes this test's executable the command line of sitwell.
const child = "TEST_SITWELL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, "test", os.Args[1:], os.Stdout, os.Stderr))
}

func start(t *testing.T, detectors int) *cluster.Cluster {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := cluster.Start(ctx, cluster.Options{
		Command: []string{exe}, Env: []string{child + "=1"}, Dir: t.TempDir(), Detectors: detectors, Output: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryPartMayBeKilledAndComesBack(t *testing.T) {
	c := start(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if len(c.Parts()) != 6 || c.Part(cluster.Broker) != c.Parts()[0] || c.Part("nobody") != nil {
		t.Fatalf("it has %d parts", len(c.Parts()))
	}
	for _, p := range c.Parts() {
		pid := p.PID()
		if err := p.Start(ctx); !errors.Is(err, cluster.ErrRunning) {
			t.Errorf("%s is started twice: %v", p.Name(), err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if code, err := p.Wait(ctx); code != -1 || err != nil || p.Running() {
			t.Errorf("killed, %s ends with %d, %v", p.Name(), code, err)
		}
		if err := p.Kill(); !errors.Is(err, cluster.ErrNotRunning) {
			t.Errorf("%s is killed twice: %v", p.Name(), err)
		}
		if err := p.Ready(ctx); err == nil {
			t.Errorf("%s is ready and does not run", p.Name())
		}
		begun := time.Now()
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: all are ready again after %v", p.Name(), time.Since(begun).Round(time.Millisecond))
		if p.PID() == pid || p.Runs() != 2 {
			t.Errorf("%s runs as %d, as before, %d times", p.Name(), p.PID(), p.Runs())
		}
	}
	s, err := c.Settle(ctx)
	if err != nil || s.Readings != 0 || s.Error != "" {
		t.Errorf("nothing was sent, and it settles as %+v, %v", s, err)
	}
	nc, err := c.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := bus.Attach(ctx, nc); err != nil {
		t.Errorf("the log cannot be used: %v", err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	for _, p := range c.Parts() {
		if code, err := p.Wait(ctx); code != 0 || err != nil {
			t.Errorf("asked to stop, %s ends with %d, %v", p.Name(), code, err)
		}
	}
}

func TestAPartThatCannotStartSaysWhy(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	_, err = cluster.Start(ctx, cluster.Options{
		Command: []string{exe, "nonsense"}, Env: []string{child + "=1"}, Dir: t.TempDir(), Detectors: 1,
	})
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "exit code 2") {
		t.Errorf("it says %v", err)
	}
	if time.Since(begun) > patience/2 {
		t.Error("it was waited for")
	}
}
