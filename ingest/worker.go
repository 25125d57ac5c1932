package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nuid"

	"sitwell/schemas"
)

// worker turns messages into records. It belongs to Run's goroutine.
type worker struct {
	*Ingest
	round   *round
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

func newWorker(i *Ingest, r *round) *worker {
	return &worker{Ingest: i, round: r, packs: make([]pack, i.log.Partitions()), ids: nuid.New()}
}

// work takes messages until ctx ends or something cannot be written. A message
// that is begun has until the end of drain, so that what is handed to the log is
// also waited for and acknowledged.
func (w *worker) work(ctx, drain context.Context) error {
	timer := time.NewTimer(packDelay)
	defer timer.Stop()
	for {
		var err error
		select {
		case m := <-w.round.certain:
			if w.idle() {
				timer.Reset(packDelay)
			}
			err = w.take(drain, m)
		case <-timer.C:
			err = w.flush(drain)
		case <-drain.Done():
			return context.Cause(drain)
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
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
	d := device{topic.Org, topic.Device}
	_, known := w.dir.Resolve(d.org, d.id, 0)
	received := m.received.UnixMilli()
	msg, err := schemas.DecodeByClock(topic.Kind, m.payload, m.received, func(boot uint32, sent int64) (uint32, error) {
		if !known {
			return 0, nil // refused below; nobody may fill the bucket
		}
		return w.clocks.ahead(ctx, d, boot, sent, received)
	})
	if err != nil {
		return w.refuseAll(ctx, m, err)
	}
	w.metrics.unknownFields.Add(float64(msg.Unknown))
	if !known {
		return w.refuseAll(ctx, m, unknownDevice(topic))
	}
	if err := w.refuseSome(ctx, topic, m, msg); err != nil {
		return err
	}
	if err := w.checkClock(ctx, topic, m, msg); err != nil {
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
			err = w.refuseItems(ctx, topic, m, msg, unassigned(topic, &items[0]), items[:n])
		} else {
			err = w.pack(ctx, m, &schemas.Batch{
				Org: topic.Org, Wearer: wearer, Device: topic.Device, Boot: msg.Boot,
				Received: received, Ahead: msg.Ahead, Items: items[:n],
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
	var err error
	if s.future, err = w.log.PublishAsync(subject, data, s.id); err != nil {
		if err := w.publishAgain(ctx, &s, err); err != nil {
			return err
		}
	}
	select {
	case w.round.out <- s:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write to log: %w", context.Cause(ctx))
	}
}

// publishAgain hands a message over that the log did not take, until it does, ctx
// ends or the log has stalled.
func (w *worker) publishAgain(ctx context.Context, s *sent, err error) error {
	limited, cancel := context.WithTimeout(ctx, stallAfter)
	defer cancel()
	for pause := minPause; err != nil; pause = min(2*pause, maxPause) {
		w.metrics.retries.Inc()
		w.logger.Warn("log is not taking messages, trying again", "subject", s.subject, "err", err)
		if sleep(limited, pause) != nil {
			return w.verdict(ctx, *s, err)
		}
		s.future, err = w.log.PublishAsync(s.subject, s.data, s.id)
	}
	return nil
}
