package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
)

// The embedded broker keeps QoS 1 messages in mqttStream until each session that
// subscribed to them has acknowledged them: ingest's reads mqttSubject of it. A session
// is a durable consumer there and a record in recordStream that names it. The server
// makes the consumer first; a kill before it writes the record leaves an orphan, which
// nobody will ever read and which keeps all that devices publish.
const (
	mqttStream   = "$MQTT_msgs"
	mqttSubject  = "$MQTT.msgs.sitwell.>"
	recordStream = "$MQTT_sess"
	recordPrefix = "$MQTT.sess."
	inboxPrefix  = "$MQTT.sub." // where consumers of sessions deliver, and no others
)

// holder is a consumer that keeps what devices publish.
type holder struct {
	session  string // client id of the session that it is of, "" for none
	consumer *jetstream.ConsumerInfo
}

// orphan reports whether it was made for a session that does not know it.
func (h *holder) orphan() bool {
	return h.session == "" && strings.HasPrefix(h.consumer.Config.DeliverSubject, inboxPrefix)
}

// messages is how many it keeps.
func (h *holder) messages() uint64 {
	return h.consumer.NumPending + uint64(max(0, h.consumer.NumAckPending))
}

// holders are all there are; none where the log is not at the embedded broker.
func holders(ctx context.Context, log *bus.Bus) ([]holder, error) {
	js, err := jetstream.New(log.Conn())
	if err != nil {
		return nil, fmt.Errorf("look at sessions: %w", err)
	}
	s, err := js.Stream(ctx, mqttStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at sessions: %w", err)
	}
	var all []holder
	consumers := s.ListConsumers(ctx)
	for c := range consumers.Info() {
		if c.Config.FilterSubject == mqttSubject && c.Config.Durable != "" {
			all = append(all, holder{consumer: c})
		}
	}
	if err := consumers.Err(); err != nil {
		return nil, fmt.Errorf("look at sessions: %w", err)
	}
	for i := range all {
		if all[i].session, err = sessionOf(ctx, js, all[i].consumer.Name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sessionOf is the client id of the session whose record names a consumer, "" for
// none. The consumer's name begins with the key of the one record that could name it.
func sessionOf(ctx context.Context, js jetstream.JetStream, consumer string) (string, error) {
	s, err := js.Stream(ctx, recordStream)
	if err != nil {
		return "", fmt.Errorf("look at records of sessions: %w", err)
	}
	key, _, _ := strings.Cut(consumer, "_")
	m, err := s.GetLastMsgForSubject(ctx, recordPrefix+key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at records of sessions: %w", err)
	}
	var record struct {
		ID   string `json:"id"`
		Cons map[string]struct {
			Durable string `json:"durable_name"`
		} `json:"cons"`
	}
	if err := json.Unmarshal(m.Data, &record); err != nil {
		return "", fmt.Errorf("read record of the session with the consumer %s: %w", consumer, err)
	}
	for _, c := range record.Cons {
		if c.Durable == consumer {
			return record.ID, nil
		}
	}
	return "", nil
}

// ownHolder is the consumer of ingest's session at the embedded broker, nil if there
// is none (yet).
func (a *App) ownHolder(ctx context.Context) (*holder, error) {
	name, err := keptName(ctx, a.bus)
	if err != nil || name == "" {
		return nil, err
	}
	all, err := holders(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].session == name {
			return &all[i], nil
		}
	}
	return nil, nil //nolint:nilnil // none is an answer
}

// removeOrphans removes what a kill left of sessions. One that was made after this
// process began is not looked at: ingest may be here already, and its record be on its
// way. Without it the start goes on, since nobody is admitted because of an orphan.
func (a *App) removeOrphans(ctx context.Context, began time.Time) error {
	all, err := holders(ctx, a.bus)
	if err != nil {
		return err
	}
	for _, h := range all {
		if !h.orphan() || !h.consumer.Created.Before(began) {
			continue
		}
		if err := a.bus.Forget(ctx, mqttStream, h.consumer.Name); err != nil {
			return err
		}
		a.o.Logger.Warn("removed what a kill had left of an MQTT session that was being made", "consumer", h.consumer.Name,
			"made", h.consumer.Created, "messages", h.messages())
	}
	return nil
}

// Held is what the embedded broker keeps for a session that is not ingest's.
type Held struct {
	Session   string // its client id, "" where no session knows of it
	Consumer  string
	Messages  uint64
	Connected bool // somebody takes them now
}

// HeldForOthers are those that hold messages: they stay until that session
// takes them or they are three days old, and fill the broker's limit.
func HeldForOthers(ctx context.Context, log *bus.Bus) ([]Held, error) {
	name, err := keptName(ctx, log)
	if err != nil {
		return nil, err
	}
	all, err := holders(ctx, log)
	if err != nil {
		return nil, err
	}
	var held []Held
	for _, h := range all {
		if n := h.messages(); n > 0 && (h.session == "" || h.session != name) {
			held = append(held, Held{Session: h.session, Consumer: h.consumer.Name, Messages: n, Connected: h.consumer.PushBound})
		}
	}
	return held, nil
}

// RemoveSession says how to remove a session, with what is kept for it.
func RemoveSession(name string) string {
	return "connect to the MQTT broker once under that name with a clean session, such as " +
		"`mosquitto_sub -i " + name + " -u " + User + " -P <secret> -t none -E`"
}
