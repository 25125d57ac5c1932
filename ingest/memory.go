package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// memoryWait bounds the questions to Memory: they only help to notice a loss.
const memoryWait = 5 * time.Second

// memoryKey is a key of Memory; a client id may hold anything.
func (s *Session) memoryKey() string {
	return fmt.Sprintf("ingest.seen.%x", sha256.Sum256([]byte(s.o.ClientID)))[:32]
}

// recall asks Memory whether this broker has had the session in an earlier run.
func (s *Session) recall(ctx context.Context) {
	if s.o.Memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	entry, err := s.o.Memory.Get(ctx, s.memoryKey())
	switch {
	case err == nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.had = string(entry.Value()) == s.o.URL // another broker cannot have forgotten it
	case !errors.Is(err, jetstream.ErrKeyNotFound) && ctx.Err() == nil:
		s.o.Logger.Warn("not known whether the MQTT broker had ingest's session before", "err", err)
	}
}

// remember keeps that this broker has the session.
func (s *Session) remember(ctx context.Context) {
	if s.o.Memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	if _, err := s.o.Memory.Put(ctx, s.memoryKey(), []byte(s.o.URL)); err != nil && ctx.Err() == nil {
		s.o.Logger.Warn("not kept that the MQTT broker has ingest's session", "err", err)
	}
}
