package ingest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// link is a connection to the log that can be held and cut.
type link struct {
	addr   string
	target string
	mu     sync.Mutex // guards what follows
	conns  map[net.Conn]bool
	open   chan struct{} // closed while answers pass
	work   sync.WaitGroup
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	l := &link{addr: listener.Addr().String(), target: target, conns: map[net.Conn]bool{}, open: make(chan struct{})}
	close(l.open)
	l.work.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			l.work.Go(func() { l.pair(in) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.release()
		l.cut()
		l.work.Wait()
	})
	return l
}

func (l *link) pair(in net.Conn) {
	out, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
	if err != nil {
		_ = in.Close()
		return
	}
	l.mu.Lock()
	l.conns[in], l.conns[out] = true, true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
	both.Go(func() { _, _ = io.Copy(held{in, l}, out); _ = in.Close() })
	both.Wait()
	l.mu.Lock()
	delete(l.conns, in)
	delete(l.conns, out)
	l.mu.Unlock()
}

// held writes once the link is open.
type held struct {
	net.Conn
	link *link
}

func (h held) Write(b []byte) (int, error) {
	h.link.mu.Lock()
	open := h.link.open
	h.link.mu.Unlock()
	<-open
	return h.Conn.Write(b)
}

// hold keeps the log's answers back.
func (l *link) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = make(chan struct{})
}

func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}

// cut breaks every connection.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
}

// far gives the pipeline a log at the other end of a link.
func (p *plant) far(t *testing.T) *link {
	t.Helper()
	l := newLink(t, p.nats)
	p.through(t, l.addr)
	return l
}

// through gives the pipeline the log at an address.
func (p *plant) through(t *testing.T, addr string) {
	t.Helper()
	nc, err := nats.Connect("nats://"+addr, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	must(t, err)
	t.Cleanup(nc.Close)
	log, err := bus.Open(t.Context(), nc, bus.Options{})
	must(t, err)
	p.options.Log = log
}

func TestNothingIsAcknowledgedBeforeTheLogSaysSo(t *testing.T) {
	p := newPlant(t)
	l := p.far(t)
	r := p.run(t)
	l.hold()
	var acknowledged atomic.Bool
	done := make(chan struct{})
	r.Handle(within(t), topic(band1, schemas.KindReadings), payload(reading(1)), time.Now(), func(int) {
		acknowledged.Store(true)
		close(done)
	})
	p.stored(t).await(t, 1) // it is on disk, only ingest does not know
	if acknowledged.Load() {
		t.Error("acknowledged before the log's answer")
	}
	l.release()
	select {
	case <-done:
	case <-within(t).Done():
		t.Error("never acknowledged")
	}
}

func TestNothingIsLostOrDoubledWhenTheLogIsCutOff(t *testing.T) {
	p := newPlant(t)
	l := p.far(t)
	r := p.start(t)
	d := p.device(t, band1.String())
	const n = 150
	s := p.stored(t)
	for seq := range n {
		if seq%30 == 15 {
			l.hold() // what is under way now is stored, and its answer lost
		}
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
		if seq%30 == 20 {
			l.cut()
			l.release()
		}
	}
	s.await(t, n)
	// The last is confirmed when the pipeline stops without complaint.
	r.stop(t)
	s.exactly(t, p, n)
	if p.metric(t, "sitwell_ingest_log_retries_total", "") == 0 {
		t.Error("the log was never cut off: the test tests nothing")
	}
}

// sick is a log that refuses its first messages.
type sick struct {
	ingest.Log
	failures atomic.Int64
}

func (s *sick) PublishAsync(subject string, data []byte, id string) (bus.Future, error) {
	if s.failures.Add(-1) >= 0 {
		return bus.Future{}, errors.New("no space left on device")
	}
	return s.Log.PublishAsync(subject, data, id)
}

func TestALogThatRefusesIsTriedAgain(t *testing.T) {
	p := newPlant(t)
	log := &sick{Log: p.log}
	log.failures.Store(3)
	p.options.Log = log
	r := p.run(t)
	r.handle(t, topic(band1, schemas.KindReadings), payload(reading(1), reading(2)))
	p.stored(t).exactly(t, p, 2)
	p.wantMetric(t, "sitwell_ingest_log_retries_total", "", 3)
}

func TestAStopDoesNotWaitForALogThatIsGone(t *testing.T) {
	t.Parallel() // it takes drainWait
	p := newPlant(t)
	log := &sick{Log: p.log}
	log.failures.Store(1 << 40)
	p.options.Log = log
	ctx, cancel := context.WithCancel(context.Background())
	i := ingest.New(p.options)
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	for seq := range 10 {
		i.Handle(ctx, topic(band1, schemas.KindReadings), payload(reading(seq)), time.Now(), func(int) {
			t.Error("acknowledged, and nothing was stored")
		})
	}
	cancel()
	select {
	case <-ended:
	case <-within(t).Done():
		t.Fatal("it hangs")
	}
	// A message that comes too late is neither taken nor waited for.
	i.Handle(t.Context(), topic(band1, schemas.KindReadings), payload(reading(11)), time.Now(), func(int) { t.Error("acknowledged") })
}

func TestAStopWritesWhatItHasBegun(t *testing.T) {
	p := newPlant(t)
	var acknowledged atomic.Int64
	const n = 3000
	r := p.run(t)
	for seq := range n {
		r.Handle(t.Context(), topic(band1, schemas.KindReadings), payload(reading(seq)), time.Now(), func(int) { acknowledged.Add(1) })
		if seq == n/2 {
			r.cancel()
		}
	}
	r.stop(t)
	s := p.stored(t)
	s.exactly(t, p, int(acknowledged.Load()))
}

func TestTheSessionWaitsForIngest(t *testing.T) {
	p := newPlant(t)
	p.start(t).stop(t)
	d := p.device(t, band1.String())
	const n = 50
	for seq := range n {
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
	}
	r := p.start(t)
	s := p.stored(t)
	s.await(t, n)
	r.stop(t)
	s.exactly(t, p, n)
}

func TestIngestStoppedInMidStreamLosesNothing(t *testing.T) {
	t.Parallel() // the broker takes broker.AckWait
	p := newPlant(t)
	d := p.device(t, band1.String())
	const n = 300
	for round := range 3 {
		r := p.start(t)
		for seq := round * n / 3; seq < (round+1)*n/3; seq++ {
			d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
		}
		r.stop(t)
	}
	p.start(t)
	p.stored(t).await(t, n)
}

// dies is an ingest that takes n messages and ends before it acknowledges any.
func (p *plant) dies(t *testing.T, n int, send func()) {
	t.Helper()
	all, count := make(chan struct{}), atomic.Int64{}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.session.URL).SetClientID(p.session.ClientID).
		SetUsername(p.session.Username).SetPassword(p.session.Password).SetCleanSession(false).SetAutoAckDisabled(true).
		SetDefaultPublishHandler(func(mqtt.Client, mqtt.Message) {
			if count.Add(1) == int64(n) {
				close(all)
			}
		}))
	acknowledged(t, c.Connect())
	acknowledged(t, c.Subscribe("sitwell/#", 1, nil))
	send()
	select {
	case <-all:
	case <-within(t).Done():
		t.Fatal("the broker did not deliver")
	}
	c.Disconnect(100)
}

func TestWhatADeadIngestHadTakenComesAgain(t *testing.T) {
	t.Parallel() // the broker takes broker.AckWait
	newPlant(t).outlivesADeadIngest(t)
}

// outlivesADeadIngest lets an ingest die with messages taken and not
// acknowledged; the next one has them all, each once.
func (p *plant) outlivesADeadIngest(t *testing.T) {
	t.Helper()
	d := p.device(t, band1.String())
	const n = 40
	p.dies(t, n/2, func() {
		for seq := range n / 2 {
			d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
		}
	})
	for seq := n / 2; seq < n; seq++ {
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
	}
	r := p.start(t)
	s := p.stored(t)
	s.await(t, n)
	r.stop(t)
	s.exactly(t, p, n)
}

func TestIngestCutOffFromItsBrokerLosesNothing(t *testing.T) {
	t.Parallel() // the broker takes broker.AckWait, and the client a second to connect again
	newPlant(t).cutOff(t)
}

// cutOff breaks ingest's connection to its broker in mid-stream, with
// acknowledgements under way in both directions.
func (p *plant) cutOff(t *testing.T) {
	t.Helper()
	d := p.device(t, band1.String())
	l := newLink(t, strings.TrimPrefix(p.session.URL, "tcp://"))
	p.session.URL = "tcp://" + l.addr
	r := p.start(t)
	const n = 90
	for seq := range n {
		if seq%45 == 30 {
			l.cut()
		}
		d.send(t, topic(band1, schemas.KindReadings), payload(reading(seq)))
	}
	s := p.stored(t)
	s.await(t, n) // repetitions are the readers' to drop
	r.stop(t)
}
