package hindsight

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sitwell/detect"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Readings gives stored readings; see series.Store for what each method promises.
type Readings interface {
	Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error
}

// History gives what was made of readings.
type History interface {
	Episodes(ctx context.Context, q series.Query) ([]series.Episode, error)
	Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error)
	Decisions(ctx context.Context, q series.Query) ([]schemas.Decision, error)
}

// Minutes gives a day's minutes and puts others in their place.
type Minutes interface {
	Rollups(ctx context.Context, q series.Query) ([]schemas.Rollup, error)
	Replace(ctx context.Context, q series.Query, with series.Rebuilt) error
}

// Store is what hindsight needs of a time-series store.
type Store interface {
	Readings
	History
	Minutes
}

// Registry gives who there is.
type Registry interface {
	Org(id schemas.ID) (registry.Org, bool)
	Wearer(org, id schemas.ID) (registry.Wearer, bool)
}

// Parameters gives which parameters a wearer was judged by at which event time.
type Parameters interface {
	Timeline(org, team, wearer schemas.ID) *detect.Timeline
}

// Options are what a Hindsight is made of; all are required.
type Options struct {
	Store      Store
	Registry   Registry
	Parameters Parameters
	// Settle returns once what devices were acknowledged before it was called is
	// judged, and the store has it with all that was made of it: marks, minutes and
	// findings.
	Settle func(ctx context.Context) error
	Logger *slog.Logger
}

// Hindsight judges stored readings again.
type Hindsight struct {
	Options
	now func() time.Time // time.Now: whether a day is over, whether readings are kept still
}

// New makes a Hindsight. The error names an option that is missing.
func New(o Options) (*Hindsight, error) {
	for name, absent := range map[string]bool{
		"Store": o.Store == nil, "Registry": o.Registry == nil, "Parameters": o.Parameters == nil,
		"Settle": o.Settle == nil, "Logger": o.Logger == nil,
	} {
		if absent {
			return nil, errors.New("hindsight options: " + name + " is missing")
		}
	}
	return &Hindsight{Options: o, now: time.Now}, nil
}

// Progress is told how much event time of all that is to be judged has been.
// It is called at most once for each minute of it.
type Progress func(done, total time.Duration)

// RefusedError says in words why something is not done; it is the asker's to mend.
type RefusedError struct{ Reason string }

func (r *RefusedError) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// subject is the wearer whose readings are judged.
type subject struct {
	registry.Wearer
	zone     *time.Location
	timeline *detect.Timeline
}

// subject looks a wearer up.
func (h *Hindsight) subject(org, wearer schemas.ID) (subject, error) {
	o, ok := h.Registry.Org(org)
	if !ok {
		return subject{}, refuse("There is no organisation %s. `sitwell org list` shows those there are.", org)
	}
	w, ok := h.Registry.Wearer(org, wearer)
	if !ok {
		return subject{}, refuse("There is no wearer %s in %s. `sitwell wearer list %s` shows those there are.", wearer, org, org)
	}
	s := subject{Wearer: w, zone: o.Location(), timeline: h.Parameters.Timeline(org, w.Team, wearer)}
	if w.Zone != "" {
		s.zone = registry.Org{Zone: w.Zone}.Location()
	}
	return s, nil
}

// Postures calls each for what the engine sees in each judged reading of a range,
// by time, as live saw it: with the calibrations and counts from before the range,
// and without what came too late. When an upright pose came that was measured before
// all that was judged of its run is not known: it counts from the run's first
// judged reading.
func (h *Hindsight) Postures(ctx context.Context, q series.Query, each func(detect.Posture) error) error {
	s, err := h.subject(q.Org, q.Wearer)
	if err != nil {
		return err
	}
	wide, err := h.leadIn(ctx, q)
	if err != nil {
		return err
	}
	from, to := q.From.UnixMilli(), q.To.UnixMilli()
	j := job{query: wide, wearer: detect.NewWearer(q.Org, q.Wearer, s.timeline), trace: true, catchUp: true}
	j.each = func(out *detect.Output) error {
		for _, p := range out.Postures {
			if p.Time < from || p.Time >= to {
				continue
			}
			if err := each(p); err != nil {
				return err
			}
		}
		return nil
	}
	_, err = h.judge(ctx, j)
	return err
}
