package influx

import (
	"context"
	"fmt"

	"sitwell/internal/series"
)

// Position is how far a stream is in the server.
func (s *Store) Position(ctx context.Context, stream string) (series.Position, error) {
	if s.closed.Load() {
		return series.Position{}, fmt.Errorf("read position of %s: %w", stream, errClosed)
	}
	st, err := s.readState(ctx)
	if err != nil {
		return series.Position{}, fmt.Errorf("read position of %s: %w", stream, err)
	}
	return st.positions[stream], nil
}

// Rewind puts the zero position in place of a stream's and does nothing else.
func (s *Store) Rewind(ctx context.Context, stream string) error {
	s.writes.Lock()
	defer s.writes.Unlock()
	if err := s.setPosition(ctx, stream, series.Position{}); err != nil {
		return fmt.Errorf("forget position of %s: %w", stream, err)
	}
	return nil
}
