package ingest_test

import (
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/faults/proxy"
	"sitwell/schemas"
)

// left is what a session says while it waits for the log.
const left = "the log takes no messages"

// A log that takes nothing is waited for away from the broker, which keeps
// everything. Both brokers at once, because it takes stallAfter.
func TestALogThatTakesNothingIsWaitedForAwayFromTheBroker(t *testing.T) {
	t.Parallel()
	embedded, other := newPlant(t), newPlant(t)
	other.mosquitto(t, plain)
	finish := embedded.stall(t, 600)
	// More than the inbox holds: the client's handler has to wait.
	finishOther := other.stall(t, 6000)
	finish()
	// The embedded broker had repeated again and again what was not acknowledged.
	if embedded.metric(t, "sitwell_ingest_repeated_total", "") == 0 {
		t.Error("nothing was repeated: the test tests nothing")
	}
	finishOther()
}

// stall keeps the log's answers back, with n messages on their way. What it
// returns waits until ingest gives up its connection, on purpose and not for want
// of pings, and lets the log answer: then all must be in it.
func (p *plant) stall(t *testing.T, n int) (finish func()) {
	t.Helper()
	d := p.device(t, band1.String())
	l := p.far(t)
	r := p.start(t)
	d.send(t, topic(band1, schemas.KindReadings), payload(reading(0)))
	p.stored(t).await(t, 1)
	l.hold()
	tokens := make([]mqtt.Token, 0, n)
	for seq := 1; seq < n; seq++ {
		tokens = append(tokens, d.Publish(topic(band1, schemas.KindReadings), 1, false, payload(reading(seq))))
	}
	for _, token := range tokens {
		acknowledged(t, token) // by the broker: with the embedded one it is on disk
	}
	return func() {
		t.Helper()
		until(t, "the connection goes on without a log", func() bool { return !r.session.Connected() })
		if state := r.session.State(); !strings.Contains(state.Error, left) {
			t.Errorf("lost, and not on purpose: %+v", state)
		}
		if taken := p.metric(t, "sitwell_ingest_messages_total", "readings"); taken > float64(n) {
			t.Errorf("%v messages taken of %d: what the broker repeats piles up", taken, n)
		}
		p.wantMetric(t, "sitwell_ingest_stalls_total", "", 1)
		l.release()
		r.connectedAgain(t)
		if state := r.session.State(); !state.Present || state.Lost != 0 {
			t.Errorf("connected again: %+v", state)
		}
		p.stored(t).await(t, n)
	}
}

func TestWhatIsHandedInWhileTheLogTakesNothingIsNotTaken(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	log := &sick{Log: p.log}
	log.failures.Store(1 << 40)
	p.options.Log = log
	r := p.serve(t)
	result := make(chan struct{})
	r.Handle(within(t), topic(band1, schemas.KindReadings), payload(reading(1)), time.Now(), func(int) { t.Error("acknowledged, and not stored") })
	until(t, "it does not notice", func() bool { return p.metric(t, "sitwell_ingest_stalls_total", "") == 1 })
	r.Handle(within(t), topic(band1, schemas.KindReadings), payload(reading(2)), time.Now(), func(int) { t.Error("taken") })
	log.failures.Store(0)
	until(t, "it does not take messages again", func() bool {
		taken := make(chan struct{})
		r.Handle(within(t), topic(band1, schemas.KindReadings), payload(reading(3)), time.Now(), func(int) { close(taken) })
		select {
		case <-taken:
			close(result)
			return true
		case <-time.After(time.Second): // not taken, and nobody will say so
			return false
		}
	})
	<-result
	s := p.stored(t)
	s.await(t, 2)
	if s.count[place{band1, 7, 2}] != 0 {
		t.Error("what was not taken is in the log")
	}
}

// A broker that is there and says nothing is noticed by the pings, within 25 s.
func TestABrokerThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	finish := []func(){
		newPlant(t).hang(t, func(l *proxy.Proxy) { l.Hang(proxy.Both) }),
		newPlant(t).hang(t, (*proxy.Proxy).HalfOpen),
	}
	for _, f := range finish {
		f()
	}
}

// hang spoils ingest's connection. What it returns waits until that is noticed,
// lets new connections pass, and wants everything in the log.
func (p *plant) hang(t *testing.T, spoil func(*proxy.Proxy)) (finish func()) {
	t.Helper()
	d := p.device(t, band1.String())
	l := proxy.Start(t, strings.TrimPrefix(p.session.URL, "tcp://"))
	p.session.URL = "tcp://" + l.Addr()
	r := p.start(t)
	spoil(l)
	begun := time.Now()
	for seq := range 20 {
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
	}
	return func() {
		t.Helper()
		until(t, "the connection goes on", func() bool { return r.session.State().Since.After(begun) })
		if took := r.session.State().Since.Sub(begun); took > 30*time.Second {
			t.Errorf("noticed after %s", took)
		}
		l.Hang(0)
		r.connectedAgain(t)
		p.stored(t).await(t, 20)
	}
}

// Ingest dies between the log's acknowledgement and its own to the broker: the
// reading is in the log twice, and counts once by (device, boot, seq).
func TestKilledBetweenLogAckAndMQTTAck(t *testing.T) {
	t.Parallel()
	for name, behind := range map[string]func(*plant){
		"embedded":  func(*plant) {},
		"mosquitto": func(p *plant) { p.mosquitto(t, plain) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlant(t)
			behind(p)
			d := p.device(t, band1.String())
			l := proxy.Start(t, strings.TrimPrefix(p.session.URL, "tcp://"))
			p.session.URL = "tcp://" + l.Addr()
			p.start(t)
			l.Hang(proxy.Up) // ingest's acknowledgements stay on their way
			d.send(t, topic(band1, schemas.KindReadings), payload(reading(1)))
			s := p.stored(t)
			s.await(t, 1)
			l.Cut()
			l.Hang(0)
			for ctx := within(t); s.records < 2; {
				msg, err := s.queue.Next(ctx)
				must(t, err)
				s.add(t, msg)
			}
			if len(s.count) != 1 || s.count[place{band1, 7, 1}] != 2 {
				t.Errorf("the log has %v, want one reading twice", s.count)
			}
		})
	}
}
