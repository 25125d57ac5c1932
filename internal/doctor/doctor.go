// Package doctor looks at a running sitwell, in one process or in many, and says what
// is well, what will not be for long, and what is wrong, each with what to do.
//
// Run asks the log, the processes that answer there (app.About), ingest's session, what is
// kept for other sessions, the detectors' leases and, where asked to, an MQTT broker and a page. It changes nothing but for a
// session and topics of its own at the MQTT broker, which it removes. Each
// question is bounded, so that a sitwell in trouble is still looked at in less than a
// minute.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/ingest"
	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/ops"
)

// State is what a check came to.
type State string

// The states.
const (
	OK   State = "ok"
	Warn State = "warn" // it works, and will not for long, or promises less than it could
	Fail State = "FAIL"
)

// Finding is one line of the answer.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do about it
}

// Options are what to look at.
type Options struct {
	NATS   string // URL of the log
	Secret string // password of sitwell's own parts; "" connects without
	Broker string // URL of an MQTT broker to be tried out, "" for none
	Page   string // URL of the page, "" for none
	Logger *slog.Logger
}

// bounds of one question and of trying out a broker.
const (
	askWait    = 5 * time.Second
	brokerWait = 40 * time.Second
)

// The checks that others follow from.
const (
	checkLog       = "log"
	checkProcesses = "processes"
	checkStreams   = "streams"
	checkDisk      = "disk"
	checkStore     = "store"
	checkSession   = "ingest's session"
	checkDetectors = "detectors"
	checkBroker    = "MQTT broker"
)

// exam is a look at one sitwell.
type exam struct {
	o         Options
	nc        *nats.Conn
	log       *bus.Bus
	processes []app.About
	findings  []Finding
	// unauthorised says that an MQTT broker refuses ingest, which was told.
	unauthorised bool
}

// Run looks at everything and says what it found, in a fixed order.
func Run(ctx context.Context, o Options) []Finding {
	e := &exam{o: o}
	if e.connect(ctx) {
		defer e.nc.Close()
		e.listen(ctx)
		e.roles()
		e.durability()
		e.streams(ctx)
		e.disks()
		e.session(ctx)
		e.others(ctx)
		e.detectors(ctx)
		e.stores()
		e.clocks(ctx)
	}
	if o.Broker != "" {
		e.broker(ctx)
	}
	e.ready() // last, as the page: what is said above is not said again
	if o.Page != "" {
		e.page(ctx)
	}
	return e.findings
}

// failed reports whether one of some checks has found something wrong: what follows from
// that is not told as another failure.
func (e *exam) failed(checks ...string) bool {
	return slices.ContainsFunc(e.findings, func(f Finding) bool { return f.State == Fail && slices.Contains(checks, f.Check) })
}

// Failed reports whether something is wrong.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.State == Fail {
			return true
		}
	}
	return false
}

func (e *exam) say(check string, s State, do, format string, args ...any) {
	e.findings = append(e.findings, Finding{Check: check, State: s, Says: fmt.Sprintf(format, args...), Do: do})
}

// connect reports whether there is a log to look at.
func (e *exam) connect(ctx context.Context) bool {
	const check = checkLog
	opts := []nats.Option{nats.Name("sitwell doctor"), nats.Timeout(askWait)}
	if e.o.Secret != "" {
		opts = append(opts, nats.UserInfo(app.User, e.o.Secret))
	}
	var err error
	e.nc, err = nats.Connect(e.o.NATS, opts...)
	switch {
	case errors.Is(err, nats.ErrAuthorization) && e.o.Secret != "":
		e.say(check, Fail, "give the secret of the process with the broker, the file secret of its data folder, with --secret-file",
			"the log at %s refuses this secret of user %s", e.o.NATS, app.User)
		return false
	case errors.Is(err, nats.ErrAuthorization):
		e.say(check, Fail, "give the secret of the process with the broker with --secret-file",
			"the log at %s lets nobody in but sitwell's own parts now", e.o.NATS)
		return false
	case err != nil:
		e.say(check, Fail, "start `sitwell serve`, or give the address of its log with --nats", "no log answers at %s: %v", e.o.NATS, err)
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	began := time.Now()
	if e.log, err = bus.Attach(ctx, e.nc); err != nil {
		e.nc.Close()
		e.say(check, Fail, "start `sitwell serve` with the role broker on it; it makes the streams", "%s is no log of sitwell: %v", e.o.NATS, err)
		return false
	}
	e.say(check, OK, "", "%s answers in %s, with %d partitions", e.o.NATS, time.Since(began).Round(100*time.Microsecond), e.log.Partitions())
	return true
}

// broker tries out whether an MQTT broker keeps what ingest relies on.
func (e *exam) broker(ctx context.Context) {
	const check = checkBroker
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	o := ingest.SessionOptions{URL: e.o.Broker, Logger: e.o.Logger}
	if e.o.Secret != "" {
		o.Username, o.Password = app.User, e.o.Secret
	}
	switch err := ingest.CheckBroker(ctx, o); {
	case errors.Is(err, ops.ErrUnauthorised) && e.unauthorised: // ingest's session has said so
		return
	case errors.Is(err, ops.ErrUnauthorised):
		e.say(check, Fail, ops.ErrUnauthorised.Error(), "%s refuses user %s with this secret: not authorised", e.o.Broker, app.User)
		return
	case err != nil:
		e.say(check, Fail, "see deploy/mosquitto.conf for settings that keep the promise", "%v", err)
		return
	}
	e.say(check, OK, "", "%s keeps a session and its messages while ingest is away", e.o.Broker)
}
