package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sitwell/schemas"
)

// Options of Simulate.
type Options struct {
	URL     string
	Org     schemas.ID
	Wearers int     // 1 to 100000
	Hertz   float64 // readings a second of each device, 0.01 to 10; 2 by default
	Seed    uint64
	// First is the number of the first device, so that several runs can share a
	// broker: devices are sim-{number}.
	First int
	// Duration ends the run; 0 runs until ctx ends.
	Duration           time.Duration
	Username, Password string
	Hooks              Hooks
	// Progress is called every second with the counts so far; it may be nil.
	Progress func(Counts)
	Logger   *slog.Logger
}

// Validate says which option is wrong.
func (o *Options) Validate() error {
	switch {
	case CheckURL(o.URL) != nil:
		return fmt.Errorf("simulate: %w", CheckURL(o.URL))
	case o.Org.IsZero():
		return errors.New("simulate: no organisation")
	case o.Wearers < 1 || o.Wearers > 100_000:
		return fmt.Errorf("simulate: wearers is %d, not 1 to 100000", o.Wearers)
	case o.Hertz != 0 && (o.Hertz < 0.01 || o.Hertz > 10):
		return fmt.Errorf("simulate: rate is %g readings a second, not 0.01 to 10", o.Hertz)
	case o.Duration < 0:
		return fmt.Errorf("simulate: duration is %v, not 0 or more", o.Duration)
	}
	return nil
}

// Crowd makes the wearers that Simulate would play from start on, for whoever
// wants to register them first: wearer sim-{number} with device sim-{number}.
func (o *Options) Crowd(start time.Time) []*Wearer {
	days := newCalendar(start)
	crowd := make([]*Wearer, o.Wearers)
	for i := range crowd {
		n := o.First + i
		w := newWearer(mixSeed(o.Seed, n, start), n, days, start)
		w.ID = schemas.MustID(fmt.Sprintf("sim-%05d", n))
		w.Device, w.Name, w.stay = w.ID, w.ID.String(), true
		w.now = w.upright(start.Add(time.Minute).UnixMilli())
		w.puts(start.UnixMilli())
		w.boutEnd = start.UnixMilli() + w.minutes(w.traits.bout)
		crowd[i] = w
	}
	return crowd
}

// Simulate plays wearers of all habits against a broker, live, each a client of
// its own. When it ends, by ctx or Duration, it waits up to ten seconds for
// acknowledgements and returns the counts.
func Simulate(ctx context.Context, o Options) (Counts, error) {
	if err := o.Validate(); err != nil {
		return Counts{}, err
	}
	if o.Hertz == 0 {
		o.Hertz = 1 / LiveSpacing.Seconds()
	}
	spacing := time.Duration(float64(time.Second) / o.Hertz).Round(time.Millisecond)
	crowd := o.Crowd(time.Now())
	fleet, err := o.connect(ctx, crowd)
	if err != nil {
		return fleet.Counts(), errors.Join(err, fleet.close(ctx))
	}
	run := ctx
	if o.Duration > 0 {
		var cancel context.CancelFunc
		run, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	stop := fleet.report(run, o.Progress)
	err = play(run, crowd, spacing, fleet.Of, o.Hooks)
	stop()
	err = errors.Join(err, fleet.close(ctx)) // which waits for what is not acknowledged yet
	return fleet.Counts(), err
}

// Fleet is the devices of wearers.
type Fleet map[*Wearer]*Device

// connecting bounds how many devices connect at once.
const connecting = 32

// ConnectAll connects a device for each wearer, with the URL, credentials,
// window, callbacks and logger of o, some at a time. On an error those that
// connected are in the fleet.
func ConnectAll(ctx context.Context, wearers []*Wearer, o DeviceOptions) (Fleet, error) {
	fleet := make(Fleet, len(wearers))
	var mu sync.Mutex // guards fleet
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(connecting)
	for _, w := range wearers {
		group.Go(func() error {
			o := o
			o.ID = w.Device
			d, err := Connect(inner, o)
			if err != nil {
				return err
			}
			mu.Lock()
			fleet[w] = d
			mu.Unlock()
			return nil
		})
	}
	return fleet, group.Wait()
}

func (o *Options) connect(ctx context.Context, crowd []*Wearer) (Fleet, error) {
	return ConnectAll(ctx, crowd, DeviceOptions{
		URL: o.URL, Org: o.Org, Username: o.Username, Password: o.Password, Hertz: o.Hertz, Logger: o.Logger,
	})
}

// Of is the device of a wearer.
func (f Fleet) Of(w *Wearer) *Device { return f[w] }

// Counts sums the devices' counts.
func (f Fleet) Counts() Counts {
	var c Counts
	for _, d := range f {
		c = c.Add(d.Counts())
	}
	return c
}

// Flush waits until everything published is acknowledged.
func (f Fleet) Flush(ctx context.Context) error {
	for _, d := range f {
		if err := d.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all devices at once, each as Device.Close does: a goroutine for each,
// since each may have to wait for its last acknowledgements.
func (f Fleet) Close(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(len(f) + 1)
	for _, d := range f {
		group.Go(func() error { return d.Close(ctx) })
	}
	return group.Wait()
}

// close is Close with a bound of its own, as ctx may have ended.
func (f Fleet) close(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkTime)
	defer cancel()
	return f.Close(bounded)
}

// report calls progress every second until the returned function is called.
func (f Fleet) report(ctx context.Context, progress func(Counts)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	return EverySecond(ctx, func() { progress(f.Counts()) })
}

// EverySecond calls tell each second until ctx ends or the returned function is
// called, which waits until tell will not be called again.
func EverySecond(ctx context.Context, tell func()) (stop func()) {
	inner, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-inner.Done():
				return
			case <-tick.C:
				tell()
			}
		}
	}()
	return func() { cancel(); <-done }
}
