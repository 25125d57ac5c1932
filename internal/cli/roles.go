package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitwell/internal/app"
)

// roleList is a flag for roles.
type roleList struct{ value *[]app.Role }

func (r roleList) Type() string { return "string" }

func (r roleList) String() string {
	if r.value == nil {
		return ""
	}
	return app.RoleList(*r.value)
}

func (r roleList) Set(text string) (err error) {
	*r.value, err = app.ParseRoles(text)
	return err
}

// process is a command that runs some roles until it is told to stop.
type process struct {
	o    app.Options
	logs logFlags
	// settled changes the options once flags, environment and file are read; it may be nil.
	settled func(o *app.Options)
}

// common are the flags of every process. One that never has a page needs no HTTP
// address, and has no data folder whose secret it would take.
func (p *process) common(f *pflag.FlagSet) {
	f.String("config", "", "YAML file of settings")
	web, secret := "address of page and API, or of health and metrics where there is no page", "<data>/secret"
	if !slices.Contains(p.o.Roles, app.Dashboard) {
		web, secret = "address of health and metrics (default none)", usualSecret
	}
	f.StringVar(&p.o.HTTP, "http", p.o.HTTP, web)
	f.StringVar(&p.o.SecretFile, "secret-file", "", "password of sitwell's own parts (default "+secret+")")
	f.BoolVar(&p.o.InsecureListen, "insecure-listen", false,
		"allow addresses other than loopback, though nothing asks yet who reads people's posture")
	p.logs.register(f, "info")
}

// elsewhere are the flags of a process whose log is in another one.
func (p *process) elsewhere(f *pflag.FlagSet, broker bool) {
	f.StringVar(&p.o.NATS, "nats", locate("nats", p.o.NATS), "where the log is")
	if broker {
		f.StringVar(&p.o.MQTT, "broker", locate("tcp", p.o.MQTT), "where the MQTT broker is, which knows user sitwell with the secret as its password")
	}
}

func locate(scheme, addr string) string { return scheme + "://" + addr }

// runProcess starts the process, waits for its end and drains.
func (e *env) runProcess(c *cobra.Command, p *process) (err error) {
	if p.o.Logger, err = e.prepare(c.Flags(), &p.logs); err != nil {
		return err
	}
	p.o.Shorten = c.Flags().Changed("retention")
	if p.settled != nil {
		p.settled(&p.o)
	}
	a, err := app.New(p.o)
	if err != nil {
		return usage(err)
	}
	return run(c.Context(), a, func(ctx context.Context) error { return a.Wait(ctx) })
}

// role is the command of a process that has some roles and not the broker.
func (e *env) role(use, short, long string, broker bool, roles ...app.Role) (*cobra.Command, *process) {
	p := &process{o: app.Defaults()}
	p.o.Roles, p.o.HTTP = roles, ""
	c := &cobra.Command{
		Use: use, Short: short, Args: exactly(0),
		Long: long + "\n\nThe log is in another process, `sitwell serve --roles broker` with others or alone. This one waits for it, goes on\n" +
			"by itself when it comes back, and needs its secret: the file secret of its data folder. SIGINT or SIGTERM drains\n" +
			"and exits 0.",
		RunE: func(c *cobra.Command, _ []string) error { return e.runProcess(c, p) },
	}
	p.elsewhere(c.Flags(), broker)
	return c, p
}

func (e *env) ingest() *cobra.Command {
	c, p := e.role("ingest", "Take readings from an MQTT broker into the log",
		"Runs ingest alone: what devices publish at the broker is acknowledged once it is in the log.", true, app.Ingest)
	c.Example = "  sitwell ingest --nats nats://10.0.0.5:4222 --broker tcp://10.0.0.5:1883 --secret-file /etc/sitwell/secret"
	p.common(c.Flags())
	c.Flags().StringVar(&p.o.ClientID, "client-id", "", "name of the session at the broker (default the one that is kept with the log; another one needs --new-session)")
	c.Flags().BoolVar(&p.o.NewSession, "new-session", false,
		"take the name of --client-id instead of the one that is kept with the log; what the old session holds stays at the broker")
	return c
}

func (e *env) detect() *cobra.Command {
	c, p := e.role("detect", "Judge readings of the log; several share the work",
		"Runs detection alone. Detectors share the wearers evenly by themselves; when one goes, the others take over.", false, app.Detect)
	c.Example = "  sitwell detect --nats nats://10.0.0.5:4222 --name rack-2"
	p.common(c.Flags())
	c.Flags().StringVar(&p.o.Name, "name", "", "what people call this detector (default its machine and process)")
	return c
}

func (e *env) notify() *cobra.Command {
	c, p := e.role("notify", "Turn findings into nudges",
		"Runs the notifier: what detection finds becomes a nudge at the wearer's device, once. With --influx it also fills\n"+
			"the InfluxDB there from the log; one process does, and no other then has the role record.", true, app.Notify)
	c.Example = "  sitwell notify --nats nats://10.0.0.5:4222 --broker tcp://10.0.0.5:1883\n" +
		"  sitwell notify --influx http://10.0.0.6:8086 --influx-token-file /etc/sitwell/tokens"
	p.settled = func(o *app.Options) {
		if o.Influx.URL != "" {
			o.Roles = []app.Role{app.Notify, app.Record}
		}
	}
	seriesFlags(c.Flags(), &p.o)
	retentionFlag(c.Flags(), &p.o)
	p.common(c.Flags())
	return c
}

func (e *env) dashboard() *cobra.Command {
	c, p := e.role("dashboard", "Fill the store from the log, and show it: pages and API",
		"Runs recorder, page and API. With the embedded store whoever shows it also fills it. With --influx it only shows\n"+
			"what is in the InfluxDB there, and `sitwell notify --influx` fills it.", false, app.Record, app.Dashboard)
	c.Example = "  sitwell dashboard --nats nats://10.0.0.5:4222 --data /var/lib/sitwell --http 127.0.0.1:8080\n" +
		"  sitwell dashboard --influx http://10.0.0.6:8086 --influx-token-file /etc/sitwell/tokens"
	p.settled = func(o *app.Options) {
		if o.Influx.URL != "" {
			o.Roles = []app.Role{app.Dashboard}
		}
	}
	seriesFlags(c.Flags(), &p.o)
	retentionFlag(c.Flags(), &p.o)
	p.o.HTTP = app.Defaults().HTTP
	p.common(c.Flags())
	c.Flags().StringVar(&p.o.Data, "data", p.o.Data, "folder of the store")
	return c
}
