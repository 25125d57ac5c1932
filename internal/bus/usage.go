package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Usage is how full a stream of the log is; a bucket's is called KV_ and its name.
type Usage struct {
	Stream   string
	Bytes    int64
	Limit    int64 // 0 for none
	Messages uint64
	First    time.Time // when the log took the oldest and the newest
	Last     time.Time
}

// Share is how much of its limit a stream uses, 0 where it has none.
func (u Usage) Share() float64 {
	if u.Limit <= 0 {
		return 0
	}
	return float64(u.Bytes) / float64(u.Limit)
}

// Where an alarm begins and where it ends; the gap keeps it from flapping.
const (
	AlarmFrom  = 0.80
	alarmBelow = 0.75
)

// Usage is that of all streams, by name. It waits at most 10 s.
func (b *Bus) Usage(ctx context.Context) ([]Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	var all []Usage
	list := b.js.ListStreams(ctx)
	for s := range list.Info() {
		all = append(all, Usage{
			Stream: s.Config.Name, Bytes: int64(s.State.Bytes), Limit: max(s.Config.MaxBytes, 0), //nolint:gosec // a disk's size
			Messages: s.State.Msgs, First: s.State.FirstTime, Last: s.State.LastTime,
		})
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("look at streams: %w", err)
	}
	slices.SortFunc(all, func(a, b Usage) int { return cmp.Compare(a.Stream, b.Stream) })
	return all, nil
}

// watchEvery is how often Watch looks.
const watchEvery = 10 * time.Second

// Watch tells every 10 s how full the log is, in gauges by stream, and warns
// once when a stream passes 80 % of its limit, until it is below 75 % again.
// On a Bus that was made by Open it also makes anew what a restart of the
// server has lost: the bucket in memory. It returns only when ctx ends.
func (b *Bus) Watch(ctx context.Context, reg prometheus.Registerer, logger *slog.Logger) error {
	w, err := newWatch(b, reg, logger)
	if err != nil {
		return err
	}
	status := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(status)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-status:
		case <-ctx.Done():
			return fmt.Errorf("watch log: %w", ctx.Err())
		}
	}
}

// watch is the state of Watch.
type watch struct {
	bus                  *Bus
	logger               *slog.Logger
	bytes, limits, alarm *prometheus.GaugeVec
	alarmed              map[string]bool
}

func newWatch(b *Bus, reg prometheus.Registerer, logger *slog.Logger) (*watch, error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"stream"})
	}
	w := &watch{
		bus: b, logger: logger, alarmed: map[string]bool{},
		bytes:  gauge("sitwell_log_bytes", "Bytes in a stream of the log."),
		limits: gauge("sitwell_log_limit_bytes", "Bytes that a stream of the log may hold; what does not fit is not acknowledged."),
		alarm:  gauge("sitwell_log_alarm", "1 while a stream of the log is over 80 % of its limit."),
	}
	for _, g := range []*prometheus.GaugeVec{w.bytes, w.limits, w.alarm} {
		if err := reg.Register(g); err != nil {
			return nil, fmt.Errorf("register gauges of the log: %w", err)
		}
	}
	return w, nil
}

func (w *watch) look(ctx context.Context) {
	ctx, cancel := w.bus.whileConnected(ctx)
	defer cancel()
	if w.bus.owner {
		if err := w.bus.ensure(ctx); err != nil && ctx.Err() == nil {
			w.logger.Warn("streams and buckets not looked after, trying again", "error", err)
		}
	}
	all, err := w.bus.Usage(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.logger.Warn("log not looked at, trying again", "error", err)
		}
		return
	}
	for _, u := range all {
		w.tell(u)
	}
}

func (w *watch) tell(u Usage) {
	w.bytes.WithLabelValues(u.Stream).Set(float64(u.Bytes))
	w.limits.WithLabelValues(u.Stream).Set(float64(u.Limit))
	switch share := u.Share(); {
	case !w.alarmed[u.Stream] && share >= AlarmFrom:
		w.alarmed[u.Stream] = true
		w.logger.Warn("a stream of the log is nearly full; at its limit it takes nothing, and what it does not take is not acknowledged",
			"stream", u.Stream, "bytes", u.Bytes, "limit", u.Limit)
	case w.alarmed[u.Stream] && share < alarmBelow:
		w.alarmed[u.Stream] = false
		w.logger.Info("a stream of the log has room again", "stream", u.Stream, "bytes", u.Bytes, "limit", u.Limit)
	}
	level := 0.0
	if w.alarmed[u.Stream] {
		level = 1
	}
	w.alarm.WithLabelValues(u.Stream).Set(level)
}

// Identity tells a stream from another of the same name: one that was deleted
// and made anew, or that of another log. It stays through restarts.
func (b *Bus) Identity(ctx context.Context, stream string) (string, error) {
	s, err := b.look(ctx, stream)
	if err != nil {
		return "", err
	}
	return identify(s.CachedInfo().Created), nil
}

func identify(created time.Time) string { return created.UTC().Format(time.RFC3339Nano) }

// lookWait bounds a question to the server: a link that hangs fails it.
const lookWait = 10 * time.Second

// look asks about a stream.
func (b *Bus) look(ctx context.Context, stream string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	ctx, connected := b.whileConnected(ctx)
	defer connected()
	s, err := b.js.Stream(ctx, stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("look at stream %s: %w; is this a sitwell?", stream, err)
	case err != nil:
		return nil, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	return s, nil
}
