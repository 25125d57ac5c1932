package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/internal/ops"
	"sitwell/schemas"
)

// checks are what /readyz asks of this process. Who shows the page looks at the whole:
// also at ingest and detection in other processes. The others look at themselves, or
// parts that wait for one another would never be let in by whoever asks for readiness.
func (a *App) checks() []ops.Check {
	checks := []ops.Check{{Name: "start", Check: a.checkStart}, {Name: "parts", Check: a.parts.check}, {Name: "log", Check: a.afterStart(a.checkLog)}}
	if a.o.listensMQTT() || a.o.has(Ingest) {
		checks = append(checks, ops.Check{Name: "mqtt", Check: a.checkMQTT})
	}
	if a.o.has(Record, Dashboard) {
		checks = append(checks, ops.Check{Name: "store", Check: a.afterStart(a.checkStore)})
	}
	if a.o.has(Dashboard) {
		checks = append(checks, ops.Check{Name: "detection", Check: a.checkDetection})
		if !a.o.has(Ingest) {
			checks = append(checks, ops.Check{Name: "ingest", Check: a.afterStart(a.checkIngest)})
		}
	}
	return checks
}

func (a *App) checkStart(context.Context) error {
	switch {
	case a.leaving.Load():
		return errors.New("this process is stopping")
	case !a.started.Load():
		return errors.New("this process is still starting; its log says what it waits for")
	}
	return nil
}

// afterStart is a check that needs what the start brings.
func (a *App) afterStart(check func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if !a.started.Load() {
			return errors.New("this process is still starting")
		}
		return check(ctx)
	}
}

func (a *App) checkLog(ctx context.Context) error {
	if a.broker != nil {
		if free, total, err := ops.Disk(a.o.Data); err == nil {
			if err := ops.Room(free, total); err != nil {
				return fmt.Errorf("the disk of the log is %w", err)
			}
		}
		if err := a.broker.Health(); err != nil {
			return err
		}
	}
	if !a.nc.IsConnected() {
		return errors.New("there is no connection to the log")
	}
	if err := a.bus.Probe(ctx); err != nil {
		return errors.New("the log does not take messages; is its disk full?")
	}
	if a.broker == nil {
		return nil
	}
	full, err := a.usage.full(ctx, a.bus)
	if err != nil {
		return errors.New("the log does not say how full it is")
	}
	if full != "" {
		return fmt.Errorf("%s of the log is at its limit and takes nothing more; devices keep what they have. "+
			"Give it more with --log-limit or --broker-limit, or wait until its oldest go", full)
	}
	return nil
}

// usage remembers for a moment how full the log is: readiness is asked often.
type usage struct {
	mu   sync.Mutex // guards what follows, and lets one ask at a time
	at   time.Time
	what string
}

const usageFor = 2 * time.Second

// full names a stream that is at its limit, "" if there is none.
func (u *usage) full(ctx context.Context, log *bus.Bus) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.at) < usageFor {
		return u.what, nil
	}
	all, err := log.Usage(ctx)
	if err != nil {
		return "", err
	}
	u.at, u.what = time.Now(), ""
	for _, s := range all {
		if Full(s) {
			u.what = s.Stream
			return u.what, nil
		}
	}
	return "", nil
}

// Full reports whether a stream takes no more: the next message is up to a pack of
// readings large. Quarantine is never full: it lets its oldest go.
func Full(s bus.Usage) bool {
	const pack = 40 << 10
	return s.Stream != schemas.StreamQuarantine && s.Limit > 0 && s.Limit-s.Bytes < max(pack, s.Limit/200)
}

func (a *App) checkMQTT(context.Context) error {
	if a.o.has(Ingest) {
		session := a.session.Load()
		if session == nil {
			return errors.New("ingest has no session with the MQTT broker yet")
		}
		if err := fit(session.State()); err != nil {
			return err
		}
	}
	if a.o.listensMQTT() && !a.admitted() {
		return errors.New("devices are let in once ingest's session exists and what they sent earlier is taken")
	}
	return nil
}

// fit reports whether a session takes what devices publish.
func fit(s ingest.SessionState) error {
	switch {
	case !s.Connected:
		return errors.New("ingest is not connected to the MQTT broker; the broker keeps what devices publish")
	case !s.Subscribed:
		return errors.New("ingest is connected to the MQTT broker and has no subscription there; what devices publish may be lost")
	}
	return nil
}

// checkIngest asks ingest in another process.
func (a *App) checkIngest(ctx context.Context) error {
	m, err := a.nc.RequestWithContext(ctx, ingest.SessionSubject, nil)
	if err != nil {
		return errors.New("no process with the role ingest answers; the broker keeps what devices publish")
	}
	var state ingest.SessionState
	if err := json.Unmarshal(m.Data, &state); err != nil {
		return errors.New("ingest's answer cannot be read; is it of another version?")
	}
	return fit(state)
}

// orphanFor is how long a partition may be without a detector: a takeover takes less.
const orphanFor = 15 * time.Second

func (a *App) checkDetection(context.Context) error {
	if n := a.orphans.over(orphanFor, time.Now()); n > 0 {
		return fmt.Errorf("%d partitions of the log have had no detector for over %s; is a process with the role detect running?", n, orphanFor)
	}
	return nil
}
