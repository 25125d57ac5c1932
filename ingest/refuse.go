package ingest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"sitwell/schemas"
)

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

// refuseItems puts readings that were good by themselves into quarantine, in
// payloads that can be driven through ingest again. Written out with their times
// they may take more than one.
func (w *worker) refuseItems(ctx context.Context, topic schemas.Topic, m message, msg *schemas.Message, why *schemas.Refusal, items []schemas.Item) error {
	for len(items) > 0 {
		payload, n := enclose(topic.Kind, msg, items)
		if err := w.quarantine(ctx, m, why, payload, n); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// enclose writes as many of the items as one payload may hold, and how many. It
// gives them the times that the device gave, so that a redrive corrects its
// clock once and not twice.
func enclose(kind schemas.Kind, msg *schemas.Message, items []schemas.Item) (payload []byte, n int) {
	raw := slices.Clone(items)
	for i := range raw {
		raw[i].Time += int64(msg.Ahead)
	}
	sent := time.UnixMilli(max(msg.Sent, raw[len(raw)-1].Time))
	for n = len(raw); ; n = (n + 1) / 2 {
		payload = schemas.AppendMessage(payload[:0], kind, msg.Boot, sent, raw[:n])
		if len(payload) <= schemas.MaxPayload || n == 1 {
			return payload, n
		}
	}
}

func unassigned(topic schemas.Topic, first *schemas.Item) *schemas.Refusal {
	return schemas.Refuse(schemas.Unassigned, "nobody wore device %s at %s; assign it, then redrive",
		topic.Device, first.At().Format(time.RFC3339))
}

func unknownDevice(topic schemas.Topic) *schemas.Refusal {
	return schemas.Refuse(schemas.UnknownDevice, "device %s of organisation %s is not registered; add it, then redrive", topic.Device, topic.Org)
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
