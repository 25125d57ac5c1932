package demo_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"sitwell/internal/cli"
	"sitwell/internal/demo"
)

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

// events is what a console says to programs. Each event goes to whoever waits.
type events struct {
	t    *testing.T
	seen chan event

	mu   sync.Mutex // guards rest
	rest []byte
}

// event is one line, with the fields that tests look at.
type event struct {
	Event, Error string
	OK           bool
	Sent, Lost   int64
	Kills        int
	Partitions   int
	Of           int
	Acknowledged int64
	Stored       int64
	Judged       int64
	Ledger       struct {
		Acknowledged, Stored, Episodes, Minutes int64
	}
}

func listen(t *testing.T) *events {
	t.Helper()
	return &events{t: t, seen: make(chan event, 1000)}
}

func (e *events) console() *demo.Console { return demo.NewConsole(e, true, false) }

// Write takes whole lines.
func (e *events) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rest = append(e.rest, b...)
	for {
		line, rest, whole := bytes.Cut(e.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		e.rest = rest
		var v event
		if err := json.Unmarshal(line, &v); err != nil {
			e.t.Errorf("%s: %v", line, err)
		}
		e.t.Logf("%s", line)
		e.seen <- v
	}
}

// await waits for an event, past others.
func (e *events) await(name string) event {
	e.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case v := <-e.seen:
			if v.Event == name {
				return v
			}
		case <-limit:
			e.t.Fatalf("no event %q", name)
		}
	}
}

// patience is how long something may take that should come at once.
const patience = 90 * time.Second

func executable(t *testing.T) (command, env []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe}, []string{child + "=1"}
}

func TestKeysOfAPipe(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	keys, restore := demo.Keys(in)
	defer restore()
	w := bufio.NewWriter(out)
	_, _ = w.WriteString("\nk\r\n") // into memory
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := <-keys; got != 'k' {
		t.Errorf("it gives %q", got)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if got, open := <-keys; open {
		t.Errorf("at the end it gives %q", got)
	}
}
