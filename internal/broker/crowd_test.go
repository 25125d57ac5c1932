package broker_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
)

// TestACrowdComesBackWithinAMinute: all devices of a company lose the broker and
// come back at the same moment.
func TestACrowdComesBackWithinAMinute(t *testing.T) {
	for name, c := range map[string]crowd{
		// As sitwell's own devices: a nudge that cannot be delivered now is stale.
		"clean sessions, QoS 0": {size: 5000, atOnce: 5000, clean: true},
		// The most a device can ask for, and more than the server's default limit
		// of consumers; they first came one after the other.
		"persistent sessions, QoS 1": {size: 1050, atOnce: 20, qos: 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := brokertest.Broker(t, dir)
			brokertest.Bus(t, b)
			b.Admit()
			began := time.Now()
			c.come(t, b.MQTT())
			t.Logf("%d devices came for the first time, %d at once, in %v", c.size, c.atOnce, since(began))
			o := brokertest.Options(dir)
			o.MQTT, o.NATS = b.MQTT(), b.NATS()
			began = time.Now()
			b.Stop()
			t.Logf("the broker stopped in %v", since(began))
			began = time.Now()
			again, err := broker.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(again.Stop)
			again.Admit()
			t.Logf("it is back in %v", since(began))
			began = time.Now()
			c.atOnce = c.size
			c.come(t, again.MQTT())
			t.Logf("%d devices came back at once in %v", c.size, since(began))
			if took := time.Since(began); took > time.Minute {
				t.Errorf("that took %v, want at most a minute", took)
			}
		})
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// crowd is how many devices come and what they ask for.
type crowd struct {
	size, atOnce int
	clean        bool
	qos          byte
}

// come connects the devices, each again and again until it is in.
func (c crowd) come(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	failures := map[string]int{}
	room := make(chan struct{}, c.atOnce)
	for i := range c.size {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			for ctx.Err() == nil {
				conn, err := c.join(ctx, addr, fmt.Sprintf("band-%d", i))
				if err == nil {
					t.Cleanup(func() { _ = conn.Close() })
					return
				}
				mu.Lock()
				failures[reason(err)]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		t.Fatalf("not all devices got in; failed attempts: %v", failures)
	}
	if len(failures) > 0 {
		t.Logf("failed attempts: %v", failures)
	}
}

// reason is an error without the ports in it.
func reason(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// join connects a device and subscribes it to its nudges, in bare MQTT 3.1.1:
// five thousand clients of a library are slower than the broker.
func (c crowd) join(ctx context.Context, addr, id string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	packet := func(kind byte, body []byte) []byte { return append([]byte{kind, byte(len(body))}, body...) }
	const keepAlive = 60
	flags := byte(0)
	if c.clean {
		flags = 2
	}
	connect := append(text("MQTT"), 4, flags, 0, keepAlive)
	subscribe := append([]byte{0, 1}, append(text("sitwell/v1/acme/"+id+"/nudges"), c.qos)...)
	_, err = conn.Write(append(packet(0x10, append(connect, text(id)...)), packet(0x82, subscribe)...))
	answer := make([]byte, 4+5) // CONNACK, SUBACK
	if err == nil {
		_, err = io.ReadFull(bufio.NewReader(conn), answer)
	}
	if err == nil && (answer[3] != 0 || answer[8] != c.qos) {
		err = fmt.Errorf("refused: %x", answer)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
