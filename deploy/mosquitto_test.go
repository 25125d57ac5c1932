package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/ingest"
)

// patience bounds the wait for anything; only a failure takes it.
const patience = 30 * time.Second

// startMosquitto starts Mosquitto with the shipped file, on a free port, with a
// folder and a password file of the test's.
func startMosquitto(t *testing.T) (address string) {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	shipped, err := os.ReadFile("mosquitto.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir, address := t.TempDir(), freeAddress(t)
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.CommandContext(t.Context(), "mosquitto_passwd", "-b", "-c", passwords, "sitwell", "for-this-test").CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	_, port, _ := net.SplitHostPort(address)
	text := string(shipped)
	for old, to := range map[string]string{
		"listener 1883 127.0.0.1":                  "listener " + port + " 127.0.0.1",
		"persistence_location /var/lib/mosquitto/": "persistence_location " + dir + "/",
		"password_file /etc/mosquitto/passwords":   "password_file " + passwords,
	} {
		if !strings.Contains(text, "\n"+old+"\n") {
			t.Fatalf("mosquitto.conf has no line %q", old)
		}
		text = strings.Replace(text, old, to, 1)
	}
	// Started by root it would become a user who cannot write the folder.
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte(text+"user root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var says bytes.Buffer
	server := exec.CommandContext(context.Background(), program, "-c", config)
	server.Stdout, server.Stderr = &says, &says
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("mosquitto: %s", says.String())
		}
	})
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		select {
		case <-again.C:
		case err := <-ended:
			ended <- err
			t.Fatalf("mosquitto does not take the file: %v: %s", err, says.String())
		case <-deadline:
			t.Fatal("mosquitto does not listen")
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func client(address, id, user, password string) mqtt.Client {
	return mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetUsername(user).SetPassword(password).
		SetAutoReconnect(false).SetConnectTimeout(patience))
}

// TestMosquittoConfig starts Mosquitto with the file, and asks of it what the
// file says.
func TestMosquittoConfig(t *testing.T) {
	address := startMosquitto(t)
	c := client(address, "band-1", "", "")
	if token := c.Connect(); token.WaitTimeout(patience) && token.Error() == nil {
		t.Error("a client without a password is let in")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ingest.CheckBroker(ctx, ingest.SessionOptions{
		URL: "tcp://" + address, Username: "sitwell", Password: "for-this-test", Logger: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Error(err)
	}
}

// TestMosquittoRefusesWhatIsTooLarge makes sure that a payload over 64 KiB is not
// acknowledged and dropped.
func TestMosquittoRefusesWhatIsTooLarge(t *testing.T) {
	address := startMosquitto(t)
	for size, want := range map[int]bool{64 << 10: true, 68 << 10: false} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			c := client(address, "band-1", "sitwell", "for-this-test")
			if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("connect: %v", token.Error())
			}
			defer c.Disconnect(0)
			token := c.Publish("sitwell/v1/"+strings.Repeat("a", 63)+"/band-1/readings", 1, false, make([]byte, size))
			if !token.WaitTimeout(patience) {
				t.Fatal("neither acknowledged nor disconnected")
			}
			if acknowledged := token.Error() == nil; acknowledged != want {
				t.Errorf("acknowledged %v, want %v: %v", acknowledged, want, token.Error())
			}
		})
	}
}
