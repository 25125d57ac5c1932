package ingest_test

import (
	"os"
	"regexp"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/schemas"
)

// shipped is the configuration in deploy/, without where it listens and keeps
// its data, and without passwords.
func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/mosquitto.conf")
	must(t, err)
	own := regexp.MustCompile(`(?m)^(listener|allow_anonymous|password_file|persistence_location) .*$`)
	return own.ReplaceAllString(string(text), "") + "allow_anonymous true\n"
}

// publishers are devices that publish at once, as fast as they are acknowledged.
const publishers = 8

// pour publishes readings of band-1 until as many were acknowledged, then calls
// kill while they go on, and returns what was acknowledged and how fast.
func (p *plant) pour(t *testing.T, enough int, kill func()) (acked map[uint64]bool, rate float64) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.session.URL).SetClientID("gateway-1").SetAutoReconnect(false))
	acknowledged(t, c.Connect())
	defer c.Disconnect(0)
	var mu sync.Mutex
	acked = map[uint64]bool{}
	reached := make(chan struct{})
	var work sync.WaitGroup
	begun := time.Now()
	for w := range publishers {
		work.Go(func() {
			for seq := w; ; seq += publishers {
				token := c.Publish(topic(band1, schemas.KindReadings), 1, false, payload(reading(seq)))
				if !token.WaitTimeout(long) || token.Error() != nil {
					return // the broker is dead
				}
				mu.Lock()
				acked[uint64(seq)] = true
				if len(acked) == enough {
					rate = float64(enough) / time.Since(begun).Seconds()
					close(reached)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-reached:
	case <-within(t).Done():
		t.Fatal("the broker does not acknowledge")
	}
	kill()
	work.Wait()
	return acked, rate
}

// lost waits until everything that the broker still has is in the log, and
// counts what was acknowledged and is not. What is sent last comes last, in the
// log of its wearer.
func (p *plant) lost(t *testing.T, acked map[uint64]bool) int {
	t.Helper()
	const mark = 1 << 30
	p.device(t, "gateway-2").send(t, topic(band1, schemas.KindReadings), payload(reading(mark)))
	s, lost := p.stored(t), 0
	for ctx := within(t); s.count[place{band1, 7, mark}] == 0; {
		msg, err := s.queue.Next(ctx)
		must(t, err)
		s.add(t, msg)
	}
	for seq := range acked {
		if s.count[place{band1, 7, seq}] == 0 {
			lost++
		}
	}
	return lost
}

// connectedAgain waits until a session has its subscription.
func (r *running) connectedAgain(t *testing.T) {
	t.Helper()
	until(t, "the session has no subscription", func() bool { return r.session.State().Subscribed })
}

// until waits for something that only a look can tell.
func until(t *testing.T, otherwise string, ok func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for ctx := within(t); !ok(); {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal(otherwise)
		}
	}
}

// saved is after how many changes the shipped configuration saves, and as many
// again as the devices may have acknowledged while it counts them.
const saved = 20 + 2*publishers

// TestMosquittoKilled measures what deploy/mosquitto.conf says of a kill -9. The
// devices' messages are acknowledged by Mosquitto, so what it had not saved is
// its own loss; ingest must not add to it, and must find its session again.
func TestMosquittoKilled(t *testing.T) {
	t.Run("ingest away", func(t *testing.T) {
		p := newPlant(t)
		m := p.mosquitto(t, shipped(t))
		r := p.start(t)
		p.pourInto(t)
		r.stop(t)
		acked, rate := p.pour(t, 3000, func() { m.kill(t) })
		m.start(t)
		r = p.start(t)
		lost := p.lost(t, acked)
		t.Logf("ingest away: Mosquitto acknowledged %d at %.0f/s and lost %d in a kill -9", len(acked), rate, lost)
		if lost > saved {
			t.Errorf("%d lost, at most %d may be", lost, saved)
		}
		if state := r.session.State(); !state.Present {
			t.Errorf("the session is gone: %+v", state)
		}
	})
	t.Run("ingest present", func(t *testing.T) {
		p := newPlant(t)
		m := p.mosquitto(t, shipped(t))
		r := p.start(t)
		p.pourInto(t)
		acked, rate := p.pour(t, 3000, func() { m.kill(t) })
		m.start(t)
		r.connectedAgain(t)
		lost := p.lost(t, acked)
		t.Logf("ingest present: Mosquitto acknowledged %d at %.0f/s and lost %d in a kill -9", len(acked), rate, lost)
		if lost > saved {
			t.Errorf("%d lost, at most %d may be", lost, saved)
		}
		if state := r.session.State(); !state.Present || state.Lost != 0 {
			t.Errorf("the session is gone: %+v", state)
		}
	})
}

// pourInto makes changes enough for a save, so that the session is in the file.
func (p *plant) pourInto(t *testing.T) {
	t.Helper()
	d := p.device(t, band2.String())
	for seq := range 100 {
		d.send(t, topic(band2, schemas.KindReadings), payload(reading(1000+seq)))
	}
	d.Disconnect(100)
}

// A Mosquitto that keeps nothing forgets the session, and that is an alarm.
func TestMosquittoThatKeepsNothingIsNoticed(t *testing.T) {
	p := newPlant(t)
	m := p.mosquitto(t, plain)
	r := p.start(t)
	if state := r.session.State(); !state.Connected || state.Present || state.Lost != 0 {
		t.Errorf("the first session: %+v", state)
	}
	m.kill(t)
	until(t, "the session does not notice", func() bool { return !r.session.Connected() })
	m.start(t)
	r.connectedAgain(t)
	if state := r.session.State(); state.Present || state.Lost != 1 {
		t.Errorf("the session was forgotten: %+v", state)
	}
	p.wantMetric(t, "sitwell_ingest_sessions_lost_total", "", 1)
}
