package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// NextOn is the first message of a stream's subject at sequence from or behind
// it; ok is false where there is none now. It looks without reading what lies
// between, and leaves no trace at the server.
func (b *Bus) NextOn(ctx context.Context, stream, subject string, from uint64) (m Msg, ok bool, err error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return m, false, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	raw, err := s.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("look for %s in %s from %d: %w", subject, stream, from, err)
	}
	return Msg{Subject: raw.Subject, Seq: raw.Sequence, Time: raw.Time, Data: raw.Data}, true, nil
}
