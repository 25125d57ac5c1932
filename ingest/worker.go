package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nuid"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// worker turns messages into records. It belongs to Run's goroutine.
type worker struct {
	*Ingest
	packs   []pack // by partition
	pending int    // partitions with something in their pack
	ids     *nuid.NUID
}

// pack is the record of one partition that is being filled.
type pack struct {
	record     []byte
	readings   int
	deliveries []*delivery
}

func newWorker(i *Ingest) *worker {
	return &worker{Ingest: i, packs: make([]pack, i.log.Partitions()), ids: nuid.New()}
}

func (w *worker) idle() bool { return w.pending == 0 }

// take handles one message. An error means that the log cannot be written.
func (w *worker) take(ctx context.Context, m message) error {
	defer m.delivery.finish()
	topic, err := schemas.ParseTopic(m.topic)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	w.metrics.messages.WithLabelValues(string(topic.Kind)).Inc()
	switch topic.Kind {
	case schemas.KindReadings, schemas.KindEvents:
		return w.samples(ctx, topic, m)
	case schemas.KindReplies:
		return w.reply(ctx, topic, m)
	case schemas.KindStatus:
		return w.status(ctx, topic, m)
	case schemas.KindNudges:
	}
	return w.refuseAll(ctx, m, schemas.Refuse(schemas.UnsupportedTopic, "nudges go to devices, not from them"))
}

// samples handles readings or events.
func (w *worker) samples(ctx context.Context, topic schemas.Topic, m message) error {
	msg, err := schemas.Decode(topic.Kind, m.payload, m.received)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	w.metrics.unknownFields.Add(float64(msg.Unknown))
	if _, known := w.dir.Resolve(topic.Org, topic.Device, 0); !known {
		return w.refuseAll(ctx, m, schemas.Refuse(schemas.UnknownDevice,
			"device %s of organisation %s is not registered; add it, then redrive", topic.Device, topic.Org))
	}
	if err := w.refuseSome(ctx, topic, m, msg); err != nil {
		return err
	}
	items := msg.Items
	for len(items) > 0 {
		wearer, _ := w.dir.Resolve(topic.Org, topic.Device, items[0].Time)
		n := 1
		for n < len(items) && w.wears(topic, items[n].Time, wearer) {
			n++
		}
		if wearer.IsZero() {
			err = w.refuseUnassigned(ctx, topic, m, msg, items[:n])
		} else {
			err = w.pack(ctx, m, &schemas.Batch{
				Org: topic.Org, Wearer: wearer, Device: topic.Device, Boot: msg.Boot,
				Received: m.received.UnixMilli(), Items: items[:n],
			})
		}
		if err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

func (w *worker) wears(topic schemas.Topic, ms int64, wearer schemas.ID) bool {
	other, _ := w.dir.Resolve(topic.Org, topic.Device, ms)
	return other == wearer
}

// pack adds a batch to its partition's record.
func (w *worker) pack(ctx context.Context, m message, b *schemas.Batch) error {
	partition := schemas.Partition(b.Org, b.Wearer, len(w.packs))
	p := &w.packs[partition]
	if len(p.deliveries) == 0 {
		p.record = schemas.NewRecord(nil)
		w.pending++
	}
	record, err := schemas.AppendBatch(p.record, b)
	if err != nil {
		return fmt.Errorf("pack readings: %w", err)
	}
	p.record = record
	p.readings += len(b.Items)
	m.delivery.parts.Add(1)
	p.deliveries = append(p.deliveries, m.delivery)
	w.metrics.readings.Add(float64(len(b.Items)))
	if p.readings >= packReadings || len(p.record) >= packBytes {
		return w.write(ctx, partition)
	}
	return nil
}

// flush writes every record that was begun.
func (w *worker) flush(ctx context.Context) error {
	for partition := range w.packs {
		if len(w.packs[partition].deliveries) == 0 {
			continue
		}
		if err := w.write(ctx, partition); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) write(ctx context.Context, partition int) error {
	p := &w.packs[partition]
	err := w.publish(ctx, schemas.ReadingsSubject(partition), p.record, p.deliveries...)
	*p = pack{}
	w.pending--
	return err
}

// publish hands a message to the log; its deliveries are finished when it is
// on disk.
func (w *worker) publish(ctx context.Context, subject string, data []byte, deliveries ...*delivery) error {
	s := sent{subject: subject, data: data, id: w.ids.Next(), deliveries: deliveries}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		var err error
		if s.future, err = w.log.PublishAsync(subject, data, s.id); err == nil {
			break
		}
		w.metrics.retries.Inc()
		w.logger.Warn("log is not taking messages, trying again", "subject", subject, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("write to log: %w", ctx.Err())
		}
	}
	select {
	case w.out <- s:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write to log: %w", ctx.Err())
	}
}

// reply hands a wearer's answer on to the notifier.
func (w *worker) reply(ctx context.Context, topic schemas.Topic, m message) error {
	reply, err := schemas.DecodeReply(m.payload)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	wearer, known := w.dir.Resolve(topic.Org, topic.Device, m.received.UnixMilli())
	switch {
	case !known:
		return w.refuseAll(ctx, m, schemas.Refuse(schemas.UnknownDevice, "device %s of organisation %s is not registered", topic.Device, topic.Org))
	case wearer.IsZero():
		return w.refuseAll(ctx, m, schemas.Refuse(schemas.Unassigned, "nobody wears device %s now", topic.Device))
	}
	answer := schemas.Answer{
		Schema: schemas.SchemaAnswer, Org: topic.Org, Wearer: wearer, Device: topic.Device,
		Received: m.received.UTC(), Reply: reply,
	}
	data, err := answer.Encode()
	if err != nil {
		return err
	}
	m.delivery.parts.Add(1)
	return w.publish(ctx, schemas.RepliesSubject(topic.Org, wearer), data, m.delivery)
}

// status keeps a device's birth or last will.
func (w *worker) status(ctx context.Context, topic schemas.Topic, m message) error {
	status, err := schemas.DecodeStatus(m.payload)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	data, err := json.Marshal(schemas.Presence{Status: status, Received: m.received.UTC()})
	if err != nil {
		return fmt.Errorf("encode presence: %w", err)
	}
	m.delivery.parts.Add(1)
	return w.publish(ctx, bus.KeySubject(bus.BucketDevices, topic.Org.String()+"."+topic.Device.String()), data, m.delivery)
}

// refuseAll puts a whole payload into quarantine.
func (w *worker) refuseAll(ctx context.Context, m message, why error) error {
	refusal := schemas.AsRefusal(why)
	if refusal == nil {
		return why
	}
	return w.quarantine(ctx, m, refusal, m.payload, max(1, countSamples(m.payload)))
}

// refuseSome puts a message's bad readings into quarantine, together for each
// reason, in an envelope that can be driven through ingest again.
func (w *worker) refuseSome(ctx context.Context, topic schemas.Topic, m message, msg *schemas.Message) error {
	for start := range msg.Rejects {
		first := &msg.Rejects[start]
		if first.Raw == nil {
			continue // went with an earlier one
		}
		raws := [][]byte{first.Raw}
		for other := start + 1; other < len(msg.Rejects); other++ {
			if r := &msg.Rejects[other]; r.Reason == first.Reason && r.Raw != nil {
				raws = append(raws, r.Raw)
				r.Raw = nil
			}
		}
		payload := schemas.Envelope(topic.Kind, msg, raws)
		if err := w.quarantine(ctx, m, schemas.Refuse(first.Reason, "%s", first.Detail), payload, len(raws)); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) refuseUnassigned(ctx context.Context, topic schemas.Topic, m message, msg *schemas.Message, items []schemas.Item) error {
	payload := schemas.AppendMessage(nil, topic.Kind, msg.Boot, time.UnixMilli(max(msg.Sent, items[len(items)-1].Time)), items)
	return w.quarantine(ctx, m, schemas.Refuse(schemas.Unassigned, "nobody wore device %s at %s; assign it, then redrive",
		topic.Device, items[0].At().Format(time.RFC3339)), payload, len(items))
}

// quarantine keeps refused input. It is counted by reason, a payload that could
// not be taken apart as one.
func (w *worker) quarantine(ctx context.Context, m message, why *schemas.Refusal, payload []byte, readings int) error {
	w.metrics.refused.WithLabelValues(string(why.Reason)).Add(float64(readings))
	m.delivery.refused.Add(int64(readings))
	w.logger.Debug("refused", "topic", m.topic, "reason", why.Reason, "detail", why.Detail, "readings", readings)
	q := schemas.Quarantined{
		Reason: why.Reason, Detail: why.Detail, Topic: m.topic, Received: m.received.UTC(), Readings: readings, Payload: payload,
	}
	if len(q.Payload) > schemas.MaxPayload {
		q.Payload, q.Truncated = q.Payload[:schemas.MaxPayload], true
	}
	data, err := q.Encode()
	if err != nil {
		return err
	}
	m.delivery.parts.Add(1)
	return w.publish(ctx, schemas.QuarantineSubject(why.Reason), data, m.delivery)
}

// countSamples guesses how many samples a refused payload holds, for the
// counters: the number of its seq keys.
func countSamples(payload []byte) int { return bytes.Count(payload, []byte(`"seq"`)) }
