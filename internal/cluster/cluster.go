package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"sitwell/internal/app"
)

// Options of a cluster.
type Options struct {
	// Command is the executable and its leading arguments, to which those of the
	// command line of sitwell are appended.
	Command []string
	// Env is added to the environment of the children, of which settings of sitwell
	// (SITWELL_...) are taken away.
	Env []string
	// Dir is the folder of all data: the broker's in broker, the store's in store.
	Dir        string
	Detectors  int       // 2 by default
	Durability string    // always by default
	Output     io.Writer // gets what the children print, each line behind its part's name; may be nil
	Logger     *slog.Logger
}

// The names of the parts; detectors are detect-1 and so on.
const (
	Broker    = "broker"
	Ingest    = "ingest"
	Notify    = "notify"
	Dashboard = "dashboard"
)

// user is who sitwell's own parts are to the log and to the MQTT broker.
const user = "sitwell"

// Cluster is running parts.
type Cluster struct {
	o                Options
	http, mqtt, nats string // host:port
	parts            []*Part
	out              *output
}

// Start starts a broker, an ingest, detectors, a notifier and a dashboard, and
// waits until all are ready. After an error nothing is left running.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Detectors == 0 {
		o.Detectors = 2
	}
	if o.Durability == "" {
		o.Durability = "always"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Command) == 0 || o.Dir == "" {
		return nil, errors.New("start cluster: no command, or no folder")
	}
	c := &Cluster{o: o, out: &output{to: o.Output}}
	if err := c.plan(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	err := c.start(ctx)
	if err == nil {
		err = c.Ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start cluster: %w", err), c.killAll())
	}
	return c, nil
}

// plan decides on addresses and command lines. Every part has an address of its
// own where it says whether it is ready.
func (c *Cluster) plan() error {
	ports, err := freePorts(c.o.Detectors + 6)
	if err != nil {
		return err
	}
	next := func() string {
		addr := ports[0]
		ports = ports[1:]
		return addr
	}
	c.mqtt, c.nats = next(), next()
	secret := []string{"--secret-file", c.secretFile()}
	log := append([]string{"--nats", c.NATS()}, secret...)
	devices := []string{"--broker", c.MQTT()}
	add := func(name, command string, args ...[]string) string {
		p := &Part{o: &c.o, name: name, http: next(), out: c.out}
		p.args = []string{command, "--http", p.http}
		for _, a := range args {
			p.args = append(p.args, a...)
		}
		c.parts = append(c.parts, p)
		return p.http
	}
	add(Broker, "serve", []string{
		"--roles", "broker", "--data", filepath.Join(c.o.Dir, "broker"), "--mqtt", c.mqtt, "--nats", c.nats, "--durability", c.o.Durability,
	})
	add(Ingest, "ingest", log, devices)
	for i := range c.o.Detectors {
		name := fmt.Sprintf("detect-%d", i+1)
		add(name, "detect", log, []string{"--name", name})
	}
	add(Notify, "notify", log, devices)
	c.http = add(Dashboard, "dashboard", log, []string{"--data", filepath.Join(c.o.Dir, "store")})
	return nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return err
	}
	for _, p := range c.parts {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Parts are all parts: the broker first, the dashboard last.
func (c *Cluster) Parts() []*Part { return c.parts }

// Part is the part of a name, nil if there is none.
func (c *Cluster) Part(name string) *Part {
	for _, p := range c.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// HTTP is the address of the page and the API, http://host:port.
func (c *Cluster) HTTP() string { return "http://" + c.http }

// MQTT is the address for devices, tcp://host:port.
func (c *Cluster) MQTT() string { return "tcp://" + c.mqtt }

// NATS is the address of the log, nats://host:port.
func (c *Cluster) NATS() string { return "nats://" + c.nats }

func (c *Cluster) secretFile() string { return filepath.Join(c.o.Dir, "broker", "secret") }

// Secret is the password of sitwell's own parts, "" before the broker has made it.
func (c *Cluster) Secret() string {
	b, err := os.ReadFile(c.secretFile())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Ready waits until every part says that it is ready. A part that does not run
// is an error at once.
func (c *Cluster) Ready(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	for _, p := range c.parts {
		group.Go(func() error { return p.Ready(inner) })
	}
	return group.Wait()
}

// Connect connects to the log as one of sitwell's own parts.
func (c *Cluster) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect(c.NATS(), nats.Name("sitwell cluster"), nats.UserInfo(user, c.Secret()),
		nats.MaxReconnects(-1), nats.ReconnectWait(retryEvery))
	if err != nil {
		return nil, fmt.Errorf("connect to the log of the cluster: %w", err)
	}
	return nc, nil
}

// retryEvery is the pause between two questions to a part that may not be there.
const retryEvery = 100 * time.Millisecond

// askLimit bounds one question to settle, which waits on its own side.
const askLimit = 2 * time.Minute

// Settle waits until everything that was acknowledged so far is in the log,
// judged and stored, and says what the store holds. It asks until ctx ends.
func (c *Cluster) Settle(ctx context.Context) (app.Settled, error) {
	nc, err := c.Connect()
	if err != nil {
		return app.Settled{}, err
	}
	defer nc.Close()
	for {
		s, err := settle(ctx, nc)
		if err == nil {
			return s, nil
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return app.Settled{}, fmt.Errorf("settle: %w", err)
		}
	}
}

func settle(ctx context.Context, nc *nats.Conn) (s app.Settled, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, app.SettleSubject, nil)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(m.Data, &s); err != nil {
		return s, err
	}
	if s.Error != "" {
		return s, errors.New(s.Error)
	}
	return s, nil
}

// Stop asks the parts to end, the broker last, and waits. A part that does not end
// with exit code 0 is an error; what runs still when ctx ends is killed.
func (c *Cluster) Stop(ctx context.Context) error {
	var group errgroup.Group
	errs := make([]error, len(c.parts))
	for i, p := range c.parts[1:] {
		group.Go(func() error { errs[i+1] = p.Stop(ctx); return nil })
	}
	_ = group.Wait()
	errs[0] = c.parts[0].Stop(ctx)
	return errors.Join(errs...)
}

func (c *Cluster) killAll() error {
	var errs []error
	for _, p := range c.parts {
		if p.Running() {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(errs...)
}
