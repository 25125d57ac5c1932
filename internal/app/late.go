package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// late is a store on a server that may be away when the process starts: detection and
// nudges do not wait for it. Until the server is there, each call says why it is not;
// the recorder tries again, and the log keeps what there is.
type late struct {
	open func(ctx context.Context) (series.Store, error)

	mu     sync.RWMutex // guards what follows
	is     series.Store
	why    error // while there is none
	closed bool
}

var _ series.Store = (*late)(nil)

var errNotTried = errors.New("the store is not open yet")

func newLate(open func(ctx context.Context) (series.Store, error)) *late {
	return &late{open: open, why: errNotTried}
}

// try opens the store.
func (l *late) try(ctx context.Context) error {
	s, err := l.open(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.why = err
		return err
	}
	if l.closed {
		return errors.Join(errClosed, s.Close())
	}
	l.is, l.why = s, nil
	return nil
}

var errClosed = errors.New("the store is closed")

// keepTrying opens the store as soon as it can be.
func (l *late) keepTrying(ctx context.Context, failed func(err error, again time.Duration)) error {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		try, cancel := context.WithTimeout(ctx, stepWait)
		err := l.try(try)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		failed(err, pause)
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

// get is the store.
func (l *late) get() (series.Store, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.is == nil {
		return nil, fmt.Errorf("the store cannot be used: %w: %w", series.ErrAway, l.why)
	}
	return l.is, nil
}

// Close closes what is open; nothing is opened any more.
func (l *late) Close() error {
	l.mu.Lock()
	s := l.is
	l.is, l.why, l.closed = nil, errClosed, true
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.Close()
}

// with calls a method of the store that gives a value.
func with[T any](l *late, call func(series.Store) (T, error)) (T, error) {
	s, err := l.get()
	if err != nil {
		var none T
		return none, err
	}
	return call(s)
}

// do calls a method that gives none.
func (l *late) do(call func(series.Store) error) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return call(s)
}

// The methods are those of series.Store.

func (l *late) Append(ctx context.Context, b series.Batch) (series.Appended, error) {
	return with(l, func(s series.Store) (series.Appended, error) { return s.Append(ctx, b) })
}

func (l *late) Position(ctx context.Context, stream string) (series.Position, error) {
	return with(l, func(s series.Store) (series.Position, error) { return s.Position(ctx, stream) })
}

func (l *late) Rewind(ctx context.Context, stream string) error {
	return l.do(func(s series.Store) error { return s.Rewind(ctx, stream) })
}

func (l *late) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	return l.do(func(s series.Store) error { return s.Readings(ctx, q, each) })
}

func (l *late) Rollups(ctx context.Context, q series.Query) ([]schemas.Rollup, error) {
	return with(l, func(s series.Store) ([]schemas.Rollup, error) { return s.Rollups(ctx, q) })
}

func (l *late) Slots(ctx context.Context, q series.Query, length time.Duration) ([]series.Slot, error) {
	return with(l, func(s series.Store) ([]series.Slot, error) { return s.Slots(ctx, q, length) })
}

func (l *late) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	return with(l, func(s series.Store) ([]series.Episode, error) { return s.Episodes(ctx, q) })
}

func (l *late) Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error) {
	return with(l, func(s series.Store) ([]schemas.Finding, error) { return s.Findings(ctx, org, episode) })
}

func (l *late) Decisions(ctx context.Context, q series.Query) ([]schemas.Decision, error) {
	return with(l, func(s series.Store) ([]schemas.Decision, error) { return s.Decisions(ctx, q) })
}

func (l *late) Totals(ctx context.Context, q series.Query) ([]series.Totals, error) {
	return with(l, func(s series.Store) ([]series.Totals, error) { return s.Totals(ctx, q) })
}

func (l *late) PutAggregates(ctx context.Context, all []series.Aggregate) error {
	return l.do(func(s series.Store) error { return s.PutAggregates(ctx, all) })
}

func (l *late) Aggregates(ctx context.Context, q series.OfficeQuery) ([]series.Aggregate, error) {
	return with(l, func(s series.Store) ([]series.Aggregate, error) { return s.Aggregates(ctx, q) })
}

func (l *late) Wearers(ctx context.Context, each func(series.Extent) error) error {
	return l.do(func(s series.Store) error { return s.Wearers(ctx, each) })
}

func (l *late) Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (series.Erased, error) {
	return with(l, func(s series.Store) (series.Erased, error) { return s.Erase(ctx, org, wearer, before) })
}

func (l *late) Retain(ctx context.Context, r series.Retention, now time.Time) error {
	return l.do(func(s series.Store) error { return s.Retain(ctx, r, now) })
}

func (l *late) Replace(ctx context.Context, q series.Query, r series.Rebuilt) error {
	return l.do(func(s series.Store) error { return s.Replace(ctx, q, r) })
}

func (l *late) Stats(ctx context.Context) (series.Stats, error) {
	return with(l, func(s series.Store) (series.Stats, error) { return s.Stats(ctx) })
}
