package ingest

import (
	"context"
	"fmt"

	"github.com/nats-io/nuid"

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

// take handles one message. An error means that the log cannot be written, and
// that the message is not acknowledged.
func (w *worker) take(ctx context.Context, m message) error {
	if err := w.handle(ctx, m); err != nil {
		return err
	}
	m.delivery.finish()
	return nil
}

func (w *worker) handle(ctx context.Context, m message) error {
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
	case schemas.KindNudges: // on its way to a device; Session's subscription covers it
	}
	return nil
}

// samples handles readings or events.
func (w *worker) samples(ctx context.Context, topic schemas.Topic, m message) error {
	msg, err := schemas.Decode(topic.Kind, m.payload, m.received)
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	w.metrics.unknownFields.Add(float64(msg.Unknown))
	if _, known := w.dir.Resolve(topic.Org, topic.Device, 0); !known {
		return w.refuseAll(ctx, m, unknownDevice(topic))
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
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	select {
	case w.out <- s:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write to log: %w", ctx.Err())
	}
}
