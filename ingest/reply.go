package ingest

import (
	"context"
	"encoding/json"
	"fmt"

	"sitwell/internal/bus"
	"sitwell/schemas"
)

// reply hands a wearer's answer on to the notifier.
func (w *worker) reply(ctx context.Context, topic schemas.Topic, m message) error {
	reply, err := schemas.DecodeReply(m.payload)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	wearer, known := w.dir.Resolve(topic.Org, topic.Device, m.received.UnixMilli())
	switch {
	case !known:
		return w.refuseAll(ctx, m, unknownDevice(topic))
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

// status keeps a device's birth or last will. Only registered devices have one,
// so that nobody can fill the bucket.
func (w *worker) status(ctx context.Context, topic schemas.Topic, m message) error {
	status, err := schemas.DecodeStatus(m.payload)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	if _, known := w.dir.Resolve(topic.Org, topic.Device, 0); !known {
		return w.refuseAll(ctx, m, unknownDevice(topic))
	}
	data, err := json.Marshal(schemas.Presence{Status: status, Received: m.received.UTC()})
	if err != nil {
		return fmt.Errorf("encode presence: %w", err)
	}
	m.delivery.parts.Add(1)
	return w.publish(ctx, bus.KeySubject(bus.BucketDevices, topic.Org.String()+"."+topic.Device.String()), data, m.delivery)
}
