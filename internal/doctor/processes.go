package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/app"
	"sitwell/internal/ops"
)

// How long processes have to answer; a check of readiness may take two seconds.
const (
	listenFor = 3 * time.Second
	quietFor  = 700 * time.Millisecond // after an answer: then nobody else will
)

// listen asks all processes what they are and how they are.
func (e *exam) listen(ctx context.Context) {
	inbox := e.nc.NewInbox()
	sub, err := e.nc.SubscribeSync(inbox)
	if err == nil {
		defer func() { _ = sub.Unsubscribe() }() // fails only once the connection has gone
		err = e.nc.PublishRequest(app.AboutSubject, inbox, nil)
	}
	end := time.Now().Add(listenFor)
	for err == nil && ctx.Err() == nil {
		var m *nats.Msg
		if m, err = sub.NextMsg(time.Until(end)); err != nil {
			return // roles says who has not answered
		}
		var about app.About
		if json.Unmarshal(m.Data, &about) == nil && len(about.Roles) > 0 {
			e.processes = append(e.processes, about)
		}
		if soon := time.Now().Add(quietFor); len(e.missing()) == 0 && soon.Before(end) {
			end = soon
		}
	}
}

// missing are the roles that nobody has answered for.
func (e *exam) missing() (missing []app.Role) {
	for _, r := range app.Everything() {
		if !slices.ContainsFunc(e.processes, func(p app.About) bool { return slices.Contains(p.Roles, r) }) {
			missing = append(missing, r)
		}
	}
	return missing
}

// roles says who is there.
func (e *exam) roles() {
	const check = checkProcesses
	var names []string
	for _, p := range e.processes {
		names = append(names, name(p))
	}
	slices.Sort(names)
	missing := e.missing()
	if len(missing) == 0 {
		e.say(check, OK, "", "all roles are there: %s", strings.Join(names, "; "))
		return
	}
	there := "nobody answers"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, "; ")
	}
	e.say(check, Fail, "start "+commands(missing, e.apart()), "nobody has the role %s; %s", strings.ReplaceAll(app.RoleList(missing), ",", ", "), there)
}

// lacks reports whether it was told that nobody has a role.
func (e *exam) lacks(r app.Role) bool {
	return e.failed(checkProcesses) && slices.Contains(e.missing(), r)
}

// commands are those that bring roles, each once.
func commands(roles []app.Role, apart bool) string {
	var all []string
	for _, r := range roles {
		command := "`sitwell " + string(r) + "`"
		switch r {
		case app.Broker:
			command = "`sitwell serve --roles broker`"
		case app.Record, app.Dashboard:
			command = "`sitwell dashboard`"
			if apart && r == app.Record {
				command = "`sitwell notify --influx`"
			}
		case app.Ingest, app.Detect, app.Notify:
		}
		if !slices.Contains(all, command) {
			all = append(all, command)
		}
	}
	return strings.Join(all, ", ")
}

func name(p app.About) string {
	s := app.RoleList(p.Roles)
	if p.Name != "" {
		s += " " + p.Name
	}
	return fmt.Sprintf("%s (%s, process %d)", s, p.Host, p.PID)
}

// ready says which processes are not, and why, where no check above has said it.
func (e *exam) ready() {
	for _, p := range e.processes {
		for _, c := range p.Checks {
			if e.isNews(c, p.Checks, p.Roles) {
				e.say("readiness", Fail, "see the log of that process", "%s: %s: %s", name(p), c.Name, c.Reason)
			}
		}
	}
}

// isNews reports whether a red light of readiness, among others of a process, tells what
// no check has told as a failure.
func (e *exam) isNews(c ops.Result, all []ops.Result, roles []app.Role) bool {
	starts := slices.ContainsFunc(all, func(c ops.Result) bool { return c.Name == "start" && !c.Ready })
	switch {
	case c.Ready:
		return false
	case c.Name == "start": // a process with ingest waits for its session
		return !slices.Contains(roles, app.Ingest) || !e.failed(checkSession)
	case starts: // the rest follows
		return false
	}
	switch c.Name {
	case "log":
		return !e.failed(checkLog, checkStreams, checkDisk)
	case "mqtt", "ingest": // devices are let in once ingest is there
		return !e.lacks(app.Ingest) && !e.failed(checkLog, checkSession, checkStreams, checkDisk)
	case "detection":
		return !e.lacks(app.Detect) && !e.failed(checkDetectors)
	case "store":
		return !e.failed(checkDisk, checkStore)
	}
	return true
}

// durability says what a power cut takes.
func (e *exam) durability() {
	const check = "durability"
	for _, p := range e.processes {
		switch {
		case p.Durability == "":
		case p.WindowS > 0:
			e.say(check, Warn, "serve with --durability always where that must not be",
				"%s: a power cut loses up to %g s of what devices were told is kept", p.Durability, p.WindowS)
			return
		default:
			e.say(check, OK, "", "%s: what devices were told is kept is on disk", p.Durability)
			return
		}
	}
	e.say(check, Warn, "let a process with the role broker have the log, or see that its server syncs always",
		"no process of sitwell has the log, so nobody says when it is on disk")
}

// The room on a disk below which there is trouble before long: a fifth of it at most,
// so that no disk is near its end merely because it is small.
const (
	roomWarn      = 2 << 30
	roomWarnShare = 5
	largeShare    = 20 // of a large disk, this share
)

func (e *exam) disks() {
	for _, p := range e.processes {
		if p.DiskTotal == 0 {
			continue
		}
		where := fmt.Sprintf("where %s keeps its data (%s)", app.RoleList(p.Roles), p.Data)
		soon := max(min(roomWarn, p.DiskTotal/roomWarnShare), p.DiskTotal/largeShare)
		switch err := ops.Room(p.DiskFree, p.DiskTotal); {
		case err != nil:
			e.say(checkDisk, Fail, "free some space now", "%s: %v", where, err)
		case p.DiskFree < soon:
			e.say(checkDisk, Warn, "free some space, or give the streams smaller limits: --log-limit, --broker-limit",
				"%s of %s are free %s", bytes(p.DiskFree), bytes(p.DiskTotal), where)
		default:
			e.say(checkDisk, OK, "", "%s of %s are free %s", bytes(p.DiskFree), bytes(p.DiskTotal), where)
		}
	}
}

func bytes(n int64) string {
	const step = 1024
	f, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < step {
			break
		}
		f, unit = f/step, next
	}
	if unit == "B" {
		return fmt.Sprintf("%.0f B", f)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
