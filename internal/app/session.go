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

// claimSession is the name to take devices' messages under. The session of another
// name would begin with what comes from now on, and what the kept one holds, which
// devices were told is safe, would wait there for ever: a change must be meant.
func (a *App) claimSession(ctx context.Context) (string, error) {
	kept, err := a.sessionName(ctx, a.o.ClientID)
	want := a.o.ClientID
	if err != nil || want == "" || want == kept {
		return kept, err
	}
	if !a.o.NewSession {
		return "", fatalError{fmt.Errorf("the MQTT session of this log is %s, not %s as --client-id says, and may still hold what devices were told is kept: "+
			"start with --client-id %s or without the flag; or take the new name on purpose with --new-session, which leaves the old session at the broker", kept, want, kept)}
	}
	if err := a.renameSession(ctx, kept, want); err != nil {
		return "", err
	}
	a.o.Logger.Warn("ingest's MQTT session has a new name; the old one stays at the broker, with what it holds and what the broker goes on keeping for it",
		"old", kept, "new", want, "to_take_it", "stop this ingest and start one with the old name and --new-session", "to_drop_it", RemoveSession(kept))
	return want, nil
}

// renameSession changes the name that is kept with the log, unless somebody else has.
func (a *App) renameSession(ctx context.Context, from, to string) error {
	kv, err := a.bus.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		return err
	}
	entry, err := kv.Get(ctx, sessionKey)
	if err == nil && string(entry.Value()) != from {
		err = errors.New("another process has just changed it")
	}
	if err == nil {
		_, err = kv.Update(ctx, sessionKey, []byte(to), entry.Revision())
	}
	if err != nil {
		return fmt.Errorf("change the name of the MQTT session from %s to %s: %w", from, to, err)
	}
	return nil
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
