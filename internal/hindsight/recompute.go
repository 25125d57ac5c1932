package hindsight

import (
	"context"
	"fmt"
	"time"

	"sitwell/detect"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// Report is what a recomputed day came to.
type Report struct {
	Org    schemas.ID `json:"org"`
	Wearer schemas.ID `json:"wearer"`
	Day    string     `json:"day"` // YYYY-MM-DD in the wearer's zone
	Zone   string     `json:"zone"`
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to"`

	Readings int `json:"readings"` // readings and events of the day that are stored
	Late     int `json:"late"`     // of them, those that came too late and are judged now
	// Unplaced are late ones that cannot be judged now either: they contradict the
	// sequence of those that were on time.
	Unplaced int `json:"unplaced"`

	MinutesBefore  int `json:"minutes_before"`
	Minutes        int `json:"minutes"`
	MinutesChanged int `json:"minutes_changed"` // added, gone or different

	EpisodesBefore int             `json:"episodes_before"`
	Episodes       int             `json:"episodes"`
	Changes        []EpisodeChange `json:"changes"` // of episodes, by their start
}

// Changed reports whether anything is different from before.
func (r *Report) Changed() bool { return r.MinutesChanged > 0 || len(r.Changes) > 0 }

// dayAfter is how long after its end a day's readings are read on for episodes
// that began in it: a bout or a silence may be told of much later. It goes on
// while one is open.
const dayAfter = 24 * time.Hour

// Recompute rebuilds a day's minutes and episodes from stored readings, those that
// came too late included, by the parameters of that time, and puts them in place
// of what is stored, by id. Of the readings before and after the day it judges
// those that live judged. Doing it again changes nothing, nor does doing it for a
// day on which nothing came late. A RefusedError says why it is not done.
func (h *Hindsight) Recompute(ctx context.Context, org, wearer schemas.ID, day time.Time, progress Progress) (Report, error) {
	s, err := h.subject(org, wearer)
	if err != nil {
		return Report{}, err
	}
	d, err := h.dayOf(s, day)
	if err != nil {
		return Report{}, err
	}
	before, err := h.stored(ctx, d.query)
	if err != nil {
		return d.report, err
	}
	if err := h.survey(ctx, d); err != nil {
		return d.report, err
	}
	if d.report.Readings == 0 && (len(before.rollups) > 0 || len(before.findings) > 0) {
		return d.report, refuse("No readings of %s on %s are stored any more, so there is nothing to rebuild the day from. It stays as it is.", wearer, d.report.Day)
	}
	after, err := h.rebuild(ctx, d, progress)
	if err != nil {
		return d.report, err
	}
	after.keepProven(before)
	d.report.compare(before, after)
	if !d.report.Changed() {
		return d.report, nil
	}
	if err := h.Store.Replace(ctx, d.query, series.Rebuilt{Rollups: after.rollups, Findings: after.all()}); err != nil {
		return d.report, fmt.Errorf("replace the day %s of %s/%s: %w", d.report.Day, org, wearer, err)
	}
	return d.report, nil
}

// dayJob is a day that is being rebuilt.
type dayJob struct {
	subject
	query    series.Query // the day
	report   Report
	sequence sequence
}

// dayOf finds the bounds of a day, and refuses one that cannot be rebuilt.
func (h *Hindsight) dayOf(s subject, day time.Time) (*dayJob, error) {
	y, m, n := day.Date()
	from, to := registry.DayStart(y, m, n, s.zone).UTC(), registry.DayStart(y, m, n+1, s.zone).UTC()
	name, now := day.Format(time.DateOnly), h.now()
	switch {
	case !from.Before(to):
		return nil, refuse("There is no %s in %s.", name, s.zone)
	case now.Before(to):
		return nil, refuse("The day %s of %s is not over: it ends %s (%s). Until then it is built as readings come.",
			name, s.ID, to.In(s.zone).Format("2006-01-02 15:04 MST"), s.zone)
	case from.Before(now.Add(-schemas.MaxAge)):
		return nil, refuse("The day %s is more than %d days ago, for which readings are kept, so it cannot be rebuilt. It stays as it is.",
			name, int(schemas.MaxAge.Hours()/24))
	}
	return &dayJob{
		subject: s, query: series.Query{Org: s.Org, Wearer: s.ID, From: from, To: to},
		report: Report{Org: s.Org, Wearer: s.ID, Day: name, Zone: s.zone.String(), From: from, To: to, Changes: []EpisodeChange{}},
	}, nil
}

// survey counts the day's readings, and notes the sequences of those on time.
func (h *Hindsight) survey(ctx context.Context, d *dayJob) error {
	wide := d.query
	wide.To = wide.To.Add(dayAfter)
	to := d.query.To.UnixMilli()
	err := h.Store.Readings(ctx, wide, func(r series.Reading) error {
		if r.Time < to {
			d.report.Readings++
			if r.Late {
				d.report.Late++
			}
		}
		if !r.Late {
			d.sequence.note(&r)
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("count readings of %s/%s: %w", d.Org, d.ID, err)
	}
	d.sequence.finish()
	return nil
}

// admit says which readings a day is rebuilt from.
func (d *dayJob) admit(live func(*series.Reading) bool) func(*series.Reading) bool {
	from, to := d.query.From.UnixMilli(), d.query.To.UnixMilli()
	return func(r *series.Reading) bool {
		ok := live(r)
		if !r.Late || r.Time < from || r.Time >= to {
			return ok
		}
		if d.sequence.fits(r) {
			return true
		}
		d.report.Late--
		d.report.Unplaced++
		return false
	}
}

// rebuild judges the day.
func (h *Hindsight) rebuild(ctx context.Context, d *dayJob, progress Progress) (*built, error) {
	j, err := h.begin(ctx, d)
	if err != nil {
		return nil, err
	}
	enough := d.query.To.Add(dayAfter)
	j.query.To = h.now().Add(schemas.MaxAhead) // all there is, unless it is enough before
	j.progress, j.until = progress, enough
	c := collector{from: d.query.From, to: d.query.To, built: newBuilt()}
	read := int64(0)
	admit := d.admit(onTime(j.run()))
	j.admit = func(r *series.Reading) bool {
		read = r.Time
		return admit(r)
	}
	j.each = func(out *detect.Output) error {
		c.take(out)
		if c.open > 0 || read < enough.UnixMilli() {
			return nil
		}
		return errEnough
	}
	if _, err := h.judge(ctx, j); err != nil {
		return nil, err
	}
	if r, ok := j.wearer.OpenMinute(); ok {
		c.minute(r)
	}
	return c.built, nil
}
