//go:build faults

package faults

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sitwell/internal/faults/proxy"
	"sitwell/schemas"
)

// rawClient is the least of an MQTT client: no goroutine and no queue of its
// own, so that there can be thousands.
type rawClient struct {
	conn net.Conn
	in   *bufio.Reader
	id   uint16
}

// Types of MQTT 3.1.1 packets, in the upper half of the first byte.
const (
	packetConnect = 1
	packetConnAck = 2
	packetPublish = 3
	packetPubAck  = 4
)

// dialMQTT connects with a clean session, and waits for the broker's answer.
func dialMQTT(ctx context.Context, address, clientID string) (*rawClient, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &rawClient{conn: conn, in: bufio.NewReaderSize(conn, 256)}
	if limit, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(limit)
	}
	const cleanSession, keepAlive = 2, 120
	body := append([]byte{0, 4}, "MQTT"...)
	body = append(body, 4, cleanSession, 0, keepAlive)
	body = appendText(body, clientID)
	if err = c.write(packetConnect<<4, body); err == nil {
		err = c.await(packetConnAck, 0)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// publish publishes at QoS 1 and waits for the acknowledgement.
func (c *rawClient) publish(ctx context.Context, topic string, payload []byte) error {
	if limit, ok := ctx.Deadline(); ok {
		_ = c.conn.SetDeadline(limit)
	}
	c.id++
	body := binary.BigEndian.AppendUint16(appendText(nil, topic), c.id)
	if err := c.write(packetPublish<<4|1<<1, append(body, payload...)); err != nil {
		return err
	}
	return c.await(packetPubAck, c.id)
}

func (c *rawClient) close() { _ = c.conn.Close() }

func (c *rawClient) write(first byte, body []byte) error {
	packet := binary.AppendUvarint([]byte{first}, uint64(len(body)))
	_, err := c.conn.Write(append(packet, body...))
	return err
}

// await reads the answer of a type, which holds a return code or a packet's id.
func (c *rawClient) await(kind byte, value uint16) error {
	var answer [4]byte
	if _, err := io.ReadFull(c.in, answer[:]); err != nil {
		return err
	}
	if answer[0]>>4 != kind || binary.BigEndian.Uint16(answer[2:]) != value {
		return fmt.Errorf("the broker answers %v", answer)
	}
	return nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// packets counts the MQTT packets that go through a proxy.
type packets struct {
	mu    sync.Mutex // guards what follows
	rest  map[string][]byte
	count map[string]int
}

// countPackets counts from now on; connections must be made after that.
func countPackets(p *proxy.Proxy) *packets {
	c := &packets{rest: map[string][]byte{}, count: map[string]int{}}
	p.Tap(func(conn int, d proxy.Direction, b []byte) {
		c.mu.Lock()
		defer c.mu.Unlock()
		stream := fmt.Sprint(conn, "/", d)
		c.rest[stream] = c.take(d, append(c.rest[stream], b...))
	})
	return c
}

// take counts the whole packets in b and returns what is left.
func (c *packets) take(d proxy.Direction, b []byte) []byte {
	for len(b) > 1 {
		n, size := binary.Uvarint(b[1:])
		if size <= 0 || uint64(len(b)) < 1+uint64(size)+n {
			return b
		}
		c.count[fmt.Sprint(d, "/", b[0]>>4)]++
		b = b[1+uint64(size)+n:]
	}
	return b
}

func (c *packets) of(d proxy.Direction, kind byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[fmt.Sprint(d, "/", kind)]
}

// payload is what a device publishes, by its clock.
func payload(boot uint32, sent time.Time, items []schemas.Item) []byte {
	return schemas.AppendMessage(nil, schemas.KindReadings, boot, sent, items)
}

func topicOf(device schemas.ID) string {
	return schemas.Topic{Org: acme, Device: device, Kind: schemas.KindReadings}.String()
}
