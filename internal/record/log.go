package record

import (
	"context"

	"sitwell/internal/bus"
)

// Log is the log as the recorder reads it.
type Log interface {
	// Messages reads a stream from sequence from on. Messages that have expired
	// are passed over.
	Messages(ctx context.Context, stream string, from uint64) (Source, error)
	// LastSeq is the last sequence of a stream, 0 if it never had one.
	LastSeq(ctx context.Context, stream string) (uint64, error)
	// Identity tells a stream from another one of its name that was made in its place.
	Identity(ctx context.Context, stream string) (string, error)
}

// Source is a stream's messages, each once, in order and without end, unless the stream
// is made anew: then Next fails for good, or sequences begin again. What it holds in
// memory is bounded.
type Source interface {
	// Next waits for the next message; it fails when ctx ends, which loses
	// none, or for good.
	Next(ctx context.Context) (bus.Msg, error)
	// TryNext is the next message if it is there already.
	TryNext() (bus.Msg, bool)
	Close()
}

// FromBus is the log of a bus.
func FromBus(b *bus.Bus) Log { return busLog{b} }

type busLog struct{ *bus.Bus }

func (l busLog) Messages(ctx context.Context, stream string, from uint64) (Source, error) {
	return l.Reader(ctx, stream, nil, from)
}
