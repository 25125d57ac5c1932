package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sitwell/internal/sim"
	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// Registrar makes a wearer and a device known.
type Registrar interface {
	// Register adds the wearer and the device to the organisation, which exists,
	// and assigns one to the other from from on, with no end. When it returns,
	// readings from that time are taken.
	Register(ctx context.Context, org, wearer, device schemas.ID, from time.Time) error
}

// Options of Run.
type Options struct {
	URL   string // the MQTT broker, such as tcp://127.0.0.1:1883
	API   string // the running sitwell, such as http://127.0.0.1:8080
	Org   schemas.ID
	Speed float64 // seconds of event time in a second, 0.1 to 10000
	// Label ends the names of the wearers and devices made for this run, so that
	// two runs never share one. By default it is the time.
	Label              string
	Username, Password string
	Registrar          Registrar
	// Wait bounds how long the pipeline may take after the last acknowledgement;
	// 2 minutes by default.
	Wait time.Duration
	// Client asks the API; by default one that gives up after 30 s.
	Client *http.Client
	// Progress is told every second; it may be nil.
	Progress func(Progress)
	Logger   *slog.Logger
}

// Progress counts readings and events.
type Progress struct{ Total, Acked int64 }

// Validate says which option is wrong.
func (o *Options) Validate() error {
	switch {
	case sim.CheckURL(o.URL) != nil:
		return fmt.Errorf("replay: %w", sim.CheckURL(o.URL))
	case o.API == "":
		return errors.New("replay: no API address, such as http://127.0.0.1:8080")
	case o.Org.IsZero():
		return errors.New("replay: no organisation")
	case !(o.Speed >= 0.1 && o.Speed <= 10_000):
		return fmt.Errorf("replay: speed is %g, not 0.1 to 10000", o.Speed)
	case o.Registrar == nil:
		return errors.New("replay: nobody registers the devices")
	}
	return nil
}

// run is one recording on its way.
type run struct {
	rec    *recording.Recording
	id     schemas.ID // of the wearer and of the device
	boot   uint32
	base   time.Time // event time of the first row
	end    time.Time // event time of the last row
	items  []schemas.Item
	device *sim.Device
}

// replayer is one call of Run.
type replayer struct {
	o     Options
	api   *api
	acked atomic.Int64
	total int64
}

// atOnce bounds how many recordings are compared at the same time: the API
// gives out two exports at once.
const atOnce = 2

// Run replays recordings, all at the same time, and reports on them in their
// order. The first error stops all.
func Run(ctx context.Context, o Options, recordings []*recording.Recording) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.fill()
	r := &replayer{o: o, api: newAPI(o.API, o.Org, o.Client)}
	runs := make([]*run, len(recordings))
	for i, rec := range recordings {
		var err error
		if runs[i], err = r.prepare(rec, i); err != nil {
			return nil, err
		}
		r.total += int64(len(rec.Poses) + len(rec.Rows))
	}
	stop := r.report(ctx)
	err := r.publishAll(ctx, runs)
	stop()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(runs))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, run := range runs {
		group.Go(func() error {
			var err error
			files[i], err = r.compare(inner, run)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return newReport(o.Speed, files), nil
}

func (o *Options) fill() {
	if o.Label == "" {
		o.Label = strconv.FormatInt(time.Now().UnixMilli(), 36)
	}
	if o.Wait == 0 {
		o.Wait = 2 * time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// prepare names a recording's wearer after its file.
func (r *replayer) prepare(rec *recording.Recording, i int) (*run, error) {
	name := strings.ToLower(rec.Name)
	id, err := schemas.ParseID(name + "-" + r.o.Label)
	if err != nil {
		id, err = schemas.ParseID(fmt.Sprintf("recording-%d-%s", i+1, r.o.Label))
	}
	if err != nil {
		return nil, fmt.Errorf("name a wearer for %s: %w", rec.Name, err)
	}
	return &run{rec: rec, id: id, boot: rand.Uint32()}, nil //nolint:gosec // a boot, not a secret
}

// publishAll registers, connects and publishes all runs, side by side.
func (r *replayer) publishAll(ctx context.Context, runs []*run) error {
	for _, run := range runs {
		from := time.Now().Add(-run.rec.Duration()).Add(-time.Hour) // event time begins later than that
		if err := r.o.Registrar.Register(ctx, r.o.Org, run.id, run.id, from); err != nil {
			return fmt.Errorf("register %s: %w", run.id, err)
		}
	}
	group, inner := errgroup.WithContext(ctx)
	for _, run := range runs {
		group.Go(func() error { return r.publish(inner, run) })
	}
	return group.Wait()
}

// publish plays one recording and waits for its acknowledgements.
func (r *replayer) publish(ctx context.Context, run *run) (err error) {
	run.device, err = sim.Connect(ctx, sim.DeviceOptions{
		URL: r.o.URL, Org: r.o.Org, ID: run.id, Username: r.o.Username, Password: r.o.Password, Logger: r.o.Logger,
		OnAck: func(_ schemas.ID, _ uint32, items []schemas.Item) { r.acked.Add(int64(len(items))) },
	})
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		err = errors.Join(err, run.device.Close(bounded))
	}()
	start := time.Now()
	length := run.rec.Duration()
	run.end = start.Add(time.Duration(float64(length) / r.o.Speed)).Round(time.Millisecond)
	run.base = run.end.Add(-length)
	run.items = run.rec.Items(run.base)
	return r.pace(ctx, run, start)
}

const (
	closeWait = 10 * time.Second
	paceEvery = 250 * time.Millisecond // between messages
)

// pace publishes what is due, until all is.
func (r *replayer) pace(ctx context.Context, run *run, start time.Time) error {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	for rest := run.items; ; {
		now := time.Now()
		due := run.base.Add(time.Duration(float64(now.Sub(start)) * r.o.Speed)).UnixMilli()
		n := 0
		for n < len(rest) && (rest[n].Time <= due || !now.Before(run.end)) {
			n++
		}
		if err := run.device.Send(ctx, run.id, run.boot, rest[:n]); err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// report tells the progress until the returned function is called.
func (r *replayer) report(ctx context.Context) (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	tell := func() { r.o.Progress(Progress{r.total, r.acked.Load()}) }
	quiet := sim.EverySecond(ctx, tell)
	return func() { quiet(); tell() }
}
