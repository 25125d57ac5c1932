package ingest_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"sitwell/internal/faults/proxy"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// quarantineWait is the goal for a poison message: refused, kept and acknowledged.
const quarantineWait = time.Second

// Poison in the stream of a device is in quarantine within a second, and holds up
// neither that device nor another.
func TestPoisonBlocksNothing(t *testing.T) {
	p := newPlant(t)
	p.poison(t)
}

func TestBehindMosquittoPoisonBlocksNothing(t *testing.T) {
	p := newPlant(t)
	p.mosquitto(t, plain)
	p.poison(t)
}

func (p *plant) poison(t *testing.T) {
	t.Helper()
	p.start(t)
	good, bad := p.device(t, band1.String()), p.device(t, band2.String())
	queue, err := p.log.Reader(t.Context(), schemas.StreamQuarantine, nil, 1)
	must(t, err)
	defer queue.Close()
	poisons := [][]byte{
		{},
		[]byte("{"), []byte("\x00\xff\xfe"), []byte(`{"schema":"sitwell.readings.v9"}`), []byte(strings.Repeat("[", 9)),
		[]byte(`{"schema":"sitwell.readings.v1","schema":1}`), make([]byte, schemas.MaxPayload+1),
		[]byte(`{"schema":"sitwell.readings.v1","boot":1e400,"readings":[]}`),
	}
	var slowest time.Duration
	for i, poison := range poisons {
		begun := time.Now()
		bad.send(t, topic(band2, schemas.KindReadings), poison)
		_, err := queue.Next(within(t))
		must(t, err)
		slowest = max(slowest, time.Since(begun))
		for _, d := range []device{good, bad} {
			id := map[device]schemas.ID{good: band1, bad: band2}[d]
			d.send(t, topic(id, schemas.KindReadings), payload(reading(2*i), reading(2*i+1)))
		}
	}
	t.Logf("G9: the slowest of %d poison messages was in quarantine %s after it was sent", len(poisons), slowest.Round(100*time.Microsecond))
	if slowest > quarantineWait {
		t.Errorf("%s until a poison message was in quarantine, at most %s may pass", slowest, quarantineWait)
	}
	p.stored(t).await(t, 4*len(poisons))
}

// A poison message whose cause is mended is driven through again, and counts.
func TestPoisonIsRedrivenOnceItsCauseIsMended(t *testing.T) {
	p := newPlant(t)
	r := p.start(t)
	sub, err := r.ServeRedrive(within(t), p.log.Conn(), p.log)
	must(t, err)
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	spare, eve := schemas.MustID("spare"), schemas.MustID("eve")
	p.device(t, spare.String()).send(t, topic(spare, schemas.KindReadings), payload(reading(1), reading(2)))
	seq, _ := one(t, p.quarantined(t, 1))
	must(t, p.registry.AddDevice(t.Context(), acme, spare))
	must(t, p.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: eve}))
	must(t, p.registry.Assign(t.Context(), acme, spare, registry.Assignment{Wearer: eve, From: time.Unix(1, 0)}))
	if result := p.redrive(t, strconv.FormatUint(seq, 10)); result.Error != "" || result.Refused != 0 {
		t.Errorf("redriven: %+v", result)
	}
	p.stored(t).exactly(t, p, 2)
}

// A log at the end of a slow line takes longer, and that is no stall.
func TestASlowLogIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	l := proxy.Start(t, p.nats)
	p.through(t, l.Addr())
	r := p.start(t)
	l.Delay(250 * time.Millisecond) // each way
	d := p.device(t, band1.String())
	const n = 300
	for seq := range n {
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
	}
	p.stored(t).await(t, n)
	l.Delay(0)
	r.stop(t)
	p.wantMetric(t, "sitwell_ingest_stalls_total", "", 0)
	p.wantMetric(t, "sitwell_ingest_log_retries_total", "", 0)
}
