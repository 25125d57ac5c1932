package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/broker"
	"sitwell/internal/ops"
)

// AboutSubject is where every process of sitwell says what it is and how it is, with
// About as JSON.
const AboutSubject = "about"

// About is one process.
type About struct {
	Roles  []Role       `json:"roles"`
	Name   string       `json:"name,omitempty"`
	Host   string       `json:"host"`
	PID    int          `json:"pid"`
	Ready  bool         `json:"ready"`
	Checks []ops.Result `json:"checks"`
	Time   time.Time    `json:"time"` // by its clock

	// With the role of the broker: when what is acknowledged is on disk, and how much
	// of it a power cut may take.
	Durability string  `json:"durability,omitempty"`
	WindowS    float64 `json:"window_s,omitempty"`
	// With data of its own: its folder and the room on the folder's disk, in bytes; a
	// total of 0 is that nobody knows.
	Data      string `json:"data,omitempty"`
	DiskFree  int64  `json:"disk_free,omitempty"`
	DiskTotal int64  `json:"disk_total,omitempty"`
	// With the recorder or the dashboard: where the time series are, in words.
	Store string `json:"store,omitempty"`
	// With the recorder: messages of the log that are not stored yet.
	Lag map[string]int64 `json:"lag,omitempty"`
}

// serveAbout answers until the process stops. The checks wait for the log, so each
// answer has a goroutine; more than abouts at a time are not given.
func (a *App) serveAbout() error {
	const abouts = 4
	places := make(chan struct{}, abouts) // full: whoever asks hears nothing and asks again
	ctx, cancel := context.WithCancel(context.Background())
	sub, err := a.nc.Subscribe(AboutSubject, func(m *nats.Msg) {
		select {
		case places <- struct{}{}:
		default:
			return
		}
		go func() {
			defer func() { <-places }()
			b, err := json.Marshal(a.about(ctx))
			if err == nil {
				err = m.Respond(b)
			}
			if err != nil {
				a.o.Logger.Debug("question about this process not answered", "err", err)
			}
		}()
	})
	if err != nil {
		cancel()
		return fmt.Errorf("serve %s: %w", AboutSubject, err)
	}
	a.onStop("about", func(context.Context) error {
		cancel()
		a.gone("about", sub.Unsubscribe)
		return nil
	})
	return nil
}

func (a *App) about(ctx context.Context) About {
	host, _ := os.Hostname() // "" where the machine has no name
	results, ready := ops.Examine(ctx, a.checks())
	about := About{
		Roles: a.o.roles(), Name: a.o.Name, Host: host, PID: os.Getpid(), Ready: ready, Checks: results, Time: time.Now().UTC(),
	}
	if a.o.has(Broker) {
		d := cmp.Or(broker.Durability(a.o.Durability), broker.Always)
		about.Durability, about.WindowS = string(d), d.Window().Seconds()
	}
	if a.o.has(Record, Dashboard) {
		about.Store = a.o.where()
	}
	if a.o.keeps() {
		about.Data = a.o.Data
		if abs, err := filepath.Abs(a.o.Data); err == nil {
			about.Data = abs
		}
		about.DiskFree, about.DiskTotal, _ = ops.Disk(a.o.Data) // 0 says that it is not known
	}
	if a.o.has(Record) {
		about.Lag = a.lag()
	}
	return about
}

// lag is the recorder's own gauge.
func (a *App) lag() map[string]int64 {
	families, err := a.metrics.Gather()
	if err != nil {
		return nil
	}
	lag := map[string]int64{}
	for _, f := range families {
		if f.GetName() != "sitwell_record_lag" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() { // it has one: the stream
				lag[l.GetValue()] = int64(m.GetGauge().GetValue())
			}
		}
	}
	return lag
}
