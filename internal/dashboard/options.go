package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/detect"
	"sitwell/internal/auth"
	"sitwell/internal/hindsight"
	"sitwell/internal/office"
	"sitwell/internal/ops"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

// Store gives one wearer's data, and of whom there is any; see series.Store for what each
// method promises.
type Store interface {
	series.Reader

	Wearers(ctx context.Context, each func(series.Extent) error) error
}

// Registry gives who there is. The lists come ordered by id.
type Registry interface {
	Orgs() []registry.Org
	Org(id schemas.ID) (registry.Org, bool)
	Teams(org schemas.ID) []registry.Team
	Wearers(org schemas.ID) []registry.Wearer
	Wearer(org, id schemas.ID) (registry.Wearer, bool)
}

// Hindsight judges stored readings again; see hindsight.Hindsight for what each
// method promises.
type Hindsight interface {
	Postures(ctx context.Context, q series.Query, each func(detect.Posture) error) error
	Backtest(ctx context.Context, q series.Query, rules map[string]string, progress hindsight.Progress) (hindsight.Backtest, error)
	Find(ctx context.Context, org schemas.ID, id string) (findings []schemas.Finding, which int, err error)
	Explain(ctx context.Context, findings []schemas.Finding, which int) (hindsight.Explanation, error)
}

// Rules gives the parameters that a wearer is judged by at an event time, and
// where each of them comes from. A zero team is none.
type Rules interface {
	Effective(org, team, wearer schemas.ID, at time.Time) tuning.Effective
}

// Live gives what happens to a wearer as it happens.
type Live interface {
	// Watch sends a wearer's events until ctx ends, and then closes the
	// channel. It may drop postures when they are not received in time, and must
	// not wait for the receiver in a way that holds up anything else.
	Watch(ctx context.Context, org, wearer schemas.ID) (<-chan LiveEvent, error)
}

// LiveEvent is one event of a wearer.
type LiveEvent struct {
	Kind string // KindPosture, KindFinding or KindNudge
	Data []byte // JSON: detect.Posture, schemas.Finding or schemas.Decision
}

// The kinds of live events.
const (
	KindPosture = "posture"
	KindFinding = "finding"
	KindNudge   = "nudge"
)

// Office shows what may be known of an organisation; see office.Office for what each
// method promises.
type Office interface {
	Summary(ctx context.Context, scope auth.Scope, zone *time.Location, now time.Time) (office.Summary, error)
	HeatMap(ctx context.Context, scope auth.Scope, zone *time.Location, from, to time.Time) (office.HeatMap, error)
}

// Check is one condition of readiness.
type Check = ops.Check

// Options are what a dashboard is made of. All but Ready and Insecure are required.
type Options struct {
	Store     Store
	Registry  Registry
	Live      Live
	Office    Office
	Authority auth.Authority
	Hindsight Hindsight
	Rules     Rules

	Ready      []Check
	Gatherer   prometheus.Gatherer   // what /metrics shows
	Registerer prometheus.Registerer // where the dashboard's own metrics go
	Logger     *slog.Logger

	// Insecure takes requests by any Host, for a server that is deliberately
	// reachable from elsewhere without sign-in.
	Insecure bool
}

// Validate says what is missing.
func (o Options) Validate() error {
	var missing []error
	for name, absent := range map[string]bool{
		"Store": o.Store == nil, "Registry": o.Registry == nil, "Live": o.Live == nil, "Office": o.Office == nil,
		"Authority": o.Authority == nil, "Hindsight": o.Hindsight == nil, "Rules": o.Rules == nil,
		"Gatherer": o.Gatherer == nil, "Registerer": o.Registerer == nil, "Logger": o.Logger == nil,
	} {
		if absent {
			missing = append(missing, errors.New("dashboard options: "+name+" is missing"))
		}
	}
	return errors.Join(missing...)
}
