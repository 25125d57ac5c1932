package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
)

// sessionKey is where the client id of ingest's session is kept. The session holds
// what was acknowledged to devices, and whoever connects under its name takes it
// over, so the name belongs to the log and is a secret of sitwell's own parts.
const sessionKey = "ingest.session"

// seedSession gives a log the name that stands in its folder, and the folder the
// name that is in its log: an earlier version of sitwell looks for it there.
func (a *App) seedSession(ctx context.Context) error {
	path := filepath.Join(a.o.Data, "mqtt-session")
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read name of the MQTT session: %w", err)
	}
	name, err := a.sessionName(ctx, string(file))
	if err != nil || name == string(file) {
		return err
	}
	if err := writeWhole(path, name); err != nil {
		return fmt.Errorf("keep name of the MQTT session: %w", err)
	}
	return nil
}

// sessionName is the name that is kept with the log; where there is none yet, it is
// seed, or a new one.
func (a *App) sessionName(ctx context.Context, seed string) (string, error) {
	kv, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return "", err
	}
	if seed == "" {
		seed = "sitwell-ingest-" + rand.Text()
	}
	entry, err := kv.Get(ctx, sessionKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		if _, err = kv.Create(ctx, sessionKey, []byte(seed)); err == nil {
			return seed, nil
		}
		entry, err = kv.Get(ctx, sessionKey) // another process was faster
	}
	if err != nil {
		return "", fmt.Errorf("look up the name of the MQTT session: %w", err)
	}
	return string(entry.Value()), nil
}

// keptName is the name that is kept with the log, "" for none.
func keptName(ctx context.Context, log *bus.Bus) (string, error) {
	kv, err := log.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return "", err
	}
	entry, err := kv.Get(ctx, sessionKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up the name of the MQTT session: %w", err)
	}
	return string(entry.Value()), nil
}
