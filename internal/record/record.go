package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/series"
	"sitwell/schemas"
)

const (
	gatherFor = 250 * time.Millisecond // how long the first message of an append waits for more
	lagEvery  = 5 * time.Second
	lookEvery = 5 * time.Second // how often a stream that brings nothing is looked at
	retryMin  = 100 * time.Millisecond
	retryMax  = 10 * time.Second
)

// streams are those that are stored.
func streams() []string {
	return []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges}
}

// Options are what a Recorder works with; all are needed.
type Options struct {
	Log        Log
	Store      series.Store
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Validate reports what is missing.
func (o *Options) Validate() error {
	if o.Log == nil || o.Store == nil || o.Registerer == nil || o.Logger == nil {
		return errors.New("the recorder needs a log, a store, a registerer and a logger")
	}
	return nil
}

// Recorder stores the log's streams.
type Recorder struct {
	log     Log
	store   series.Store
	slog    *slog.Logger
	metrics *metrics
	look    time.Duration // lookEvery, shorter in tests

	appends sync.Mutex // one append at a time

	mu       sync.Mutex // guards what follows
	stored   map[string]uint64
	failing  map[string]error
	progress chan struct{} // closed and made anew when stored changes
}

// New makes a Recorder and registers its metrics.
func New(o Options) (*Recorder, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &Recorder{
		log: o.Log, store: o.Store, slog: o.Logger, metrics: m, look: lookEvery,
		stored: map[string]uint64{}, failing: map[string]error{}, progress: make(chan struct{}),
	}, nil
}

// Run stores until ctx ends, and then returns nil: what it had read and not
// stored it reads again the next time. A store or a log that does not answer does
// not end it.
func (r *Recorder) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, stream := range streams() {
		group.Go(func() { r.follow(ctx, stream) })
	}
	group.Go(func() { r.watchLag(ctx) })
	group.Wait()
	return nil
}

// Err is why nothing is stored at present, nil if all is well.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stream := range streams() {
		errs = append(errs, r.failing[stream])
	}
	return errors.Join(errs...)
}

// WaitFor returns once all of a stream up to seq is stored.
func (r *Recorder) WaitFor(ctx context.Context, stream string, seq uint64) error {
	for {
		r.mu.Lock()
		stored, progress := r.stored[stream], r.progress
		r.mu.Unlock()
		if stored >= seq {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s %d is stored, which is at %d: %w", stream, seq, stored, ctx.Err())
		}
	}
}

// setStored tells those who wait how far a stream is stored.
func (r *Recorder) setStored(stream string, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored[stream] = seq
	close(r.progress)
	r.progress = make(chan struct{})
}

// setErr records why a stream is not stored, or nil once it is again.
func (r *Recorder) setErr(stream string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.failing[stream] != nil {
		r.slog.Info("recorder works again", "stream", stream)
	}
	r.failing[stream] = err
}

// watchLag keeps the lag's gauge. A log that does not answer leaves it as it was.
func (r *Recorder) watchLag(ctx context.Context) {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		for _, stream := range streams() {
			if last, err := r.log.LastSeq(ctx, stream); err == nil {
				r.mu.Lock()
				stored := r.stored[stream]
				r.mu.Unlock()
				r.metrics.lag.WithLabelValues(stream).Set(float64(last - min(stored, last)))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
