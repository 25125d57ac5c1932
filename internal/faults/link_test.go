//go:build faults

package faults

import (
	"testing"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/faults/proxy"
)

// split is a sitwell of several processes: the broker with most roles, and
// ingest and a detector beside it, which reach the log through a proxy and,
// ingest, the broker through another.
type split struct {
	*place
	core, ingest, detect *child
	log, mqtt            *proxy.Proxy
	packets              *packets // of ingest's connection to the broker
	ingestHTTP           string
	detectHTTP           string
}

func startSplit(t *testing.T, wearers int) *split {
	t.Helper()
	s := &split{place: newPlace(t, "")}
	s.log, s.mqtt = proxy.Start(t, s.natsAt), proxy.Start(t, s.mqttAt)
	s.packets = countPackets(s.mqtt)
	s.core = s.startCore()
	s.startIngest()
	s.startDetect()
	s.awaitReady(s.core)
	s.enrol(wearers)
	return s
}

func (s *split) startCore() *child {
	return s.start("--roles", "broker,notify,record,dashboard")
}

func (s *split) startIngest() {
	at := freePort(s.t)
	s.ingestHTTP = "http://" + at
	s.ingest = s.role("ingest", "--nats", "nats://"+s.log.Addr(), "--broker", "tcp://"+s.mqtt.Addr(), "--http", at)
}

func (s *split) startDetect() {
	at := freePort(s.t)
	s.detectHTTP = "http://" + at
	s.detect = s.role("detect", "--nats", "nats://"+s.log.Addr(), "--http", at)
}

// Ingest is killed when the log has a reading and the broker does not know it
// yet: the broker delivers again, and one reading is stored.
func TestKillBetweenLogAckAndMQTTAck(t *testing.T) {
	t.Parallel()
	s := startSplit(t, 4)
	f := s.fleet(0, 4, 1, time.Now().Add(-time.Hour))
	f.all(0, 60, 10)
	s.settle()
	rounds := size(0, 2, 10)
	for round := range rounds {
		from := 60 + 60*round
		s.mqtt.Hang(proxy.Up) // ingest's acknowledgements
		f.all(from, from+60, 10)
		eventually(t, "the readings are stored", func() bool {
			return len(s.stored(0, f.base, time.Now())) == from+60 && len(s.stored(3, f.base, time.Now())) == from+60
		})
		s.ingest.kill()
		s.mqtt.Cut()
		s.mqtt.Hang(0)
		before := s.packets.of(proxy.Down, packetPublish)
		s.startIngest()
		eventually(t, "the broker has delivered again", func() bool {
			return s.packets.of(proxy.Down, packetPublish)-before >= 4*6
		})
	}
	settled := s.settle()
	figure(t, "G3: %d times killed between the log's and the broker's acknowledgement: %d readings stored, %d repetitions dropped by the store",
		rounds, settled.Readings, settled.Duplicates)
	report := s.check()
	if want := int64(4 * (60 + 60*rounds)); settled.Readings != want || report.Stored != want {
		t.Errorf("%d readings are stored, %d of them known to the ledger, want %d", settled.Readings, report.Stored, want)
	}
}

// slow is how long a slow log takes to answer.
const slow = 500 * time.Millisecond

// pingLimit is how long a silent link may go unnoticed.
const pingLimit = 30 * time.Second

// The link to the log is slow, hangs or is half open, or the log is killed and
// comes back: nothing is acknowledged meanwhile that the log does not have, and
// everything goes on by itself.
func TestNATS(t *testing.T) {
	t.Parallel()
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		s := startSplit(t, 4)
		f := s.fleet(0, 4, 1, time.Now().Add(-time.Hour))
		eventually(t, "the detector judges", func() bool {
			return metric(t, s.detectHTTP, "sitwell_detect_partitions", "") == bus.DefaultPartitions
		})
		s.log.Delay(slow / 2) // there, and back
		f.all(0, 900, 10)
		s.settle()
		s.check()
	})
	t.Run("hung", func(t *testing.T) {
		t.Parallel()
		s := startSplit(t, 4)
		f := s.fleet(0, 4, 1, time.Now().Add(-time.Hour))
		f.all(0, 300, 10)
		s.settle()
		goroutines := s.goroutines(t)
		conns := s.log.Opened()
		acks := s.packets.of(proxy.Up, packetPubAck)
		s.log.Hang(proxy.Both)
		f.all(300, 600, 10)
		took := within(t, pingLimit+slack, "ingest and the detector have given the silent link up", func() bool {
			return s.log.Opened() >= conns+2
		})
		figure(t, "a log that hangs is noticed after %s", took.Round(time.Millisecond))
		if now := s.packets.of(proxy.Up, packetPubAck); now != acks {
			t.Errorf("ingest acknowledged %d messages while the log did not answer", now-acks)
		}
		s.log.Hang(0)
		s.settle()
		s.check()
		s.sameGoroutines(t, goroutines)
	})
	t.Run("half open", func(t *testing.T) {
		t.Parallel()
		s := startSplit(t, 4)
		f := s.fleet(0, 4, 1, time.Now().Add(-time.Hour))
		f.all(0, 300, 10)
		s.settle()
		goroutines := s.goroutines(t)
		conns := s.log.Opened()
		s.log.HalfOpen()
		f.all(300, 600, 10)
		took := within(t, pingLimit+slack, "ingest and the detector have given the half-open link up", func() bool {
			return s.log.Opened() >= conns+2
		})
		figure(t, "a half-open link to the log is noticed after %s", took.Round(time.Millisecond))
		s.settle()
		s.check()
		s.sameGoroutines(t, goroutines)
	})
	t.Run("restarted", func(t *testing.T) {
		t.Parallel()
		s := startSplit(t, 4)
		f := s.fleet(0, 4, 1, time.Now().Add(-time.Hour))
		f.all(0, 300, 10)
		goroutines := s.goroutines(t)
		for round := range size(0, 2, 10) {
			s.core.kill()
			s.core = s.startCore()
			took := s.awaitReady(s.core)
			figure(t, "G8: ready %s after the log's kill -9", took.Round(time.Millisecond))
			f.all(300+round*60, 360+round*60, 10)
		}
		s.settle()
		s.check()
		s.ingest.runs()
		s.detect.runs()
		s.sameGoroutines(t, goroutines)
	})
}

// goroutines are those of ingest and of the detector.
func (s *split) goroutines(t *testing.T) [2]float64 {
	t.Helper()
	return [2]float64{metric(t, s.ingestHTTP, "go_goroutines", ""), metric(t, s.detectHTTP, "go_goroutines", "")}
}

// sameGoroutines waits until there are about as many as before: a fault leaves
// none behind.
func (s *split) sameGoroutines(t *testing.T, before [2]float64) {
	t.Helper()
	const few = 10
	eventually(t, "the goroutines of a fault have ended", func() bool {
		now := s.goroutines(t)
		return now[0] <= before[0]+few && now[1] <= before[1]+few
	})
}
