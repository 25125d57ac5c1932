package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/internal/bus"
	"sitwell/internal/ops"
)

const (
	// saveEvery bounds what is read again after a crash; all of it is harmless,
	// because the ledger and the ids of the decisions make it count once.
	saveEvery = 2 * time.Second
	// drainWait bounds how long a stop waits for what is under way.
	drainWait = 3 * time.Second
	// The pauses before what failed is tried again.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// handler handles one message. What it records through out is on disk before
// the place behind the message is saved. An error means: not now, try again.
type handler func(ctx context.Context, msg bus.Msg, out *bus.Outbox) error

// follower is one goroutine's way through a stream.
type follower struct {
	n           *Notifier
	stream      string
	handle      handler
	waits       *waits // messages that handle wants to see again
	out         *bus.Outbox
	last, saved uint64 // the sequence that was handled last, and that of the saved place
}

// keep follows a stream until ctx ends, and begins again at the saved place when the
// log fails it.
func (n *Notifier) keep(ctx context.Context, stream string, handle handler, w *waits) error {
	const calm = time.Minute // as long a way without a failure forgets those before
	pause := minPause
	for {
		began := time.Now()
		err := n.follow(ctx, stream, handle, w)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(began) > calm {
			pause = minPause
		}
		n.logger.Warn("the log cannot be followed, trying again", "stream", stream, "pause", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// follow hands a stream's messages to handle, in order, from behind the last
// one that an earlier run had handled; those in waits again when they are due. The
// saved place stays before the first that waits. What is under way when ctx ends may take
// drainWait to finish, and the place is saved.
func (n *Notifier) follow(ctx context.Context, stream string, handle handler, w *waits) error {
	work, cancel := ops.Linger(ctx, drainWait)
	defer cancel()
	*w = waits{} // what waited lies behind the saved place, and is read again
	if err := n.recognise(ctx, stream); err != nil {
		return err
	}
	place, err := n.place(ctx, stream)
	if err != nil {
		return err
	}
	reader, err := n.log.Reader(ctx, stream, nil, place+1)
	if err != nil {
		return fmt.Errorf("follow %s: %w", stream, err)
	}
	defer reader.Close()
	f := &follower{n: n, stream: stream, handle: handle, waits: w, out: n.log.Outbox(n.logger), last: place, saved: place}
	err = f.run(ctx, work, reader)
	return errors.Join(err, f.save(work))
}

// run ends with ctx; the handling itself has until the end of work.
func (f *follower) run(ctx, work context.Context, reader *bus.Reader) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("follow %s: %w", f.stream, ctx.Err())
		default:
		}
		select {
		case msg := <-reader.C():
			if err := f.insist(ctx, work, msg); err != nil {
				return err
			}
			f.last = msg.Seq
		case <-f.waits.due():
			if err := f.again(ctx, work); err != nil {
				return err
			}
		case <-tick.C:
			if err := f.save(work); err != nil {
				f.n.logger.Warn("place in the log not saved, trying again", "stream", f.stream, "err", err)
			}
		case <-reader.Done():
			return fmt.Errorf("follow %s: %w", f.stream, errors.Join(ctx.Err(), reader.Err()))
		case <-ctx.Done():
		}
	}
}

// again handles what is due. It waits on if that fails, so that the place is not
// saved behind it.
func (f *follower) again(ctx, work context.Context) error {
	w := f.waits.take()
	err := f.insist(ctx, work, w.msg)
	if err != nil {
		f.waits.add(w)
	}
	return err
}

// insist handles a message, again and again until it could be or ctx ends.
func (f *follower) insist(ctx, work context.Context, msg bus.Msg) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := f.handle(work, msg, f.out)
		if err == nil {
			return nil
		}
		f.n.logger.Warn("not handled, trying again", "stream", f.stream, "seq", msg.Seq, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("follow %s: %w", f.stream, ctx.Err())
		}
	}
}

// save waits until everything recorded is on disk, then saves the place.
func (f *follower) save(ctx context.Context) error {
	place := f.waits.before(f.last)
	if place == f.saved {
		return nil
	}
	if err := f.out.Flush(ctx); err != nil {
		return fmt.Errorf("save place in %s: %w", f.stream, err)
	}
	if err := f.n.keepPlace(ctx, f.stream, place); err != nil {
		return err
	}
	f.saved = place
	return nil
}

func placeKey(stream string) string { return "notify." + stream }

// identityKey is where it stands which stream the place is of. It is a key of its own
// because an older build takes a place with more in it for damaged.
func identityKey(stream string) string { return "notify-log." + stream }

// recognise forgets the place of a stream that was made anew since. What is read again
// is harmless; a crash between the two writes makes it happen again.
func (n *Notifier) recognise(ctx context.Context, stream string) error {
	is, err := n.log.Identity(ctx, stream)
	if err != nil {
		return fmt.Errorf("look up place in %s: %w", stream, err)
	}
	was, err := n.places.Get(ctx, identityKey(stream))
	switch {
	case err == nil && string(was.Value()) == is:
		return nil
	case err == nil:
		n.logger.Warn("the log was made anew since the place was saved; following it from its beginning", "stream", stream)
		if err := n.keepPlace(ctx, stream, 0); err != nil {
			return err
		}
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("look up place in %s: %w", stream, err)
	}
	if _, err := n.places.PutString(ctx, identityKey(stream), is); err != nil {
		return fmt.Errorf("note which log %s is: %w", stream, err)
	}
	return nil
}

// place is the sequence behind which to go on, 0 for the beginning. A saved one
// beyond the stream's end is of a log that was replaced since, or lost its end:
// waiting there would pass over everything until then.
func (n *Notifier) place(ctx context.Context, stream string) (uint64, error) {
	saved, err := n.savedPlace(ctx, stream)
	if err != nil || saved == 0 {
		return 0, err
	}
	last, err := n.log.LastSeq(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("look up place in %s: %w", stream, err)
	}
	if saved > last {
		n.logger.Warn("the log ends before the saved place; following it from its beginning", "stream", stream, "place", saved, "end", last)
		return 0, nil
	}
	return saved, nil
}

func (n *Notifier) savedPlace(ctx context.Context, stream string) (uint64, error) {
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
