package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/ingest"
	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/lease"
	"sitwell/internal/ops"
	"sitwell/schemas"
)

// streams says how full the log is.
func (e *exam) streams(ctx context.Context) {
	const check = checkStreams
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	all, err := e.log.Usage(ctx)
	if err != nil {
		e.say(check, Fail, "see the log of the process with the broker", "the log does not say how full it is: %v", err)
		return
	}
	var unlimited []string
	fullest := bus.Usage{}
	near := false
	for _, u := range all {
		switch {
		case u.Stream == schemas.StreamQuarantine: // lets its oldest go
		case u.Limit == 0:
			unlimited = append(unlimited, u.Stream)
		case app.Full(u):
			near = true
			e.say(check, Fail, "serve with a larger --log-limit or --broker-limit; until then devices keep what they have",
				"%s is full: %s of %s", u.Stream, bytes(u.Bytes), bytes(u.Limit))
		case u.Share() >= bus.AlarmFrom:
			near = true
			e.say(check, Warn, "serve with a larger --log-limit or --broker-limit, or see why it is not read",
				"%s uses %.0f %% of its %s", u.Stream, 100*u.Share(), bytes(u.Limit))
		case u.Share() >= fullest.Share():
			fullest = u
		}
	}
	if len(unlimited) > 0 {
		e.say(check, Warn, "start the process with the broker again; it sets the limits", "%s have no limit", strings.Join(unlimited, ", "))
	}
	if !near {
		e.say(check, OK, "", "%d, the fullest is %s with %.1f %% of %s", len(all), fullest.Stream, 100*fullest.Share(), bytes(fullest.Limit))
	}
}

// session asks every ingest about its session with the MQTT broker.
func (e *exam) session(ctx context.Context) {
	const check = checkSession
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	m, err := e.nc.RequestWithContext(ctx, ingest.SessionSubject, nil)
	if errors.Is(err, nats.ErrNoResponders) && e.lacks(app.Ingest) {
		return // that nobody has the role says it
	}
	if err != nil {
		if errors.Is(err, nats.ErrNoResponders) {
			err = errors.New("nobody answers")
		}
		e.say(check, Fail, "start `sitwell ingest`, or `sitwell serve` with that role", "no process takes what devices publish: %v", err)
		return
	}
	var s ingest.SessionState
	switch err := json.Unmarshal(m.Data, &s); {
	case err != nil:
		e.say(check, Fail, "run one version of sitwell everywhere", "ingest's answer cannot be read: %v", err)
	case s.Unauthorised:
		e.unauthorised = true
		e.say(check, Fail, ops.ErrUnauthorised.Error(), "the MQTT broker refuses ingest: not authorised")
	case !s.Connected && e.failed(checkStreams, checkDisk): // on purpose, until the log takes messages
	case !s.Connected || !s.Subscribed:
		e.say(check, Fail, "see that the broker runs and lets ingest read sitwell/#; it keeps what devices publish meanwhile",
			"ingest has had no connection or subscription at the MQTT broker since %s: %s", s.Since.Format(time.TimeOnly), s.Error)
	case s.Lost > 0:
		e.say(check, Warn, "try the broker out with --broker: it has to keep sessions",
			"the MQTT broker has forgotten ingest's session %d times since ingest was started; what it had acknowledged and not handed over is lost", s.Lost)
	default:
		e.say(check, OK, "", "connected and subscribed since %s", s.Since.Format(time.TimeOnly))
	}
}

// settleWait is how long detectors have to share the work: a takeover takes less.
const settleWait = 12 * time.Second

// detectors says who judges what. While they are sharing out it waits.
func (e *exam) detectors(ctx context.Context) {
	const check = checkDetectors
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var s shares
	for {
		t, err := app.Detectors(ctx, e.log)
		if err == nil {
			s = share(t)
		} else if s.members == 0 {
			e.say(check, Fail, "start the process with the broker again; it makes what is missing", "the log does not say who judges what: %v", err)
			return
		}
		if s.settled() || s.members == 0 {
			break
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		break
	}
	switch {
	case s.members == 0 && e.lacks(app.Detect): // that nobody has the role says it
	case s.members == 0:
		e.say(check, Fail, "start `sitwell detect`; it goes on where the last one was", "there is none: readings are kept and not judged")
	case s.orphans > 0:
		e.say(check, Fail, "see the log of the detectors, and start one again", "%d of %d partitions are nobody's: %s", s.orphans, s.partitions, s.text)
	case !s.settled():
		e.say(check, Warn, "wait 10 s and ask again", "the %d partitions are not spread evenly: %s", s.partitions, s.text)
	default:
		e.say(check, OK, "", "%d share %d partitions: %s", s.members, s.partitions, s.text)
	}
}

// shares is how the partitions are spread.
type shares struct {
	members, partitions, orphans int
	least, most                  int // of a member
	text                         string
}

// settled reports whether everything has an owner and nobody much more than another.
func (s shares) settled() bool { return s.members > 0 && s.orphans == 0 && s.most-s.least <= 1 }

func share(t lease.Table) shares {
	s := shares{members: len(t.Members), partitions: len(t.Owners), least: len(t.Owners)}
	counts := map[string]int{}
	for _, owner := range t.Owners {
		counts[owner]++
	}
	s.orphans = counts[""]
	var all []string
	for _, m := range t.Members {
		n := counts[m.Name]
		s.least, s.most = min(s.least, n), max(s.most, n)
		all = append(all, fmt.Sprintf("%s %d", cmp.Or(m.Label, fmt.Sprintf("process %d of %s", m.PID, m.Host)), n))
	}
	s.text = strings.Join(all, ", ")
	return s
}

// How far clocks may be apart.
const (
	apartWarn = time.Second
	apartFail = time.Minute
)

// clocks compares this machine's clock with the log's, as well as the time that the
// answer took lets it.
func (e *exam) clocks(ctx context.Context) {
	const check = "clocks"
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	before := time.Now()
	kv, err := e.log.KV(ctx, bus.BucketCheckpoints)
	if err != nil {
		e.say(check, Fail, "start the process with the broker again", "the log does not tell its time: %v", err)
		return
	}
	server, err := serverTime(ctx, kv)
	took := time.Since(before)
	if err != nil {
		e.say(check, Fail, "see the log of the process with the broker", "the log does not tell its time: %v", err)
		return
	}
	apart := server.Sub(before.Add(took / 2)).Abs()
	says := fmt.Sprintf("this machine and the log are %s apart, measured to %s", apart.Round(time.Millisecond), took.Round(time.Millisecond))
	switch {
	case apart-took > apartFail:
		e.say(check, Fail, "set the clocks by NTP: readings are refused by the clock of the machine that takes them", "%s", says)
	case apart-took > apartWarn:
		e.say(check, Warn, "set the clocks by NTP", "%s", says)
	default:
		e.say(check, OK, "", "%s", says)
	}
}
