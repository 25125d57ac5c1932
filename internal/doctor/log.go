package doctor

import (
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
	"sitwell/schemas"
)

// streams says how full the log is.
func (e *exam) streams(ctx context.Context) {
	const check = "streams"
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
	const check = "ingest's session"
	m, err := e.nc.RequestWithContext(ctx, ingest.SessionSubject, nil)
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

// detectors says who judges what.
func (e *exam) detectors(ctx context.Context) {
	const check = "detectors"
	t, err := app.Detectors(ctx, e.log)
	if err != nil {
		e.say(check, Fail, "start the process with the broker again; it makes what is missing", "the log does not say who judges what: %v", err)
		return
	}
	counts, orphans := map[string]int{}, 0
	for _, m := range t.Members {
		counts[m.Name] = 0
	}
	for _, owner := range t.Owners {
		if owner == "" {
			orphans++
			continue
		}
		counts[owner]++
	}
	least, most := len(t.Owners), 0
	var shares []string
	for _, m := range t.Members {
		n := counts[m.Name]
		least, most = min(least, n), max(most, n)
		label := m.Label
		if label == "" {
			label = fmt.Sprintf("process %d of %s", m.PID, m.Host)
		}
		shares = append(shares, fmt.Sprintf("%s %d", label, n))
	}
	spread := strings.Join(shares, ", ")
	switch {
	case len(t.Members) == 0:
		e.say(check, Fail, "start `sitwell detect`; it goes on where the last one was", "there is none: readings are kept and not judged")
	case orphans > 0:
		e.say(check, Fail, "wait 10 s and ask again; if it stays, start a detector again", "%d of %d partitions are nobody's: %s", orphans, len(t.Owners), spread)
	case most-least > 1:
		e.say(check, Warn, "wait 10 s and ask again", "the %d partitions are not spread evenly: %s", len(t.Owners), spread)
	default:
		e.say(check, OK, "", "%d share %d partitions: %s", len(t.Members), len(t.Owners), spread)
	}
}

// How far clocks may be apart.
const (
	apartWarn = time.Second
	apartFail = time.Minute
)

// clocks compares this machine's clock and the processes' with each other. An answer
// took less than the question and all checks, which is what the comparison is good to.
func (e *exam) clocks(ctx context.Context) {
	const check = "clocks"
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
