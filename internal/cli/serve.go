package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitwell/internal/app"
	"sitwell/internal/ops"
)

// The least of the limits: with less, what sitwell keeps for itself, such as sessions
// and packs of readings on their way, would fill them.
const (
	leastLog    = 64 << 20
	leastBroker = 16 << 20
)

// stopWait is how long a drain may take.
const stopWait = 10 * time.Second

// logFlags are how the log lines look.
type logFlags struct{ level, format string }

func (l *logFlags) register(f *pflag.FlagSet, level string) {
	l.level, l.format = level, "text"
	f.Var(oneOf{&l.level, []string{"debug", "info", "warn", "error"}}, "log-level", "debug, info, warn or error")
	f.Var(oneOf{&l.format, []string{"text", "json"}}, "log-format", "text or json")
}

// prepare completes a command's flags and makes its logger.
func (e *env) prepare(f *pflag.FlagSet, l *logFlags) (*slog.Logger, error) {
	if err := configure(f); err != nil {
		return nil, err
	}
	log, err := ops.Logger(e.err, l.level, l.format)
	return log, usage(err)
}

func addresses(f *pflag.FlagSet, o *app.Options) {
	f.StringVar(&o.HTTP, "http", o.HTTP, "address of the page and the API")
	f.StringVar(&o.MQTT, "mqtt", o.MQTT, "address for devices")
	f.StringVar(&o.NATS, "nats", o.NATS, "address for the sitwell command line")
}

func (e *env) serve() *cobra.Command {
	p := &process{o: app.Defaults()}
	p.o.Roles = app.Everything()
	c := &cobra.Command{
		Use: "serve", Short: "Run everything in one process, for real devices", Args: exactly(0),
		Long: "Runs the broker, ingest, detection, notifier, store and page in one process, or some of them with --roles. Data\n" +
			"survives a restart. Register organisations, wearers and devices with `sitwell org`, `wearer` and `device`.\n\n" +
			"Each flag may stand in the configuration file under its name, and in the environment as SITWELL_ and its\n" +
			"name in capitals with _ for -, such as SITWELL_DATA. SIGINT or SIGTERM drains and exits 0; a second one ends\n" +
			"at once, which loses nothing either.\n\n" +
			"With durability always each reading is on disk before its device is told so. With interval the disk is told every\n" +
			"second: faster, and a power cut loses up to that much of what devices were told is kept.\n\n" +
			"Behind a broker of your own, such as Mosquitto with deploy/mosquitto.conf, --mqtt none leaves the MQTT listener\n" +
			"out, and --broker says where that broker is. It has to know user sitwell with the password in <data>/secret:\n" +
			"mosquitto_passwd -b FILE sitwell \"$(cat data/secret)\".\n\n" +
			"The time series are in the data folder, or with --influx in an InfluxDB 2, whose buckets and tokens `sitwell series\n" +
			"setup` makes. Then the process that fills it and the one that shows it may be apart.",
		Example: "  sitwell serve --data /var/lib/sitwell\n  sitwell serve --config /etc/sitwell.yml\n" +
			"  sitwell serve --roles broker,record,dashboard    # and ingest, detect, notify as processes of their own\n" +
			"  sitwell serve --mqtt none --broker tcp://127.0.0.1:1883\n" +
			"  sitwell serve --influx http://127.0.0.1:8086 --influx-token-file tokens",
		RunE: func(c *cobra.Command, _ []string) error { return e.runProcess(c, p) },
	}
	f := c.Flags()
	f.StringVar(&p.o.Data, "data", p.o.Data, "folder of the log and the store")
	f.StringVar(&p.o.MQTT, "mqtt", p.o.MQTT, "address for devices, none for no MQTT listener (another broker has them); without the role broker, where that is")
	f.StringVar(&p.o.Broker, "broker", "", "where the other MQTT broker is, for ingest and notify of this process with --mqtt none")
	f.StringVar(&p.o.NATS, "nats", p.o.NATS, "address for the sitwell command line; without the role broker, where the log is")
	f.Var(roleList{&p.o.Roles}, "roles", "what this process does")
	f.Var(oneOf{&p.o.Durability, []string{"always", "interval"}}, "durability", "when what is acknowledged is on disk: always or interval")
	f.Var(size{&p.o.LogLimit, leastLog}, "log-limit", "most that the log of readings may take on disk, 64MiB or more")
	f.Var(size{&p.o.BrokerLimit, leastBroker}, "broker-limit", "most that may wait at the broker for ingest, 16MiB or more")
	seriesFlags(f, &p.o)
	retentionFlag(f, &p.o)
	p.common(f)
	return c
}

// run starts an app, does the work and drains.
func run(ctx context.Context, a *app.App, work func(ctx context.Context) error) error {
	if err := a.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while it was starting
		}
		return err
	}
	err := work(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait)
	defer cancel()
	return errors.Join(err, a.Stop(stop))
}

func (e *env) health() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use: "health", Short: "Ask a running sitwell whether it is ready; exits 1 if not", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
			if err != nil {
				return usage(fmt.Errorf("--url: %w", err))
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return fmt.Errorf("ask for health: %w", err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			if err != nil {
				return fmt.Errorf("ask for health: %w", err)
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", body)
			}
			_, err = fmt.Fprintln(e.out, "ready")
			return err
		},
	}
	c.Flags().StringVar(&url, "url", "http://127.0.0.1:8080", "address of the page")
	return c
}
