package lease

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second
	slots    = 16
)

// world is a server on which members meet.
type world struct {
	t      *testing.T
	o      broker.Options
	broker *broker.Broker
	nc     *nats.Conn
	log    *bus.Bus
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, o: brokertest.Options(t.TempDir())}
	w.o.Secret = "a secret of this test"
	w.boot()
	w.nc = w.connect(nil)
	w.o.NATS = w.broker.NATS() // where it is found again
	w.log = w.open(w.nc)
	return w
}

// boot starts the server, again after a stop on the same port.
func (w *world) boot() {
	w.t.Helper()
	b, err := broker.Start(context.WithoutCancel(w.t.Context()), w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.broker = b
	b.Admit()
	w.t.Cleanup(b.Stop)
}

func (w *world) open(nc *nats.Conn) *bus.Bus {
	w.t.Helper()
	log, err := bus.Open(context.WithoutCancel(w.t.Context()), nc, bus.Options{Partitions: 8})
	if err != nil {
		w.t.Fatal(err)
	}
	return log
}

// connect connects by TCP, through a plug that can be pulled where one is given.
func (w *world) connect(p *plug) *nats.Conn {
	w.t.Helper()
	name, password := w.broker.Credentials()
	opts := append(bus.ConnOptions("test", slog.New(slog.DiscardHandler)), nats.UserInfo(name, password))
	if p != nil {
		opts = append(opts, nats.SetCustomDialer(p))
	}
	nc, err := nats.Connect("nats://"+w.broker.NATS(), opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc
}

func (w *world) kv(nc *nats.Conn, bucket string) jetstream.KeyValue {
	w.t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	kv, err := js.KeyValue(w.t.Context(), bucket)
	if err != nil {
		w.t.Fatal(err)
	}
	return kv
}

// member is a keeper whose user releases at once what it should give back.
type member struct {
	*Keeper
	t    *testing.T
	name string
	nc   *nats.Conn
	plug *plug
	stop func()
}

func (w *world) options(nc *nats.Conn) Options {
	return Options{
		Members: w.kv(nc, bus.BucketMembers), Leases: w.kv(nc, bus.BucketLeases), Group: "work", Slots: slots,
		Member: Member{Name: rand.Text(), Label: "one of the test's", PID: 7}, Logger: slog.New(slog.DiscardHandler),
	}
}

func (w *world) join(change ...func(*Options)) *member {
	w.t.Helper()
	return w.joinBy(&plug{}, change...)
}

func (w *world) joinBy(p *plug, change ...func(*Options)) *member {
	w.t.Helper()
	nc := w.connect(p)
	o := w.options(nc)
	for _, c := range change {
		c(&o)
	}
	k, err := Join(context.WithoutCancel(w.t.Context()), o)
	if err != nil {
		w.t.Fatal(err)
	}
	m := &member{Keeper: k, t: w.t, name: o.Member.Name, nc: nc, plug: p}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var all sync.WaitGroup
	all.Go(func() { m.work(ctx) })
	m.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	w.t.Cleanup(func() {
		m.kill()
	})
	return m
}

// work gives back what is no more owned.
func (m *member) work(ctx context.Context) {
	held := map[int]uint64{}
	for {
		owned, _ := m.Owned()
		for n, epoch := range held {
			if owned[n] != epoch {
				m.Release(n, epoch, 0)
			}
		}
		held = owned
		select {
		case <-m.Changed():
		case <-ctx.Done():
			return
		}
	}
}

// leave goes in good order.
func (m *member) leave() {
	m.t.Helper()
	m.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), patience)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		m.t.Errorf("leave: %v", err)
	}
}

// kill goes without a word, as kill -9 does.
func (m *member) kill() {
	m.plug.pull(false)
	m.nc.Close()
	m.stop()
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.t.Context()))
	cancel()
	_ = m.Close(ctx) // the log is out of its reach
}

func (w *world) table() Table {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	t, err := Read(ctx, w.kv(w.nc, bus.BucketMembers), w.kv(w.nc, bus.BucketLeases), "work", slots)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// spread waits until the members share all slots evenly, by the log and by what
// each of them thinks. It returns how long that took.
func (w *world) spread(members ...*member) time.Duration {
	w.t.Helper()
	start := time.Now()
	w.eventually("an even spread", func() bool {
		t := w.table()
		for _, m := range members {
			owned, sure := m.Owned()
			part := slots / len(members)
			if n := len(owned); !sure || n != part && (slots%len(members) == 0 || n != part+1) {
				return false
			}
			for n, epoch := range owned {
				if t.Owners[n] != m.name || t.Epochs[n] != epoch {
					return false
				}
			}
		}
		return !slices.Contains(t.Owners, "")
	})
	return time.Since(start)
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s did not come: %+v", what, w.table())
		}
	}
}

// plug is the dialer of a connection that can hang.
type plug struct {
	to string // where it leads instead of to the server; "" is to the server

	mu     sync.Mutex    // guards what follows
	pulled chan struct{} // closed when it is put in again; nil while it is in
}

// pull takes the plug out: nothing comes through any more, and no end either.
// false puts it in again.
func (p *plug) pull(out bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out == (p.pulled != nil) {
		return
	}
	if out {
		p.pulled = make(chan struct{})
		return
	}
	close(p.pulled)
	p.pulled = nil
}

func (p *plug) wait() {
	p.mu.Lock()
	pulled := p.pulled
	p.mu.Unlock()
	if pulled != nil {
		<-pulled
	}
}

func (p *plug) Dial(network, address string) (net.Conn, error) {
	p.wait()
	if p.to != "" {
		address = p.to
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return &plugged{Conn: c, plug: p}, nil
}

type plugged struct {
	net.Conn

	plug *plug
}

func (c *plugged) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.plug.wait() // what has come is heard when the plug is in again
	return n, err
}

func (c *plugged) Write(b []byte) (int, error) {
	c.plug.wait()
	return c.Conn.Write(b)
}
