package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"sitwell/internal/registry"
	"sitwell/internal/sim"
	"sitwell/internal/sim/observe"
	"sitwell/internal/sim/recording"
	"sitwell/internal/sim/replay"
	"sitwell/schemas"
)

// registrar registers wearers and devices of a run with a running sitwell.
type registrar struct{ r *registry.Registry }

// Register adds a wearer and a device and assigns one to the other.
func (r registrar) Register(ctx context.Context, org, wearer, device schemas.ID, from time.Time) error {
	if err := r.r.AddWearer(ctx, registry.Wearer{Org: org, ID: wearer, Name: wearer.String()}); err != nil {
		return err
	}
	if err := r.r.AddDevice(ctx, org, device); err != nil {
		return err
	}
	return r.r.Assign(ctx, org, device, registry.Assignment{Wearer: wearer, From: from})
}

// ensureOrg registers an organisation unless it is there.
func ensureOrg(ctx context.Context, r *registry.Registry, org schemas.ID) error {
	err := r.AddOrg(ctx, registry.Org{ID: org, Name: org.String()})
	if errors.Is(err, registry.ErrExists) {
		return nil
	}
	return err
}

func (e *env) simulate() *cobra.Command {
	o := sim.Options{Logger: slog.New(slog.DiscardHandler)}
	var cl client
	var org string
	var enrol bool
	c := &cobra.Command{
		Use: "simulate --mqtt URL", Short: "Play wearers against any broker, live", Args: exactly(0),
		Long: "Plays wearers of several habits, each a real MQTT client, until Ctrl-C or for --duration, and counts what was\n" +
			"sent, acknowledged and nudged. With --register, the default, they are first added to the running sitwell at\n" +
			"--nats; without it their readings go to quarantine unless the devices sim-00000, sim-00001, ... are known.",
		Example: "  sitwell simulate --mqtt tcp://127.0.0.1:1883 --wearers 100 --duration 1m",
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Org, err = schemas.ParseID(org); err != nil {
				return usage(fmt.Errorf("--org: %w", err))
			}
			if o.Hertz <= 0 {
				return usage(fmt.Errorf("--rate: %g is not above 0", o.Hertz))
			}
			if err := o.Validate(); err != nil {
				return usage(err)
			}
			if enrol {
				if err := e.enrolCrowd(c.Context(), &cl, o); err != nil {
					return err
				}
			}
			done := e.countProgress(&cl, &o)
			counts, err := sim.Simulate(c.Context(), o)
			done()
			if err != nil && counts == (sim.Counts{}) {
				return err
			}
			return errors.Join(err, e.say(&cl, counts, "%d messages with %d readings sent, %d with %d acknowledged, %d nudges received, %d reconnections",
				counts.Sent, counts.ItemsSent, counts.Acked, counts.ItemsAcked, counts.Nudges, counts.Reconnects))
		},
	}
	f := c.Flags()
	cl.register(f)
	f.StringVar(&o.URL, "mqtt", "tcp://127.0.0.1:1883", "address of the broker")
	f.StringVar(&org, "org", "simulated", "organisation of the wearers")
	f.IntVar(&o.Wearers, "wearers", 10, "how many")
	f.Float64Var(&o.Hertz, "rate", 2, "readings a second of each")
	f.Uint64Var(&o.Seed, "seed", 1, "another seed plays other days")
	f.IntVar(&o.First, "first", 0, "number of the first device, so that several runs can share a broker")
	f.DurationVar(&o.Duration, "duration", 0, "how long, such as 90s; 0 is until Ctrl-C")
	f.StringVar(&o.Username, "username", "", "for the broker")
	f.StringVar(&o.Password, "password", "", "for the broker")
	f.BoolVar(&enrol, "register", true, "add the wearers and devices to the running sitwell first")
	return c
}

// enrolCrowd registers the simulated wearers; those of an earlier run stay.
func (e *env) enrolCrowd(ctx context.Context, cl *client, o sim.Options) error {
	now := time.Now()
	return cl.withRegistry(ctx, func(ctx context.Context, r *registry.Registry) error {
		if err := ensureOrg(ctx, r, o.Org); err != nil {
			return err
		}
		for _, w := range o.Crowd(now) {
			err := registrar{r}.Register(ctx, o.Org, w.ID, w.Device, now.Add(-time.Minute))
			if err != nil && !errors.Is(err, registry.ErrExists) {
				return err
			}
		}
		return nil
	})
}

// countProgress shows the counts on a terminal while a simulation runs.
func (e *env) countProgress(cl *client, o *sim.Options) (done func()) {
	if cl.json || !terminal(e.err) {
		return func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14))
	o.Progress = func(c sim.Counts) {
		bar.Describe(fmt.Sprintf("%d readings sent, %d acknowledged, %d nudges", c.ItemsSent, c.ItemsAcked, c.Nudges))
		_ = bar.Add(1) // a spinner that cannot be drawn is no reason to stop
	}
	return func() { _ = bar.Finish() }
}

func (e *env) replay() *cobra.Command {
	o := replay.Options{Logger: slog.New(slog.DiscardHandler)}
	var cl client
	var org string
	var offline bool
	c := &cobra.Command{
		Use: "replay FILE...", Short: "Play recorded people through a running sitwell and compare with their labels",
		Args: cobra.MinimumNArgs(1),
		Long: "Reads recordings (a chest accelerometer's or a sternum sensor's CSV, told by the header), registers a wearer\n" +
			"for each, publishes the readings with their true spacing in event time, and then says what the pipeline made\n" +
			"of them: moving against still, seated time, episodes and nudges. Event time ends when the replay ends, so a\n" +
			"fast replay's findings are stale and held back.\n\n" +
			"With --offline it needs no running sitwell: it runs the engine by itself, with the default parameters, and\n" +
			"writes what that sees in each recording as a Markdown table.",
		Example: "  sitwell replay --speed 120 recordings/*.csv\n  sitwell replay --offline recordings/*/*.csv",
		RunE: func(c *cobra.Command, args []string) error {
			if offline {
				return e.observe(args)
			}
			var err error
			if o.Org, err = schemas.ParseID(org); err != nil {
				return usage(fmt.Errorf("--org: %w", err))
			}
			o.Registrar = registrar{}
			if err := o.Validate(); err != nil {
				return usage(err)
			}
			recordings := make([]*recording.Recording, len(args))
			for i, path := range args {
				if recordings[i], err = recording.Open(path); err != nil {
					return err
				}
			}
			return e.playRecordings(c.Context(), &cl, o, recordings)
		},
	}
	f := c.Flags()
	cl.register(f)
	f.StringVar(&o.URL, "mqtt", "tcp://127.0.0.1:1883", "address of the broker")
	f.StringVar(&o.API, "api", "http://127.0.0.1:8080", "address of the running sitwell's page")
	f.Float64Var(&o.Speed, "speed", 60, "seconds of event time in a second, 0.1 to 10000")
	f.StringVar(&org, "org", "replay", "organisation of the wearers")
	f.StringVar(&o.Username, "username", "", "for the broker")
	f.StringVar(&o.Password, "password", "", "for the broker")
	f.BoolVar(&offline, "offline", false, "run the engine here and write a table of what it sees")
	return c
}

func (e *env) observe(paths []string) error {
	all := make([]observe.Observation, len(paths))
	for i, path := range paths {
		rec, err := recording.Open(path)
		if err != nil {
			return err
		}
		all[i] = observe.Recording(rec)
	}
	return observe.Write(e.out, all)
}

func (e *env) playRecordings(ctx context.Context, cl *client, o replay.Options, recordings []*recording.Recording) error {
	return cl.openRegistry(ctx, func(r *registry.Registry) error {
		if err := ensureOrg(ctx, r, o.Org); err != nil {
			return err
		}
		o.Registrar = registrar{r}
		if !cl.json && terminal(e.err) {
			bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetDescription("replaying"), progressbar.OptionSetWidth(40), progressbar.OptionShowCount())
			o.Progress = func(p replay.Progress) {
				bar.ChangeMax64(p.Total)
				_ = bar.Set64(p.Acked) // a bar that cannot be drawn is no reason to stop
			}
			defer func() { _ = bar.Finish() }()
		}
		report, err := replay.Run(ctx, o, recordings)
		if err != nil {
			return err
		}
		if cl.json {
			return e.printJSON(report)
		}
		return report.WriteTable(e.out)
	})
}
