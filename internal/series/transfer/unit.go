package transfer

import (
	"context"
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Counts are what there is of units.
type Counts struct {
	Readings   int64 `json:"readings"` // and events
	Late       int64 `json:"late"`     // of them
	Rollups    int64 `json:"rollups"`
	Episodes   int64 `json:"episodes"`
	Findings   int64 `json:"findings"`
	Decisions  int64 `json:"decisions"`
	Aggregates int64 `json:"aggregates"`
}

func (c *Counts) add(d Counts) {
	c.Readings, c.Late, c.Rollups = c.Readings+d.Readings, c.Late+d.Late, c.Rollups+d.Rollups
	c.Episodes, c.Findings = c.Episodes+d.Episodes, c.Findings+d.Findings
	c.Decisions, c.Aggregates = c.Decisions+d.Decisions, c.Aggregates+d.Aggregates
}

// beyond is how many things there are of which d has not as many, marks apart.
func (c *Counts) beyond(d Counts) int64 {
	return max(c.Readings-d.Readings, 0) + max(c.Rollups-d.Rollups, 0) + max(c.Findings-d.Findings, 0) + max(c.Decisions-d.Decisions, 0)
}

// sink takes what a unit has, in the order of its methods.
type sink struct {
	reading  func(series.Reading) error
	rollups  func([]schemas.Rollup) error
	finding  func(schemas.Finding) error
	decision func([]schemas.Decision) error
}

// read hands a unit to a sink: of each class what is not too old. It counts what there is.
func (o *Options) read(ctx context.Context, s series.Store, q series.Query, to sink) (n Counts, err error) {
	if o.keeps(series.Raw, q) {
		if err := s.Readings(ctx, q, func(r series.Reading) error {
			n.Readings++
			if r.Late {
				n.Late++
			}
			return to.reading(r)
		}); err != nil {
			return n, err
		}
	}
	if o.keeps(series.Rollups, q) {
		rollups, err := s.Rollups(ctx, q)
		if err != nil {
			return n, err
		}
		n.Rollups = int64(len(rollups))
		if err := to.rollups(rollups); err != nil {
			return n, err
		}
	}
	if !o.keeps(series.Events, q) {
		return n, nil
	}
	if err := readEpisodes(ctx, s, q, to, &n); err != nil {
		return n, err
	}
	decisions, err := s.Decisions(ctx, q)
	if err != nil {
		return n, err
	}
	n.Decisions = int64(len(decisions))
	return n, to.decision(decisions)
}

func (o *Options) keeps(c series.Class, q series.Query) bool {
	return o.Keep == nil || !q.From.Before(o.Keep.Cut(c, o.Now))
}

// readEpisodes hands over the findings of the episodes that start in the unit.
func readEpisodes(ctx context.Context, s series.Store, q series.Query, to sink, n *Counts) error {
	episodes, err := s.Episodes(ctx, q)
	if err != nil {
		return err
	}
	for i := range episodes {
		e := &episodes[i]
		if e.Start.Before(q.From) || !e.Start.Before(q.To) {
			continue
		}
		n.Episodes++
		findings, err := s.Findings(ctx, q.Org, e.ID)
		if err != nil {
			return err
		}
		if len(findings) == 0 {
			findings = []schemas.Finding{told(q, e)}
		}
		for _, f := range findings {
			if f.Wearer != q.Wearer {
				continue // two wearers' episodes of one name
			}
			n.Findings++
			if err := to.finding(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// told is a finding that tells all that is known of an episode.
func told(q series.Query, e *series.Episode) schemas.Finding {
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, Episode: e.ID, Org: q.Org, Wearer: q.Wearer, Rule: e.Rule, Step: schemas.Closed,
		Level: e.Level, Start: e.Start, Time: e.End, End: e.End, Outcome: e.Outcome, Seconds: e.Seconds,
		FlexionDeg: e.FlexionDeg, Severity: e.Severity, Cause: e.Cause,
	}
	if e.End.IsZero() {
		f.Step, f.Time = schemas.Opened, e.Start
	}
	f.ID = schemas.FindingID(e.ID, f.Step, f.Level, f.Severity)
	return f
}

func unitError(what string, q series.Query, err error) error {
	return fmt.Errorf("%s %s/%s on %s: %w", what, q.Org, q.Wearer, q.From.Format(time.DateOnly), err)
}
