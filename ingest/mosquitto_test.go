package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sitwell/schemas"
)

// mosquitto starts the broker that many already have, on a free port and with a
// folder of its own. The log stays the embedded server's.
func (p *plant) mosquitto(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	dir, addr := t.TempDir(), freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	must(t, err)
	// With its default of 20 messages in flight Mosquitto 2.0 lets a new message
	// overtake those that wait behind them: see DESIGN.md.
	config := filepath.Join(dir, "mosquitto.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\n", port), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	var says bytes.Buffer
	server := exec.CommandContext(ctx, program, "-c", config)
	server.Stdout, server.Stderr = &says, &says
	must(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("mosquitto: %s", says.String())
		}
	})
	listening(t, addr, ended)
	p.session.URL, p.session.Username, p.session.Password = "tcp://"+addr, "", ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	return l.Addr().String()
}

// listening waits until something takes connections at addr.
func listening(t *testing.T, addr string, ended <-chan error) {
	t.Helper()
	ctx := within(t)
	for again := time.NewTicker(10 * time.Millisecond); ; {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			again.Stop()
			must(t, c.Close())
			return
		}
		select {
		case <-again.C:
		case err := <-ended:
			t.Fatalf("mosquitto ended: %v", err)
		case <-ctx.Done():
			t.Fatalf("mosquitto does not listen: %v", err)
		}
	}
}

func TestBehindMosquitto(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t)
	p.core(t)
}

func TestBehindMosquittoADeadIngestLosesNothing(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t)
	p.outlivesADeadIngest(t)
}

func TestBehindMosquittoBadTopicsEndInQuarantine(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t)
	p.start(t)
	d := p.device(t, band1.String())
	d.send(t, "sitwell/v1/A.B/dev/readings", payload(reading(1)))
	d.send(t, "sitwell/v1//band-1/readings", payload(reading(1)))
	d.send(t, topic(band1, schemas.KindReadings), make([]byte, 1<<20))
	for _, q := range p.quarantined(t, 3) {
		if want := map[bool]schemas.Reason{true: schemas.TooLarge, false: schemas.BadIdentifier}[q.Truncated]; q.Reason != want {
			t.Errorf("%s: %s, want %s", q.Topic, q.Reason, want)
		}
	}
}

func TestBehindMosquittoACutConnectionLosesNothing(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t)
	p.cutOff(t)
}
