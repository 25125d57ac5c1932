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

// mosquitto is the broker that many already have, as a child process with a
// folder of its own.
type mosquitto struct {
	program, config string
	addr            string
	server          *exec.Cmd
	ended           chan error // of the present process
	says            bytes.Buffer
}

// plain is a configuration without persistence. With its default of 20 messages
// in flight Mosquitto 2.0 lets a new message overtake those that wait behind
// them: see DESIGN.md.
const plain = "allow_anonymous true\npersistence false\nmax_inflight_messages 0\n"

// mosquitto puts ingest behind Mosquitto, on a free port. The log stays the
// embedded server's.
func (p *plant) mosquitto(t *testing.T, config string) *mosquitto {
	t.Helper()
	m := newMosquitto(t, config)
	p.session.URL, p.session.Username, p.session.Password = "tcp://"+m.addr, "", ""
	return m
}

func newMosquitto(t *testing.T, config string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	dir := t.TempDir()
	m := &mosquitto{program: program, config: filepath.Join(dir, "mosquitto.conf"), addr: freeAddr(t)}
	_, port, err := net.SplitHostPort(m.addr)
	must(t, err)
	// Started by root it would become a user who cannot write the folder.
	config += fmt.Sprintf("listener %s 127.0.0.1\npersistence_location %s/\nuser root\n", port, dir)
	must(t, os.WriteFile(m.config, []byte(config), 0o600))
	m.start(t)
	t.Cleanup(func() {
		m.kill(t)
		if t.Failed() {
			t.Logf("mosquitto: %s", m.says.String())
		}
	})
	return m
}

func (m *mosquitto) start(t *testing.T) {
	t.Helper()
	m.server = exec.CommandContext(context.Background(), m.program, "-c", m.config)
	m.server.Stdout, m.server.Stderr = &m.says, &m.says
	must(t, m.server.Start())
	ended := make(chan error, 1)
	m.ended = ended
	go func(server *exec.Cmd) { ended <- server.Wait() }(m.server)
	listening(t, m.addr, ended)
}

// kill is kill -9.
func (m *mosquitto) kill(t *testing.T) {
	t.Helper()
	if m.server == nil {
		return
	}
	must(t, m.server.Process.Kill())
	<-m.ended
	m.server = nil
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
	p.mosquitto(t, plain)
	p.core(t)
}

func TestBehindMosquittoADeadIngestLosesNothing(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t, plain)
	p.outlivesADeadIngest(t)
}

func TestBehindMosquittoBadTopicsEndInQuarantine(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t, plain)
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
	p.mosquitto(t, plain)
	p.cutOff(t)
}
