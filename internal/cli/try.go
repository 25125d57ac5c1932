package cli

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"sitwell/internal/app"
	"sitwell/internal/demo"
)

func (e *env) demo() *cobra.Command {
	o := demo.Options{App: app.Defaults()}
	o.App.Data = ""
	var logs logFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "demo", Short: "Run everything with a simulated office of 60 wearers", Args: exactly(0),
		Long: "Runs all of sitwell in one process and plays an office: 60 wearers in 4 teams, each a real MQTT client,\n" +
			"14 days of history through the same pipeline, then live at 2 readings a second. In the first minutes somebody\n" +
			"leans, is nudged and straightens; somebody has sat for 30 minutes and is prompted; somebody gets up\n" +
			"unprompted; a device comes back with a buffer. No threshold is changed. Ports in use are replaced by free\n" +
			"ones. Ctrl-C drains and exits 0.",
		Example: "  sitwell demo\n  sitwell demo --data ./demo-data --seed 7",
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Logger, err = e.prepare(c.Flags(), &logs); err != nil {
				return err
			}
			o.App.Logger = o.Logger
			check := o.App
			check.Data = "temporary"
			if err := check.Validate(); err != nil {
				return usage(fmt.Errorf("settings: %w", err))
			}
			o.Console = demo.NewConsole(e.out, asJSON, terminal(e.out))
			return demo.Run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.App.Data, "data", "", "folder to keep the data in; a temporary one, removed at the end, where it is left out")
	addresses(f, &o.App)
	f.Uint64Var(&o.Seed, "seed", 1, "another seed plays another office")
	f.BoolVar(&asJSON, "json", false, "print events as JSON lines")
	logs.register(f, "warn")
	return c
}

// terminal reports whether a person watches.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
