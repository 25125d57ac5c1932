package app

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/office"
	"sitwell/internal/series"
)

const partOffice = "office"

// officeMaker makes the figures of offices in the process that records: it sees what is
// stored, and there is one of it.
type officeMaker struct{ now atomic.Pointer[office.Maker] }

// run makes figures from what is stored.
func (o *officeMaker) run(a *App) part {
	return func(ctx context.Context, reg prometheus.Registerer) error {
		m, err := office.NewMaker(office.MakerOptions{Store: a.store, Registry: a.registry, Registerer: reg, Logger: a.o.Logger})
		if err != nil {
			return err
		}
		o.now.Store(m)
		a.works(partOffice)
		return m.Run(ctx)
	}
}

// told is a store that tells the maker which minutes were stored.
func (o *officeMaker) told(s series.Store) series.Store { return toldStore{s, o} }

type toldStore struct {
	series.Store

	maker *officeMaker
}

// Append tells of rollups once they are stored. Those that no maker is told of count as
// well: it looks at everything when it starts.
func (s toldStore) Append(ctx context.Context, b series.Batch) (series.Appended, error) {
	appended, err := s.Store.Append(ctx, b)
	if m := s.maker.now.Load(); err == nil && m != nil && len(b.Rollups) > 0 {
		m.Saw(b.Rollups)
	}
	return appended, err
}
