package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Store is the part of a series.Store that is asked to erase.
type Store interface {
	// Erase is series.Keeper's.
	Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (series.Erased, error)
	// Wearers is series.Keeper's; it says of whom something is stored.
	Wearers(ctx context.Context, each func(series.Extent) error) error
}

// Options are what an Erasure works with; all but StoreRemains are needed.
type Options struct {
	Log      *bus.Bus
	Registry *registry.Registry
	Store    Store
	// Settle returns once all that devices were acknowledged before it was called is
	// judged and stored.
	Settle func(ctx context.Context) error
	// Stored returns once all of a stream up to a sequence is stored.
	Stored func(ctx context.Context, stream string, seq uint64) error
	// StoreRemains is what the store keeps for a while after it has erased.
	StoreRemains []Remainder
	Logger       *slog.Logger
}

// Validate reports what is missing.
func (o *Options) Validate() error {
	if o.Log == nil || o.Registry == nil || o.Store == nil || o.Settle == nil || o.Stored == nil || o.Logger == nil {
		return errors.New("erasing needs a log, a registry, a store, ways to wait for it and a logger")
	}
	return nil
}

// Erasure erases wearers. Its methods are safe for concurrent use.
type Erasure struct{ Options }

// New makes an Erasure.
func New(o Options) (*Erasure, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Erasure{o}, nil
}

// margin is how far beyond the clocks of all devices the store refuses what the log
// brings: machines whose clocks are further apart than that are told of by doctor.
const margin = time.Minute

// step is one step of an erasure.
type step struct {
	doing string // for people
	do    func(ctx context.Context, c *Certificate) error
}

// Erase erases a wearer. The error is ErrUnknown where nothing is known of such a one.
// After another error a part may be erased, and it should be done again. progress is
// told what is done next; it may be nil.
func (e *Erasure) Erase(ctx context.Context, org, wearer schemas.ID, progress func(doing string)) (Certificate, error) {
	c := Certificate{Org: org, Wearer: wearer, Asked: now(), Devices: []schemas.ID{}, Verified: []string{}, Remains: []Remainder{}}
	left, err := e.leave(ctx, org, wearer)
	if err != nil {
		return c, err
	}
	c.Devices = append(c.Devices, left.Devices...)
	for _, s := range []step{
		{"letting through what was taken before", func(ctx context.Context, _ *Certificate) error { return e.Settle(ctx) }},
		{"erasing what is stored", e.eraseStore},
		{"erasing findings and nudges of the log", e.eraseLog},
		{"erasing what was refused of the devices", e.eraseRefused},
		{"erasing the notifier's notes and parameters", e.eraseKeys},
		{"forgetting the wearer", func(ctx context.Context, c *Certificate) error { return e.forget(ctx, left, c) }},
		{"looking at what remains", e.remains},
	} {
		if progress != nil {
			progress(s.doing)
		}
		if err := s.do(ctx, &c); err != nil {
			return c, fmt.Errorf("%s: %w", s.doing, err)
		}
	}
	c.Finished = now()
	e.Logger.Info("a wearer is erased", "org", org, "readings", c.Store.Readings, "minutes", c.Store.Rollups, "findings", c.Store.Findings)
	return c, nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// leave lets nothing in any more. A wearer who is not registered may still be stored: the
// store is older than the registry's bucket, or was copied.
func (e *Erasure) leave(ctx context.Context, org, wearer schemas.ID) (registry.Wearer, error) {
	left, err := e.Registry.Leave(ctx, org, wearer)
	if !errors.Is(err, registry.ErrNotFound) {
		return left, err
	}
	switch known, err := e.stored(ctx, org, wearer); {
	case err != nil:
		return left, err
	case !known:
		return left, ErrUnknown
	}
	return registry.Wearer{Org: org, ID: wearer}, nil
}

// stored reports whether something of a wearer is.
func (e *Erasure) stored(ctx context.Context, org, wearer schemas.ID) (is bool, err error) {
	err = e.Store.Wearers(ctx, func(x series.Extent) error {
		is = is || x.Org == org && x.Wearer == wearer
		return ctx.Err()
	})
	if err != nil {
		return false, fmt.Errorf("look who is stored: %w", err)
	}
	return is, nil
}

// eraseStore erases what is stored, also of a time to come: a device's clock may be
// ahead by as much as ingest lets it.
func (e *Erasure) eraseStore(ctx context.Context, c *Certificate) (err error) {
	c.Before = now().Add(schemas.MaxAhead + margin)
	if c.Store, err = e.Store.Erase(ctx, c.Org, c.Wearer, c.Before); err != nil {
		return err
	}
	is, err := e.stored(ctx, c.Org, c.Wearer)
	if err == nil && is {
		err = errors.New("the store still names the wearer afterwards")
	}
	c.Verified = append(c.Verified, "time series")
	return err
}
