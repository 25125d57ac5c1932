package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// follow stores a stream until ctx ends. When the log or the store cannot be
// reached, it begins again where the store is.
func (r *Recorder) follow(ctx context.Context, stream string) {
	wait := retryMin
	for {
		worked, err := r.session(ctx, stream)
		if ctx.Err() != nil {
			return
		}
		if worked {
			wait = retryMin
		}
		if wait = r.pause(ctx, stream, wait, err); ctx.Err() != nil {
			return
		}
	}
}

// pause reports a failure, waits and returns how long to wait the next time.
func (r *Recorder) pause(ctx context.Context, stream string, wait time.Duration, err error) time.Duration {
	r.setErr(stream, err)
	r.metrics.failures.WithLabelValues(stream).Inc()
	r.slog.Error("recorder tries again", "stream", stream, "wait", wait, "error", err)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return min(2*wait, retryMax)
}

// session reads a stream from the store's position on until something fails;
// worked says that something was stored.
func (r *Recorder) session(ctx context.Context, stream string) (worked bool, err error) {
	at, rewound, err := r.position(ctx, stream)
	if err != nil {
		return false, err
	}
	source, err := r.open(ctx, stream, at)
	if err != nil {
		return false, err
	}
	defer source.Close()
	r.setErr(stream, nil)
	r.setStored(stream, at.Seq)
	f := feed{Recorder: r, source: source, next: at.Seq + 1, anew: rewound}
	f.batch.Stream, f.batch.Log = stream, at.Log
	for {
		if err := f.gather(ctx); err != nil {
			return worked, err
		}
		if err := r.append(ctx, &f.gathered); err != nil {
			return worked, err
		}
		worked = true
		f.reset()
	}
}

// position is where a stream is stored up to, in the log that is there. Where that is
// another than the one of the store's position, or ends before it, it is not the log that
// the store was filled from, or has lost its end: all that it has is read again, since
// its new messages would be taken for old ones. Nothing of it is stored twice.
func (r *Recorder) position(ctx context.Context, stream string) (at series.Position, rewound bool, err error) {
	if at, err = r.store.Position(ctx, stream); err != nil {
		return at, false, err
	}
	is, err := r.log.Identity(ctx, stream)
	if err != nil {
		return at, false, err
	}
	last, err := r.log.LastSeq(ctx, stream)
	if err != nil {
		return at, false, err
	}
	switch {
	case last >= at.Seq && at.Log == is:
		return at, false, nil
	case last >= at.Seq && at.Log == "":
		return r.adopt(ctx, stream, series.Position{Seq: at.Seq, Log: is})
	}
	if err := r.store.Rewind(ctx, stream); err != nil {
		return at, false, err
	}
	r.metrics.rewinds.WithLabelValues(stream).Inc()
	r.slog.Error("the log was replaced or has lost messages: it is read from its beginning, and what is stored stays; "+
		"messages that were lost before they were stored are gone", "stream", stream, "log_ends_at", last, "stored_to", at.Seq,
		"log", is, "stored_log", at.Log)
	return series.Position{Log: is}, true, nil
}

// adopt takes the log for the one that the store was filled from, where the store does
// not know: nothing was stored of the stream yet, or an older build did it. What that
// stored is given the log at once: nothing else may come of the stream for days.
func (r *Recorder) adopt(ctx context.Context, stream string, at series.Position) (series.Position, bool, error) {
	if at.Seq == 0 {
		return at, false, nil
	}
	r.appends.Lock()
	defer r.appends.Unlock()
	_, err := r.store.Append(ctx, series.Batch{Stream: stream, Log: at.Log, Seq: at.Seq})
	return at, false, err
}

// open reads the log behind a position. It makes sure that what is read is of that log:
// the stream may have been made anew since the position was looked at. A source ends when that
// happens later.
func (r *Recorder) open(ctx context.Context, stream string, at series.Position) (Source, error) {
	source, err := r.log.Messages(ctx, stream, at.Seq+1)
	if err != nil {
		return nil, err
	}
	is, err := r.log.Identity(ctx, stream)
	if err == nil && is != at.Log {
		err = fmt.Errorf("%w: it is %s, and was %s", errBeganAgain, is, at.Log)
	}
	if err != nil {
		source.Close()
		return nil, err
	}
	return source, nil
}

// errBeganAgain ends a session whose stream is no longer the one it began with.
var errBeganAgain = errors.New("the stream of the log has begun again")

// feed is a stream being read.
type feed struct {
	*Recorder
	gathered

	source Source
	next   uint64 // the sequence that should come next
	anew   bool   // after a rewind: what is gone before the first message was stored once
	err    error  // why the session must end once what is gathered is stored
}

// gather reads at least one message, and then what comes within gatherFor and
// the bounds of an append.
func (f *feed) gather(ctx context.Context) error {
	m, err := f.first(ctx)
	if err != nil {
		return err
	}
	f.accept(m)
	soon, cancel := context.WithTimeout(ctx, gatherFor)
	defer cancel()
	for f.err == nil && !f.full() {
		m, ok := f.source.TryNext()
		if !ok {
			if m, err = f.source.Next(soon); err != nil {
				return nil // what is there is stored first; the next call meets the error again
			}
		}
		f.accept(m)
	}
	if f.messages == 0 {
		return f.err // the first was not of this stream any more
	}
	return nil
}

// first waits for a message. While none comes, it looks from time to time
// whether the log still is where it was: a stream that was deleted and made
// anew brings nothing until it has as many messages as the old one had.
func (f *feed) first(ctx context.Context) (bus.Msg, error) {
	for f.err == nil {
		m, err := f.nextWithin(ctx, f.look)
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return m, err
		}
		last, err := f.log.LastSeq(ctx, f.batch.Stream)
		switch {
		case err != nil:
			return bus.Msg{}, err
		case last+1 < f.next:
			f.err = fmt.Errorf("%w: it ends at %d, behind %d", errBeganAgain, last, f.next-1)
		}
	}
	return bus.Msg{}, f.err
}

func (f *feed) nextWithin(ctx context.Context, wait time.Duration) (bus.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return f.source.Next(ctx)
}

// accept takes a message, or passes over one that is no good.
func (f *feed) accept(m bus.Msg) {
	stream := f.batch.Stream
	switch {
	case m.Seq < f.next:
		f.err = fmt.Errorf("%w: %d comes after %d", errBeganAgain, m.Seq, f.next-1)
		return
	case m.Seq > f.next && !f.anew:
		n := m.Seq - f.next
		f.metrics.missing.WithLabelValues(stream).Add(float64(n))
		f.slog.Warn("messages were gone from the log before they were stored", "stream", stream, "from", f.next, "to", m.Seq-1, "count", n)
	}
	f.next, f.anew = m.Seq+1, false
	if err := f.take(m); err != nil {
		f.metrics.refused.WithLabelValues(stream, reason(err)).Inc()
		f.slog.Error("message of the log is passed over", "stream", stream, "seq", m.Seq, "subject", m.Subject, "error", err)
	}
}

// append stores what was gathered. It tries until that succeeds or ctx ends:
// the log keeps the rest meanwhile. Only where the store has come to be of another log,
// which another recorder on it may do, trying is in vain, and the session ends.
func (r *Recorder) append(ctx context.Context, g *gathered) error {
	stream := g.batch.Stream
	for wait := retryMin; ; {
		err := r.appendOnce(ctx, g)
		if err == nil {
			r.setErr(stream, nil)
			r.setStored(stream, g.batch.Seq)
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, series.ErrOtherLog):
			return err
		}
		if wait = r.pause(ctx, stream, wait, err); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (r *Recorder) appendOnce(ctx context.Context, g *gathered) error {
	r.appends.Lock()
	defer r.appends.Unlock()
	start := time.Now()
	done, err := r.store.Append(ctx, g.batch)
	if err != nil {
		return err
	}
	r.metrics.appendSeconds.Observe(time.Since(start).Seconds())
	if g.batch.Stream == schemas.StreamReadings {
		r.metrics.duplicates.Add(float64(done.Duplicates))
		r.metrics.readings.Add(float64(max(len(g.items)-done.Duplicates-done.Erased-done.Refused-done.Expired, 0)))
	}
	return nil
}
