package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sitwell/internal/series"
)

// Once an hour is over for a while, each wearer's minutes of it are made one row, packed in
// columns, which takes a fifth of the room. What comes of it afterwards is in minutes again, beside that row,
// until the next pass; queries read both. One goroutine does it for a store, a few hours in a
// transaction, and gives way in between: an append waits for one such step at most. A crash
// leaves an hour as it was or sealed. After the last hour of a day its file gives back the pages
// that were freed; before, what comes next takes them.
//
// It is bounded work, and nothing depends on it: where it fails, as on a full disk, it says so
// and tries again.

// sealOptions are when hours are sealed.
type sealOptions struct {
	// after is how long an hour is over, by the newest reading, before it is sealed.
	after time.Duration
	// every is the least time between two passes.
	every time.Duration
}

// defaultSealing has what a device buffers for a while come before an hour is sealed.
func defaultSealing() sealOptions { return sealOptions{after: 2 * time.Hour, every: time.Minute} }

// sealFor is how long a step may go on with further hours. One hour of 36,000 readings takes
// about 10 ms.
const sealFor = 5 * time.Millisecond

// sealLog is the size of a file's log, in bytes, from which on it is moved into the file between two
// steps: a large one takes longer than an append should have to wait.
const sealLog = 512 << 10

// sealing is what is sealed in the background.
type sealing struct {
	sealOptions

	store *Store
	log   *slog.Logger
	wake  chan struct{} // one signal; those beyond say no more than it does
	stop  context.CancelFunc
	ended chan struct{}

	passing sync.Mutex // guards hour: one pass at a time
	hour    *hourPacker

	mu     sync.Mutex // guards what follows
	newest int64      // the minute of the newest reading
	days   map[int64]*sealingDay
}

// sealingDay is what is known of the file of a day that may have something to be sealed.
type sealingDay struct {
	over    int64 // the minute up to which all was sealed
	touched bool  // since then, something came of before it
}

// startSealing looks at all days once, and then at those that readings come for.
func (s *Store) startSealing(o sealOptions) error {
	days, err := s.everyDay(series.Raw)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.sealing = &sealing{
		sealOptions: o, store: s, log: s.log, hour: newHourPacker(), wake: make(chan struct{}, 1), stop: stop,
		ended: make(chan struct{}), days: map[int64]*sealingDay{},
	}
	for _, day := range days {
		s.sealing.took(day, day*dayMinutes, day*dayMinutes)
	}
	go s.sealing.run(ctx)
	return nil
}

// end waits for the step under way.
func (s *sealing) end() {
	if s == nil {
		return
	}
	s.stop()
	<-s.ended
}

// took is told of readings of a day that were stored, of the minutes first to last.
func (s *sealing) took(day, first, last int64) {
	s.mu.Lock()
	s.newest = max(s.newest, last)
	d, ok := s.days[day]
	if !ok {
		d = &sealingDay{}
		s.days[day] = d
	}
	d.touched = d.touched || first < d.over
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sealing) run(ctx context.Context) {
	defer close(s.ended)
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		if err := s.pass(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("hours of readings are not sealed yet", "err", err)
		}
		if !pause(ctx, s.every) {
			return
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pass seals what is over, day by day. A day that fails keeps none of the others.
func (s *sealing) pass(ctx context.Context) error {
	s.passing.Lock()
	defer s.passing.Unlock()
	days, over := s.due()
	var errs []error
	for _, day := range days {
		if err := s.day(ctx, day, over); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// due are the days that may have an hour which is over, in order, and the minute up to which
// hours are.
func (s *sealing) due() (days []int64, over int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over = s.newest - int64(s.after/time.Minute)
	over -= over % minutesOfHour
	for day, d := range s.days {
		if reach := min(over, (day+1)*dayMinutes); d.touched || d.over < reach && day*dayMinutes < reach {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, over
}

// day seals the hours of a day that are over, and makes its file smaller if that was the last.
func (s *sealing) day(ctx context.Context, day, over int64) error {
	key := fileKey{series.Raw, day}
	over = min(over, (day+1)*dayMinutes)
	s.mu.Lock()
	d := s.days[day]
	was := *d
	d.over, d.touched = over, false // what comes from now on touches it
	s.mu.Unlock()
	err := s.file(ctx, key, over)
	if err == nil && over == (day+1)*dayMinutes {
		err = s.free(ctx, key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		d.over, d.touched = was.over, true
	case over == (day+1)*dayMinutes && !d.touched:
		delete(s.days, day)
	}
	return err
}

// file seals the hours of a file up to a minute, step by step.
func (s *sealing) file(ctx context.Context, key fileKey, over int64) error {
	for from := int64(0); ; {
		hour, found, err := s.store.hourToSeal(ctx, key, from, over)
		if err != nil || !found {
			return err
		}
		if err := s.stepIn(ctx, key, func(ctx context.Context, tx *fileTx, began time.Time) error {
			from, err = tx.sealHours(ctx, s.hour, hour, over, began)
			return err
		}); err != nil {
			return err
		}
	}
}

// hourToSeal looks for the next hour without keeping anybody from writing.
func (s *Store) hourToSeal(ctx context.Context, key fileKey, from, over int64) (hour int64, found bool, err error) {
	err = s.with(ctx, key, func(f *file) error {
		hour, found, err = nextHour(from, over, func(from int64) (int64, bool, error) {
			keys, err := query(ctx, s, f, func(n *int64) []any { return []any{n} }, sqlNextMinute, from)
			if err != nil || len(keys) == 0 {
				return 0, false, err
			}
			return keys[0], true, nil
		})
		return err
	})
	return hour, found, err
}

// stepIn runs a transaction in a file, unless that was removed, that ends soon after sealFor, and
// then moves a log that has become large.
func (s *sealing) stepIn(ctx context.Context, key fileKey, do func(context.Context, *fileTx, time.Time) error) error {
	err := s.giveWay(ctx, func() error {
		return s.store.change(ctx, func(ctx context.Context, c *changing) error {
			if !c.exists(key) {
				return nil
			}
			return c.in(ctx, key, func(ctx context.Context, tx *fileTx) error { return do(ctx, tx, time.Now()) })
		})
	})
	if err != nil {
		return err
	}
	return s.giveWay(ctx, func() error {
		return s.store.with(ctx, key, func(f *file) error { return f.tend(ctx) })
	})
}

// giveWay rests after what it does for as long as that took: an append that has waited for it
// need not wait for the next as well.
func (s *sealing) giveWay(ctx context.Context, do func() error) error {
	began := time.Now()
	err := do()
	if err == nil && !pause(ctx, time.Since(began)) {
		err = ctx.Err()
	}
	return err
}

// tend moves the log into the file if it has become large.
func (f *file) tend(ctx context.Context) error {
	if walSize(f.path) <= sealLog {
		return nil
	}
	f.write.mu.Lock()
	defer f.write.mu.Unlock()
	return f.write.checkpoint(ctx, passive)
}

// sealHours seals hours from one on, until they are all sealed or it has taken sealFor, and returns
// from where to go on.
func (tx *fileTx) sealHours(ctx context.Context, p *hourPacker, from, over int64, began time.Time) (next int64, err error) {
	for time.Since(began) < sealFor {
		hour, found, err := tx.nextHour(ctx, from, over)
		if err != nil || !found {
			return from, err
		}
		if err := tx.sealHour(ctx, p, hour); err != nil {
			return from, err
		}
		from = hour + minutesOfHour
	}
	return from, nil
}

// toBeSealed tells of a part that was stored.
func (p *part) toBeSealed() {
	if len(p.chunks) == 0 {
		return
	}
	first, last := p.chunks[0].minute, p.chunks[0].minute
	for i := range p.chunks {
		first, last = min(first, p.chunks[i].minute), max(last, p.chunks[i].minute)
	}
	p.sealing.took(p.key.day, first, last)
}
