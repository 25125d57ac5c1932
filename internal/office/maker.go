package office

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	lookBack   = 125              // days; three months, whenever in a month they are asked for
	makeAfter  = 5 * time.Minute  // how long after its end a window is made at the earliest
	leaveAfter = 72 * time.Hour   // how long after its end it is left as it is
	lookEvery  = 2 * time.Second  // how often it is looked whether there is something to do
	visitApart = 15 * time.Second // how long after the last visit something that came leads to another
	retryAfter = time.Minute      // when an organisation is visited again after an error
)

// Organisations gives which organisations there are and who belongs to them.
type Organisations interface {
	Registry
	Orgs() []registry.Org
}

// MakerOptions are what a Maker works with; all but Now are needed.
type MakerOptions struct {
	Store      series.Offices
	Registry   Organisations
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	Now        func() time.Time // time.Now if nil
}

// Validate reports what is missing.
func (o *MakerOptions) Validate() error {
	if o.Store == nil || o.Registry == nil || o.Registerer == nil || o.Logger == nil {
		return errors.New("the office's maker needs a store, a registry, a registerer and a logger")
	}
	return nil
}

// Maker makes the figures of all organisations. There is to be one for a store.
type Maker struct {
	store    series.Offices
	registry Organisations
	log      *slog.Logger
	metrics  *metrics
	arrivals *arrivals
	now      func() time.Time

	making sync.Mutex // held while an organisation is visited: one window at a time
}

// NewMaker makes a Maker and registers its metrics.
func NewMaker(o MakerOptions) (*Maker, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Maker{store: o.Store, registry: o.Registry, log: o.Logger, metrics: m, arrivals: newArrivals(now()), now: now}, nil
}

// Saw takes note of rollups that are stored, so that windows which were empty are made
// again. It keeps nothing of them and does not wait. Rollups that it is not told of count all the
// same, whenever their window is made.
func (m *Maker) Saw(rollups []schemas.Rollup) { m.arrivals.note(rollups, m.now()) }

// Make makes what is to be made of an organisation now, also of what may still be
// coming. Run does so by itself; this is for whoever cannot wait.
func (m *Maker) Make(ctx context.Context, org registry.Org) error {
	_, err := m.visit(ctx, org, time.Time{}, false)
	return err
}

// visit is what Run knows of an organisation.
type visit struct {
	last, next time.Time
	failed     bool
}

// Run makes figures until ctx ends, and then returns nil. A store that does not answer
// does not end it: what is not made is made later.
func (m *Maker) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	visits := map[schemas.ID]visit{}
	for {
		for _, org := range m.registry.Orgs() {
			visits[org.ID] = m.call(ctx, org, visits[org.ID])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// call visits an organisation if it is time to.
func (m *Maker) call(ctx context.Context, org registry.Org, v visit) visit {
	now := m.now()
	today := dayOf(date(now.In(org.Location())), org.Location()).from
	moved := now.Sub(v.last) >= visitApart && m.arrivals.waiting(org.ID, today, v.last, now)
	switch {
	case ctx.Err() != nil, m.arrivals.behind(org.ID, now), v.failed && now.Before(v.next), !moved && (v.last.IsZero() || now.Before(v.next)):
		return v
	}
	next, err := m.visit(ctx, org, v.last, true)
	if err == nil {
		if v.failed {
			m.log.Info("office's figures are made again", "org", org.ID)
		}
		return visit{last: now, next: next}
	}
	if ctx.Err() == nil {
		m.metrics.failures.Inc()
		if !v.failed {
			m.log.Warn("office's figures cannot be made; tried again", "org", org.ID, "pause", retryAfter, "err", err)
		}
	}
	return visit{last: v.last, next: now.Add(retryAfter), failed: true}
}
