package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsUsers is the part of the secrets' README that makes nats_users.conf, with a fixed password.
func natsUsers(t *testing.T) string {
	t.Helper()
	guide, err := os.ReadFile("secrets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "nats_users.conf <<EOF\n")
	users, _, ok := strings.Cut(rest, "\nEOF\n")
	if !ok {
		t.Fatal("secrets/README.md does not show nats_users.conf")
	}
	return strings.ReplaceAll(users, "$(openssl rand -hex 32)", "for-this-test")
}

// TestNATSConfig starts the server with the file of docker-compose.yml, on free
// ports and in a temporary folder, and stores a message.
func TestNATSConfig(t *testing.T) {
	dir := t.TempDir()
	conf, err := os.ReadFile("nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"nats.conf": string(conf), "users.conf": natsUsers(t)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opts, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatalf("read nats.conf: %v", err)
	}
	if !opts.JetStream || !opts.SyncAlways {
		t.Errorf("JetStream %v, sync always %v: want both", opts.JetStream, opts.SyncAlways)
	}
	if opts.MQTT.Port != 1883 || opts.Port != 4222 || opts.HTTPHost != "127.0.0.1" || opts.HTTPPort != 8222 {
		t.Errorf("listens on %d, MQTT %d, monitoring %s:%d", opts.Port, opts.MQTT.Port, opts.HTTPHost, opts.HTTPPort)
	}

	opts.StoreDir = filepath.Join(dir, "data")
	opts.Host, opts.Port = "127.0.0.1", server.RANDOM_PORT
	opts.MQTT.Host, opts.MQTT.Port = "127.0.0.1", server.RANDOM_PORT
	opts.HTTPPort = server.RANDOM_PORT
	opts.NoLog, opts.NoSigs = true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatalf("make a server of nats.conf: %v", err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready after 10 s")
	}

	if c, err := nats.Connect(s.ClientURL()); err == nil {
		c.Close()
		t.Error("a client without a password is let in")
	}
	c, err := nats.Connect(s.ClientURL(), nats.UserInfo("sitwell", "for-this-test"))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TRY", Subjects: []string{"try"}}); err != nil {
		t.Fatalf("create stream: %v", err)
	}
	if _, err := js.Publish(t.Context(), "try", []byte("x")); err != nil {
		t.Errorf("publish: %v", err)
	}
}
