package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

// client is how commands reach a running sitwell.
type client struct {
	url        string
	secretFile string
	json       bool
}

// usualSecret is where the secret is looked for unless told otherwise.
const usualSecret = "data/secret"

func (c *client) register(f *pflag.FlagSet) {
	f.StringVar(&c.url, "nats", "nats://127.0.0.1:4222", "address of the running sitwell's log")
	f.StringVar(&c.secretFile, "secret-file", usualSecret,
		"password of sitwell's own parts, who are let in before devices are; without it where there is no such file")
	f.BoolVar(&c.json, "json", false, "print JSON")
}

// secret is the password of sitwell's own parts, "" where it is not at hand: once
// devices are let in nobody is asked for it.
func (c *client) secret() (string, error) {
	b, err := os.ReadFile(c.secretFile)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// patience bounds the commands that ask a running sitwell something short.
const patience = 10 * time.Second

// open connects to the log. close ends the connection.
func (c *client) open(ctx context.Context) (log *bus.Bus, closeLog func(), err error) {
	url := withScheme("nats", c.url)
	secret, err := c.secret()
	if err != nil {
		return nil, nil, err
	}
	nc, err := connect(url, secret)
	if errors.Is(err, nats.ErrAuthorization) && secret != "" {
		if c.secretFile != usualSecret {
			return nil, nil, fmt.Errorf("the sitwell at %s refuses the secret in %s: give the file secret of its data folder with --secret-file", url, c.secretFile)
		}
		nc, err = connect(url, "") // the file that lies here may be of another sitwell
	}
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, nil, fmt.Errorf("the sitwell at %s lets nobody in but its own parts until ingest has its session: try again in a moment, "+
			"or give its secret with --secret-file", url)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("no sitwell answers at %s: %w; start it with `sitwell serve`, or give its address with --nats", url, err)
	}
	if log, err = bus.Attach(ctx, nc); err != nil {
		nc.Close()
		return nil, nil, err
	}
	return log, nc.Close, nil
}

// connect connects as one of sitwell's own parts, or without a name where there is no secret.
func connect(url, secret string) (*nats.Conn, error) {
	opts := []nats.Option{nats.Name("sitwell command line"), nats.Timeout(3 * time.Second)}
	if secret != "" {
		opts = append(opts, nats.UserInfo(app.User, secret))
	}
	return nats.Connect(url, opts...)
}

// withRegistry lets work use the registry of the running sitwell for a moment.
func (c *client) withRegistry(ctx context.Context, work func(ctx context.Context, r *registry.Registry) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.openRegistry(ctx, func(r *registry.Registry) error { return work(ctx, r) })
}

// openRegistry lets work use the registry of the running sitwell.
func (c *client) openRegistry(ctx context.Context, work func(r *registry.Registry) error) error {
	log, closeLog, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeLog()
	kv, err := log.KV(ctx, bus.BucketRegistry)
	if err != nil {
		return err
	}
	r, err := registry.Open(ctx, kv, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return work(r)
}

// ids parses identifiers that were typed.
func ids(args ...string) ([]schemas.ID, error) {
	all := make([]schemas.ID, len(args))
	for i, a := range args {
		id, err := schemas.ParseID(a)
		if err != nil {
			return nil, usage(err)
		}
		all[i] = id
	}
	return all, nil
}

// say prints a sentence, or with --json the value behind it.
func (e *env) say(c *client, v any, format string, args ...any) error {
	if c.json {
		return e.printJSON(v)
	}
	_, err := fmt.Fprintf(e.out, format+"\n", args...)
	return err
}

func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// table prints rows under a heading, or with --json the value behind them.
func (e *env) table(c *client, v any, none string, rows [][]string) error {
	if c.json {
		return e.printJSON(v)
	}
	if len(rows) <= 1 {
		_, err := fmt.Fprintln(e.out, none)
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
