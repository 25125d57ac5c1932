package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Stream is whose position in the destination tells how far a copy is.
const Stream = "copy"

var (
	// ErrOtherLog says that the destination was filled from another log than the source.
	ErrOtherLog = errors.New("the destination is filled from another log than the source; copy into an empty store")
	// ErrDiffers says that the destination has not all that the source has, and for no known reason.
	ErrDiffers = errors.New("the destination has not what the source has")
)

// Options are what is copied where.
type Options struct {
	From, To series.Store
	// Orgs are organisations whose aggregates are copied though no wearer of theirs is
	// stored. Those of wearers are known from the source.
	Orgs []schemas.ID
	// Keep leaves out what is older than it lets it be at Now; nil copies everything.
	Keep series.Retention
	Now  time.Time
	// Exact compares what the units hold, not only how much: then the destination must
	// have nothing else of a unit either.
	Exact bool
	// Progress is called in each phase before the first unit and after each, in one
	// goroutine. It may be nil.
	Progress func(Progress)
}

// validate reports what cannot be copied.
func (o *Options) validate() error {
	switch {
	case o.From == nil || o.To == nil:
		return errors.New("copy: there is no source or no destination")
	case o.From == o.To:
		return errors.New("copy: source and destination are the same store")
	case o.Keep != nil && o.Now.IsZero():
		return errors.New("copy: a retention without the time it is reckoned from")
	case o.Keep != nil:
		return o.Keep.Validate()
	}
	return nil
}

// Phase is what a copy is at.
type Phase string

// The phases, in their order.
const (
	Copying   Phase = "copying"
	Verifying Phase = "verifying"
)

// Progress is how far a copy is.
type Progress struct {
	Phase     Phase
	Done, All int       // units
	Readings  int64     // copied, or compared, in this run
	Day       time.Time // the unit's that was the last; zero before the first
}

// Report is what a copy came to.
type Report struct {
	Wearers int `json:"wearers"`
	Units   int `json:"units"`
	// Resumed are units that an earlier copy, which was broken off, had brought.
	Resumed int `json:"resumed"`
	// Anew is set where an earlier copy was of another plan, so that this one began at the beginning.
	Anew bool `json:"anew,omitempty"`
	// From and To are what each store has of the units.
	From Counts `json:"from"`
	To   Counts `json:"to"`
	// Again are units that were copied once more because there was less of them.
	Again int `json:"again"`
	// Gone are wearers whom the destination has and the source has not, any more: who was
	// erased there has to be erased here, too.
	Gone []Wearer `json:"gone,omitempty"`
	// Erased, Refused and Expired are what the destination did not take, and why.
	Erased  int `json:"erased"`
	Refused int `json:"refused"`
	Expired int `json:"expired"`
	// Exact is set where contents were compared, not counts alone.
	Exact bool `json:"exact"`
}

// Wearer names one.
type Wearer struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
}

// Copy copies a store. After an error, or a crash, call it again with the same
// stores: it goes on where it was.
func Copy(ctx context.Context, o Options) (Report, error) { return run(ctx, o, batchBytes) }

// run is Copy by appends of about so many bytes.
func run(ctx context.Context, o Options, limit int) (Report, error) {
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	at, err := positions(ctx, o.From, o.To)
	if err != nil {
		return Report{}, err
	}
	c := &copier{Options: o, limit: limit}
	if c.plan, err = planOf(ctx, o.From, o.Orgs); err != nil {
		return Report{}, err
	}
	c.report = Report{Wearers: len(c.plan.extents), Units: c.plan.units(), Exact: o.Exact}
	for _, step := range []func(context.Context) error{c.resume, c.copyUnits, c.copyAggregates, c.verify, c.findGone} {
		if err := step(ctx); err != nil {
			return c.report, err
		}
	}
	for _, p := range at {
		if _, err := o.To.Append(ctx, series.Batch{Stream: p.stream, Log: p.Log, Seq: p.Seq}); err != nil {
			return c.report, fmt.Errorf("copy the position of %s: %w", p.stream, err)
		}
	}
	return c.report, nil
}

// place is how far a stream of the log is stored.
type place struct {
	series.Position

	stream string
}

// positions are those of the source. One of another log in the destination is an error:
// what is copied would be lost on whoever reads that log.
func positions(ctx context.Context, from, to series.Store) ([]place, error) {
	var all []place
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		at, err := from.Position(ctx, stream)
		if err != nil {
			return nil, fmt.Errorf("read the source's position of %s: %w", stream, err)
		}
		there, err := to.Position(ctx, stream)
		if err != nil {
			return nil, fmt.Errorf("read the destination's position of %s: %w", stream, err)
		}
		if at.Log != "" && there.Log != "" && at.Log != there.Log {
			return nil, fmt.Errorf("stream %s: %w", stream, ErrOtherLog)
		}
		if at.Seq > 0 {
			all = append(all, place{at, stream})
		}
	}
	return all, nil
}
