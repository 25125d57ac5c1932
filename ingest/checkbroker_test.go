package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sitwell/ingest"
	"sitwell/internal/faults/proxy"
)

// expired is a context that has ended.
func expired(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
}

func TestCheckBrokerPasses(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		p := newPlant(t)
		must(t, ingest.CheckBroker(within(t), p.session))
		p.leftNothing(t)
	})
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		p := newPlant(t)
		p.mosquitto(t, shipped(t))
		must(t, ingest.CheckBroker(within(t), p.session))
	})
}

// leftNothing looks for what a check may have left in the embedded broker, which
// tidies up once it has noticed a disconnection.
func (p *plant) leftNothing(t *testing.T) {
	t.Helper()
	for request, want := range map[string]string{
		"$JS.API.CONSUMER.NAMES.$MQTT_msgs": `"total":0`,
		"$JS.API.STREAM.INFO.$MQTT_msgs":    `"messages":0`,
		"$JS.API.STREAM.INFO.$MQTT_sess":    `"messages":0`,
	} {
		until(t, "something is left: "+request, func() bool {
			answer, err := p.log.Conn().RequestWithContext(within(t), request, nil)
			must(t, err)
			return strings.Contains(string(answer.Data), want)
		})
	}
}

func TestCheckBrokerSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"limit of the queue": {"allow_anonymous true\n", "max_queued_messages"},
		"no password":        {"allow_anonymous false\n", "ot Authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t)
			p.mosquitto(t, c.config)
			err := ingest.CheckBroker(within(t), p.session)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), p.session.URL) {
				t.Errorf("%v, want something of %q", err, c.want)
			}
		})
	}
}

func TestCheckBrokerEndsWithItsContext(t *testing.T) {
	p := newPlant(t)
	l := proxy.Start(t, strings.TrimPrefix(p.session.URL, "tcp://"))
	l.Hang(proxy.Both)
	p.session.URL = "tcp://" + l.Addr()
	ctx, cancel := expired(t)
	defer cancel()
	if err := ingest.CheckBroker(ctx, p.session); err == nil {
		t.Error("a broker that says nothing passes")
	}
}
