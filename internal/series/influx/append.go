package influx

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// manyPoints is from how many points on an append goes through all lanes.
const manyPoints = 2000

var errNoStream = errors.New("the batch names no stream")

// Append writes a batch's points, and once the server has all of them, its position. A
// part of a batch may be there without its position after an error; the same batch again
// overwrites it. Of the batch's memory nothing is kept. What the server refuses goes to
// Options.Refuse and is counted; that it refuses the token, the organisation or a bucket
// is an error.
func (s *Store) Append(ctx context.Context, batch series.Batch) (series.Appended, error) {
	s.writes.Lock()
	defer s.writes.Unlock()
	done, err := s.append(ctx, &batch)
	if err != nil {
		return series.Appended{}, fmt.Errorf("append %s up to %d: %w", batch.Stream, batch.Seq, err)
	}
	return done, nil
}

func (s *Store) append(ctx context.Context, b *series.Batch) (done series.Appended, err error) {
	switch {
	case b.Stream == "":
		return done, errNoStream
	case s.closed.Load():
		return done, errClosed
	case ctx.Err() != nil:
		return done, ctx.Err()
	}
	if err := s.settle(ctx); err != nil {
		return done, err
	}
	st, err := s.recall(ctx)
	if err != nil {
		return done, err
	}
	at := st.positions[b.Stream]
	next := series.Position{Seq: max(at.Seq, b.Seq), Log: cmp.Or(b.Log, at.Log)}
	if at.Log != "" && next.Log != at.Log {
		return done, fmt.Errorf("%w: %d of %q is stored, and this is of %q", series.ErrOtherLog, at.Seq, at.Log, b.Log)
	}
	if b.Seq > at.Seq {
		if done, err = s.store(ctx, st, b); err != nil {
			return done, err
		}
	}
	if next == at || next.Seq == 0 {
		return done, nil
	}
	return done, s.setPosition(ctx, b.Stream, next)
}

// store writes what is to be stored of a batch.
func (s *Store) store(ctx context.Context, st *state, b *series.Batch) (done series.Appended, err error) {
	if err := check(b); err != nil {
		return done, err
	}
	living, erased := st.living(b)
	admitted, strangers, err := s.admit(ctx, &living)
	if err != nil {
		return done, err
	}
	defer func() {
		for _, l := range s.lanes {
			done.Refused += l.refused
			done.Expired += l.expired
			l.reset()
		}
		if done.Refused > 0 {
			s.log.Warn("InfluxDB refuses points", "stream", b.Stream, "seq", b.Seq, "refused", done.Refused)
		}
	}()
	done.Erased = erased
	if err := s.through(ctx, &admitted); err != nil || count(&strangers) == 0 {
		return done, err
	}
	s.lanes[0].tooMany = true
	return done, s.lanes[0].take(ctx, &strangers, 0, 1)
}

// through writes a batch through as many lanes as it is worth.
func (s *Store) through(ctx context.Context, b *series.Batch) error {
	n := len(s.lanes)
	if count(b) < manyPoints {
		n = 1
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, l := range s.lanes[:n] {
		group.Go(func() error { return l.take(ctx, b, i, n) })
	}
	return group.Wait()
}

// count is how many points a batch is.
func count(b *series.Batch) int {
	n := len(b.Late) + len(b.Rollups) + len(b.Findings) + len(b.Decisions)
	for i := range b.Readings {
		n += len(b.Readings[i].Items)
	}
	return n
}

// check refuses a batch with something that has no place in the store, before any of it
// is written.
func check(b *series.Batch) error {
	for i := range b.Readings {
		r := &b.Readings[i]
		if r.Org.IsZero() || r.Wearer.IsZero() || r.Device.IsZero() {
			return fmt.Errorf("readings of %q/%q, device %q: %w", r.Org, r.Wearer, r.Device, errNoName)
		}
		for j := range r.Items {
			if item := &r.Items[j]; !holds(item.Time) || item.Seq > schemas.MaxSeq {
				return fmt.Errorf("reading %d of %s/%s: %w", item.Seq, r.Org, r.Device, errTime)
			}
		}
	}
	for i := range b.Late {
		if err := checkLate(&b.Late[i]); err != nil {
			return err
		}
	}
	return checkDerived(b)
}

func checkLate(l *schemas.Late) error {
	switch {
	case l.Org.IsZero() || l.Wearer.IsZero() || l.Device.IsZero():
		return fmt.Errorf("late mark of %q/%q, device %q: %w", l.Org, l.Wearer, l.Device, errNoName)
	case l.First > l.Last || l.Last > schemas.MaxSeq:
		return fmt.Errorf("late mark of sequence %d to %d of %s/%s: it is out of range", l.First, l.Last, l.Org, l.Device)
	case !holds(l.From) || !holds(l.To):
		return fmt.Errorf("late mark of %s/%s: %w", l.Org, l.Device, errTime)
	}
	return nil
}

func checkDerived(b *series.Batch) error {
	for i := range b.Rollups {
		r := &b.Rollups[i]
		if r.Org.IsZero() || r.Wearer.IsZero() {
			return fmt.Errorf("rollup of %q/%q: %w", r.Org, r.Wearer, errNoName)
		}
		if r.Minute < 0 || r.Minute > maxMinute {
			return fmt.Errorf("rollup of minute %d of %s/%s: %w", r.Minute, r.Org, r.Wearer, errTime)
		}
	}
	for i := range b.Findings {
		f := &b.Findings[i]
		if f.Org.IsZero() || f.Wearer.IsZero() {
			return fmt.Errorf("finding %q of %q/%q: %w", f.ID, f.Org, f.Wearer, errNoName)
		}
		if !holds(f.Start.UnixMilli()) {
			return fmt.Errorf("finding %q of %s/%s: %w", f.ID, f.Org, f.Wearer, errTime)
		}
	}
	for i := range b.Decisions {
		d := &b.Decisions[i]
		if d.Org.IsZero() || d.Wearer.IsZero() {
			return fmt.Errorf("decision %q of %q/%q: %w", d.ID, d.Org, d.Wearer, errNoName)
		}
		if !holds(d.Time.UnixMilli()) {
			return fmt.Errorf("decision %q of %s/%s: %w", d.ID, d.Org, d.Wearer, errTime)
		}
	}
	return nil
}

// holds reports whether a point can have a time in milliseconds.
func holds(ms int64) bool { return ms >= minMillis && ms <= maxMillis }
