package hindsight

import (
	"context"
	"errors"
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

const (
	// settleWithin is how long to wait until what the log has is judged and stored.
	settleWithin = 30 * time.Second
	// attempts is how often a day is rebuilt of which something comes meanwhile.
	attempts = 4
)

// Recompute rebuilds a day's minutes and episodes from stored readings, those that
// came too late included, by the parameters of that time, and puts them in place
// of what is stored, by id. Of the readings before and after the day it judges
// those that live judged. It waits until what was taken of devices is judged and
// stored, and where something of the day comes while it works, it begins again: what
// live makes of the day is never lost. Doing it again changes nothing, nor does doing
// it for a day on which nothing came late. A RefusedError says why it is not done.
func (h *Hindsight) Recompute(ctx context.Context, org, wearer schemas.ID, day time.Time, progress Progress) (report Report, err error) {
	s, err := h.subject(org, wearer)
	if err != nil {
		return Report{}, err
	}
	for range attempts {
		report, err = h.attempt(ctx, s, day, progress)
		if !errors.Is(err, series.ErrChanged) {
			return report, err
		}
	}
	return report, refuse("Readings of %s on %s are still arriving. The day stays as it is. Try again once all of them are there.", wearer, report.Day)
}

// attempt rebuilds a day once. The error is series.ErrChanged, and nothing is changed,
// if something of the day was stored meanwhile.
func (h *Hindsight) attempt(ctx context.Context, s subject, day time.Time, progress Progress) (Report, error) {
	d, err := h.dayOf(s, day)
	if err != nil {
		return Report{}, err
	}
	if err := h.settled(ctx); err != nil {
		return d.report, err
	}
	was, err := series.StateOf(ctx, h.Store, d.query)
	if err != nil {
		return d.report, fmt.Errorf("rebuild a day: %w", err)
	}
	after, err := h.made(ctx, d, progress)
	if err != nil {
		return d.report, err
	}
	// Of what was stored when the day was read, all that live made of it is stored
	// now: if there is more than was read, the state tells.
	if err := h.settled(ctx); err != nil {
		return d.report, err
	}
	if !d.report.Changed() {
		is, err := series.StateOf(ctx, h.Store, d.query)
		if err == nil && is != was {
			err = series.ErrChanged
		}
		return d.report, err
	}
	if err := h.Store.Replace(ctx, d.query, series.Rebuilt{Rollups: after.rollups, Findings: after.all(), Was: was}); err != nil {
		return d.report, fmt.Errorf("replace the day %s of %s/%s: %w", d.report.Day, d.Org, d.ID, err)
	}
	return d.report, nil
}

// settled waits until what the log has is judged and stored.
func (h *Hindsight) settled(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	err := h.Settle(within)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case within.Err() != nil:
		h.Logger.Warn("a day is not recomputed: the store is behind the log", "waited", settleWithin, "err", err)
		return refuse("What devices sent is not all judged and stored yet, after waiting for %s. The day stays as it is. Try again later; if it stays so, see the server's log.", Lasting(settleWithin))
	}
	return fmt.Errorf("wait until what the log has is stored: %w", err)
}

// made is what the day amounts to; the report says what is different from before.
func (h *Hindsight) made(ctx context.Context, d *dayJob, progress Progress) (*built, error) {
	before, err := h.stored(ctx, d.query)
	if err != nil {
		return nil, err
	}
	if err := h.survey(ctx, d); err != nil {
		return nil, err
	}
	switch {
	case d.report.Readings > 0:
	case len(before.rollups) > 0 || len(before.findings) > 0:
		return nil, refuse("No readings of %s on %s are stored any more, so there is nothing to rebuild the day from. It stays as it is.", d.ID, d.report.Day)
	default:
		return nil, refuse("No readings of %s on %s are stored, so there is nothing to rebuild.", d.ID, d.report.Day)
	}
	after, err := h.rebuild(ctx, d, before, progress)
	if err != nil {
		return nil, err
	}
	after.keepProven(before)
	d.report.compare(before, after)
	return after, nil
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
func (d *dayJob) admit() func(*series.Reading) bool {
	from, to := d.query.From.UnixMilli(), d.query.To.UnixMilli()
	return func(r *series.Reading) bool {
		if !r.Late || r.Time < from || r.Time >= to {
			return onTime(r)
		}
		if d.sequence.fits(r) {
			return true
		}
		d.report.Late--
		d.report.Unplaced++
		return false
	}
}

// rebuild judges the day. A minute that is still open when all readings are judged is
// left to live, which tells it once its wearer is idle, unless something came late.
func (h *Hindsight) rebuild(ctx context.Context, d *dayJob, before *built, progress Progress) (*built, error) {
	j, err := h.begin(ctx, d)
	if err != nil {
		return nil, err
	}
	enough := d.query.To.Add(dayAfter)
	j.query.To = h.now().Add(schemas.MaxAhead) // all there is, unless it is enough before
	j.progress, j.until = progress, enough
	c := collector{from: d.query.From, to: d.query.To, built: newBuilt()}
	read := int64(0)
	admit := d.admit()
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
		if d.report.Late == 0 {
			r, ok = before.minute(r.Minute)
		}
		if ok {
			c.minute(r)
		}
	}
	return c.built, nil
}
