package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitwell/internal/app"
	"sitwell/internal/demo"
)

func (e *env) demo() *cobra.Command {
	o := demo.Options{App: app.Defaults()}
	o.App.Data = ""
	var logs logFlags
	var asJSON, chaos bool
	var chaosFor time.Duration
	c := &cobra.Command{
		Use: "demo", Short: "Run everything with a simulated office of 60 wearers", Args: exactly(0),
		Long: "Runs all of sitwell in one process and plays an office: 60 wearers in 4 teams, each a real MQTT client,\n" +
			"14 days of history through the same pipeline, then live at 2 readings a second. In the first minutes somebody\n" +
			"leans, is nudged and straightens; somebody has sat for 30 minutes and is prompted; somebody gets up\n" +
			"unprompted; a device comes back with a buffer. No threshold is changed. Ports in use are replaced by free\n" +
			"ones. Ctrl-C drains and exits 0.\n\n" +
			"With --influx the time series are in an InfluxDB 2; in the end what Flux reads back from there is counted beside\n" +
			"what devices were acknowledged.\n\n" +
			"With --chaos its parts are processes of their own, which are killed with -9 and started again, at random, while\n" +
			"the devices send. In the end all that devices were told is kept is compared with what is stored, what was found\n" +
			"and who was nudged. It exits 1 if anything is lost or doubled, or too little happened to say so.",
		Example: "  sitwell demo\n  sitwell demo --influx http://127.0.0.1:8086 --influx-token-file token\n  sitwell demo --data ./demo-data --seed 7\n  sitwell demo --chaos --for 2m",
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Logger, err = e.prepare(c.Flags(), &logs); err != nil {
				return err
			}
			o.App.Logger = o.Logger
			if err := chaosFlags(c.Flags(), chaos); err != nil {
				return usage(err)
			}
			check := o.App
			check.Data = "temporary"
			if err := check.Validate(); err != nil {
				return usage(fmt.Errorf("settings: %w", err))
			}
			o.Console = demo.NewConsole(e.out, asJSON, terminal(e.out))
			exe, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own executable: %w", err)
			}
			if chaos {
				return demo.Chaos(c.Context(), demo.ChaosOptions{
					Command: []string{exe}, Data: o.App.Data, For: chaosFor, Seed: o.Seed, Console: o.Console, Logger: o.Logger,
				})
			}
			keys, restore := demo.Keys(os.Stdin)
			defer restore()
			context.AfterFunc(c.Context(), restore) // a second Ctrl-C ends at once
			o.Keys, o.Command, o.Said = keys, []string{exe}, e.err
			return demo.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.App.Data, "data", "", "folder to keep the data in; a temporary one, removed at the end, where it is left out")
	addresses(f, &o.App)
	seriesFlags(f, &o.App)
	f.Uint64Var(&o.Seed, "seed", 1, "another seed plays another office")
	f.BoolVar(&asJSON, "json", false, "print events as JSON lines")
	f.BoolVar(&chaos, "chaos", false, "kill parts at random and prove that nothing is lost; ports are chosen freely")
	f.DurationVar(&chaosFor, "for", time.Minute, "how long --chaos kills")
	logs.register(f, "warn")
	return c
}

// chaosFlags says which flags do not go together: processes that are killed get
// addresses of their own, which nobody else may have in between.
func chaosFlags(f *pflag.FlagSet, chaos bool) error {
	if !chaos {
		if f.Changed("for") {
			return errors.New("--for: it is how long --chaos kills; give --chaos, too")
		}
		return nil
	}
	if f.Changed("influx") {
		return errors.New("--influx: --chaos kills what fills the embedded store; leave one of the two out")
	}
	for _, name := range []string{"http", "mqtt", "nats"} {
		if f.Changed(name) {
			return fmt.Errorf("--%s: with --chaos the addresses are chosen freely; the first lines say which", name)
		}
	}
	if d, err := f.GetDuration("for"); err != nil || d <= 0 || d > 24*time.Hour {
		return errors.New("--for: above 0 and at most 24h")
	}
	return nil
}

// terminal reports whether a person watches.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
