//go:build faults

package faults

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// readyLimit is after what time sitwell is ready that was killed with a long log.
const readyLimit = 5 * time.Second

// sitwell is ready soon after a kill -9, however long its log is.
func TestReadyAfterAKillWithALongLog(t *testing.T) {
	n := size(*storedFlag, 20_000, 1_000_000)
	p := newPlace(t, "")
	c := p.serve("--durability", "interval") // only to fill it sooner
	p.enrol(2)
	p.fill(n)
	p.settle()
	f := p.fleet(0, 1, 1, time.Now().Add(-time.Hour))
	f.all(0, 60, 10)
	from := time.Now()
	c.kill()
	c = p.start()
	p.awaitReady(c)
	took := time.Since(from)
	messages := p.count(schemas.StreamReadings)
	figure(t, "G8: ready %s after a kill -9 with %d messages in the log", took.Round(time.Millisecond), messages)
	if messages < n {
		t.Errorf("the log holds %d messages, want %d", messages, n)
	}
	if took > readyLimit+slack {
		t.Errorf("it took %s until sitwell was ready, the limit is %s", took, readyLimit)
	}
	f.all(60, 120, 10)
	p.check()
	stopped := c.stop()
	figure(t, "G8: SIGTERM drained in %s", stopped.Round(time.Millisecond))
}

// fill writes so many messages into the log, as ingest would: each has a second
// of readings of wearer 1, of whom the ledger knows nothing.
func (p *place) fill(n int) {
	p.t.Helper()
	js, err := jetstream.New(p.connect(), jetstream.WithPublishAsyncMaxPending(1000))
	must(p.t, err)
	subject := schemas.ReadingsSubject(schemas.Partition(acme, wearer(1), p.log().Partitions()))
	base := time.Now().Add(-25 * 24 * time.Hour)
	batch := schemas.Batch{Org: acme, Wearer: wearer(1), Device: band(1), Boot: 1, Received: time.Now().UnixMilli()}
	for k := range n {
		batch.Items = day(1, base, k, k+1)
		record, err := schemas.AppendBatch(schemas.NewRecord(nil), &batch)
		must(p.t, err)
		_, err = js.PublishAsync(subject, record, jetstream.WithStallWait(patience))
		must(p.t, err)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(10 * patience):
		p.t.Fatal("the log does not take the messages")
	}
}
