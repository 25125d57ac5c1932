package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker"
	"sitwell/internal/bus"
)

// The embedded broker keeps QoS 1 messages in mqttStream until ingest, which
// reads mqttSubject of it, has acknowledged them.
const (
	mqttStream  = "$MQTT_msgs"
	mqttSubject = "$MQTT.msgs.sitwell.>"
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

// lookEvery is how often admission looks for ingest's session.
const lookEvery = 50 * time.Millisecond

// admit lets devices in once ingest's session exists at this broker and what an
// earlier run had not taken of it is taken. Then it waits for its end.
func (a *App) admit(ctx context.Context, _ prometheus.Registerer) error {
	if !a.admitted() {
		if err := a.awaitSession(ctx); err != nil {
			return err
		}
		a.catchUp(ctx)
		a.broker.Admit()
		close(a.admission)
		a.o.Logger.Info("devices are let in")
	}
	a.works(partAdmit)
	<-ctx.Done()
	return ctx.Err()
}

func (a *App) admitted() bool {
	select {
	case <-a.admission:
		return true
	default:
		return false
	}
}

// awaitSession waits for the durable consumer of ingest's session: from then on the
// broker keeps what devices publish, whether ingest is there or not.
func (a *App) awaitSession(ctx context.Context) error {
	js, err := jetstream.New(a.nc)
	if err != nil {
		return fmt.Errorf("look for ingest's session: %w", err)
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	for {
		there, err := sessionExists(ctx, js)
		if err != nil || there {
			return err
		}
		select {
		case <-tick.C:
		case <-patience.C:
			a.o.Logger.Warn("no device is let in yet: ingest has no session at this broker; is a process with the role ingest running?")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func sessionExists(ctx context.Context, js jetstream.JetStream) (bool, error) {
	s, err := js.Stream(ctx, mqttStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil // the server makes it for the first MQTT client
	}
	if err != nil {
		return false, fmt.Errorf("look for ingest's session: %w", err)
	}
	found := false
	consumers := s.ListConsumers(ctx)
	for c := range consumers.Info() {
		found = found || c.Config.FilterSubject == mqttSubject && c.Config.Durable != ""
	}
	if err := consumers.Err(); err != nil {
		return false, fmt.Errorf("look for ingest's session: %w", err)
	}
	return found, nil
}

// catchUp waits for what the broker kept for ingest from before: a device's newer
// messages must not overtake it, or its first readings would count as late. A
// log that does not take it is no reason to keep devices out for ever.
func (a *App) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, broker.AckWait+time.Second)
	defer cancel()
	if err := a.bus.Delivered(ctx, mqttStream, mqttSubject); err != nil {
		a.o.Logger.Warn("devices are admitted before all that they sent earlier is taken", "err", err)
	}
}
