package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
)

// saveEvery bounds what is read again after a crash; all of it is harmless,
// because the ledger and the ids of the decisions make it count once.
const saveEvery = 2 * time.Second

// follow hands a stream's messages to handle, in order, from behind the last
// one that an earlier run had handled. A message that cannot be handled now,
// because the log does not answer, is tried until it can.
func (n *Notifier) follow(ctx context.Context, stream string, handle func(context.Context, bus.Msg) error) error {
	last, err := n.place(ctx, stream)
	if err != nil {
		return err
	}
	reader, err := n.log.Reader(ctx, stream, nil, last+1)
	if err != nil {
		return fmt.Errorf("follow %s: %w", stream, err)
	}
	defer reader.Close()
	saved := last
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case msg := <-reader.C():
			if err := n.insist(ctx, msg, handle); err != nil {
				return err
			}
			last = msg.Seq
		case <-tick.C:
			if last == saved {
				continue
			}
			if err := n.keepPlace(ctx, stream, last); err != nil {
				n.logger.Warn("place in the log not saved, trying again", "stream", stream, "err", err)
				continue
			}
			saved = last
		case <-reader.Done():
			return errors.Join(ctx.Err(), reader.Err())
		case <-ctx.Done():
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEvery)
			defer cancel()
			return errors.Join(ctx.Err(), n.keepPlace(final, stream, last))
		}
	}
}

func (n *Notifier) insist(ctx context.Context, msg bus.Msg, handle func(context.Context, bus.Msg) error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := handle(ctx, msg)
		if err == nil || ctx.Err() != nil {
			return err
		}
		n.logger.Warn("not handled, trying again", "subject", msg.Subject, "seq", msg.Seq, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("follow log: %w", ctx.Err())
		}
	}
}

func placeKey(stream string) string { return "notify." + stream }

func (n *Notifier) place(ctx context.Context, stream string) (uint64, error) {
	e, err := n.places.Get(ctx, placeKey(stream))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look up place in %s: %w", stream, err)
	}
	if len(e.Value()) != 8 {
		return 0, nil // damaged: from the beginning, which is harmless
	}
	return binary.BigEndian.Uint64(e.Value()), nil
}

func (n *Notifier) keepPlace(ctx context.Context, stream string, seq uint64) error {
	if _, err := n.places.Put(ctx, placeKey(stream), binary.BigEndian.AppendUint64(nil, seq)); err != nil {
		return fmt.Errorf("save place in %s: %w", stream, err)
	}
	return nil
}
