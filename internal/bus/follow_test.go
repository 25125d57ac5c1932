package bus_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
)

// copied is a copy of a bucket.
type copied struct {
	mu       sync.Mutex // guards what follows
	values   map[string]string
	complete int
	replaced int
	news     chan struct{}
}

func (c *copied) change(how func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how()
	close(c.news)
	c.news = make(chan struct{})
}

func (c *copied) Apply(e jetstream.KeyValueEntry) {
	c.change(func() { c.values[e.Key()] = string(e.Value()) })
}
func (c *copied) Complete() { c.change(func() { c.complete++ }) }
func (c *copied) Replaced() {
	c.change(func() { c.replaced, c.values = c.replaced+1, map[string]string{} })
}

// until waits for something about the copy.
func (c *copied) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	patience := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		done, news := is(), c.news
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-patience:
			t.Fatalf("it did not happen: %s; the copy is %v", what, c.values)
		}
	}
}

func follow(t *testing.T, kv jetstream.KeyValue) *copied {
	t.Helper()
	c := &copied{values: map[string]string{}, news: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { bus.Follow(ctx, kv, slog.New(slog.DiscardHandler), c); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

// The client's own watcher notices after ten seconds and more that its server was started anew.
func TestFollowGoesOnSoonAfterARestartOfTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := broker.Options{Dir: dir, MQTT: "127.0.0.1:0", NATS: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Secret: "secret"}
	b, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	nc := dial(t, b.NATS(), "secret")
	log, err := bus.Open(t.Context(), nc, bus.Options{Partitions: 8})
	if err != nil {
		t.Fatal(err)
	}
	kv, err := log.KV(t.Context(), bus.BucketDevices)
	if err != nil {
		t.Fatal(err)
	}
	put(t, kv, "a", "1")
	c := follow(t, kv)
	c.until(t, "what was there came", func() bool { return c.complete == 1 && c.values["a"] == "1" })
	put(t, kv, "a", "2")
	c.until(t, "a change came", func() bool { return c.values["a"] == "2" })

	o.MQTT, o.NATS = b.MQTT(), b.NATS()
	b.Stop()
	if b, err = broker.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	other := dial(t, b.NATS(), "secret") // somebody else changes it
	theirs, err := bus.Attach(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if kv, err = theirs.KV(t.Context(), bus.BucketDevices); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	put(t, kv, "a", "3")
	c.until(t, "the change after the restart came", func() bool { return c.values["a"] == "3" })
	if took := time.Since(changed); took > 8*time.Second { // two when the machine is free
		t.Errorf("the change came after %s", took)
	}
	if c.replaced > 0 {
		t.Error("the bucket was taken for another one")
	}
}

func TestFollowNoticesAnotherBucket(t *testing.T) {
	t.Parallel()
	_, log := brokertest.Start(t)
	js, err := jetstream.New(log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	kv, err := log.KV(t.Context(), bus.BucketDevices)
	if err != nil {
		t.Fatal(err)
	}
	put(t, kv, "a", "1")
	c := follow(t, kv)
	c.until(t, "what was there came", func() bool { return c.complete == 1 })
	if err := js.DeleteKeyValue(t.Context(), bus.BucketDevices); err != nil {
		t.Fatal(err)
	}
	if kv, err = js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: bus.BucketDevices}); err != nil {
		t.Fatal(err)
	}
	put(t, kv, "b", "2")
	put(t, kv, "c", "3")
	c.until(t, "the other bucket is copied", func() bool {
		return c.replaced > 0 && len(c.values) == 2 && c.values["c"] == "3"
	})
}

func put(t *testing.T, kv jetstream.KeyValue, key, value string) {
	t.Helper()
	if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// dial connects as one of sitwell's own parts.
func dial(t *testing.T, addr, secret string) *nats.Conn {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	nc, err := nats.Connect("nats://"+addr, append(bus.ConnOptions("test", quiet), nats.UserInfo("sitwell", secret))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
