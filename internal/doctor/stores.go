package doctor

import (
	"slices"
	"strings"

	"sitwell/internal/app"
	"sitwell/internal/ops"
)

// lagWarn is how many messages of the log may wait for the store: a minute of many wearers.
const lagWarn = 5000

// stores says whether the time series are stored and can be read, and how far they are.
func (e *exam) stores() {
	for _, p := range e.processes {
		switch {
		case e.refused(p):
		case slices.Contains(p.Roles, app.Record):
			e.lag(p)
		case slices.Contains(p.Roles, app.Dashboard):
			e.say(checkStore, OK, "", "%s, which %s reads", p.Store, name(p))
		}
	}
}

// refused says why the store of a process does not take what it should, or is not read,
// if so; one on a full disk, or of a process that still starts, is told of otherwise.
func (e *exam) refused(p app.About) bool {
	red := func(check string) int {
		return slices.IndexFunc(p.Checks, func(c ops.Result) bool { return c.Name == check && !c.Ready })
	}
	i := red("store")
	if i < 0 || red("start") >= 0 || e.failed(checkDisk) {
		return false
	}
	e.say(checkStore, Fail, "mend that; what devices sent is kept in the log for three days meanwhile", "%s, %s: %s", name(p), p.Store, p.Checks[i].Reason)
	return true
}

// apart reports whether the time series are where any process may fill them.
func (e *exam) apart() bool {
	return slices.ContainsFunc(e.processes, func(p app.About) bool { return strings.HasPrefix(p.Store, "InfluxDB") })
}

func (e *exam) lag(p app.About) {
	var worst int64
	stream := ""
	for name, n := range p.Lag {
		if n >= worst {
			worst, stream = n, name
		}
	}
	switch {
	case p.Lag == nil:
		e.say(checkStore, Warn, "see the log of that process", "%s does not say how far it is", name(p))
	case worst > lagWarn:
		e.say(checkStore, Warn, "wait if it has just started; else see the log of that process",
			"%d messages of %s are not in the store yet; the log keeps them for three days", worst, stream)
	default:
		e.say(checkStore, OK, "", "%s; at most %d messages of a stream are not in the store yet", p.Store, worst)
	}
}
