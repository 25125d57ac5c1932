//go:build faults

package faults

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Ingest is killed while devices send their buffers in a flood, each message some
// minutes of readings. The broker gives what was under way again only some time later:
// ingest waits for that, so that no newer message overtakes it and none of its readings
// is too late to be judged.
func TestKillIngestInAFloodOfBuffers(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "")
	core := p.start("--roles", "broker,detect,notify,record,dashboard")
	ingest := p.role("ingest", "--nats", p.nats(), "--broker", p.mqtt())
	p.awaitReady(core)
	const wearers, buffer, messages = 4, 300, 60
	p.enrol(wearers)
	f := p.fleet(0, wearers, 1, time.Now().Add(-20*24*time.Hour))
	f.all(0, buffer, 10) // so that all know where a device begins
	p.settle()
	at, rounds, underWay := buffer, size(0, 3, 20), 0
	for range rounds {
		before := f.acknowledged()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			f.all(at, at+messages*buffer, buffer)
		}()
		eventually(t, "the flood has begun", func() bool { return f.acknowledged() > before+wearers*messages*buffer/4 })
		ingest.kill()
		if p.underWay() > 0 {
			underWay++
		}
		ingest = p.role("ingest", "--nats", p.nats(), "--broker", p.mqtt())
		<-sent
		at += messages * buffer
		p.settle()
	}
	if underWay == 0 {
		t.Error("each time nothing was under way to ingest: this proves nothing")
	}
	report := p.check()
	figure(t, "G3: ingest killed %d times in a flood of buffers, %d times with messages under way: %d readings acknowledged, %d too late to be judged",
		rounds, underWay, report.Acknowledged, report.Late)
	if report.Late > 0 || report.Episodes == 0 {
		t.Errorf("%d late readings and %d episodes", report.Late, report.Episodes)
	}
}

// underWay is how many messages the broker has given to ingest without an
// acknowledgement.
func (p *place) underWay() (n int) {
	p.t.Helper()
	js, err := jetstream.New(p.connect())
	must(p.t, err)
	s, err := js.Stream(p.t.Context(), "$MQTT_msgs")
	must(p.t, err)
	consumers := s.ListConsumers(p.t.Context())
	for c := range consumers.Info() {
		if c.Config.FilterSubject == "$MQTT.msgs.sitwell.>" {
			n += c.NumAckPending
		}
	}
	must(p.t, consumers.Err())
	return n
}
