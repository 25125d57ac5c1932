package office

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// visit makes what is to be made of an organisation, window by window, and says when
// it is to be visited next. It was visited before at a time, zero for never. A patient one leaves
// what is still coming for the next.
func (m *Maker) visit(ctx context.Context, org registry.Org, before time.Time, patient bool) (next time.Time, err error) {
	m.making.Lock()
	defer m.making.Unlock()
	zone, began := org.Location(), m.now()
	windows := over(began.In(zone), lookBack)
	all, recent := m.arrivals.of(org.ID, before)
	stored, err := m.stored(ctx, org.ID, windows)
	if err != nil {
		return next, err
	}
	people := rosterOf(m.registry, org.ID)
	next = began.Add(ruleOf(series.Day).again)
	if midnight := dayOf(date(began.In(zone)), zone).to.Add(makeAfter); midnight.Before(next) {
		next = midnight
	}
	out := batch{put: m.store.PutAggregates}
	for i := range windows {
		w := &windows[i]
		if w.kind == series.HourOfWeek && len(people.members) < HourK {
			continue // they would be thousands of suppressed ones
		}
		row, now := stored[w.kind][cell{w.start().Unix(), schemas.ID{}}], m.now()
		lately := all.and(recent.in(w))
		if !patient {
			lately.first = time.Time{} // it has been waited for
		}
		if w.due(row, lately, now) {
			rows, err := m.make(ctx, org.ID, w, people, stored[w.kind])
			if err == nil {
				err = out.add(ctx, rows)
			}
			if err != nil { // what was made before is not lost
				return next, errors.Join(err, out.flush(ctx))
			}
		} else if row != nil && w.open(row) && row.Made.Add(ruleOf(w.kind).again).Before(next) {
			next = row.Made.Add(ruleOf(w.kind).again)
		}
	}
	if err := out.flush(ctx); err != nil {
		return next, err
	}
	m.arrivals.forget(org.ID, recent, began)
	return next, nil
}

// stored are the aggregates of windows, by their kind.
func (m *Maker) stored(ctx context.Context, org schemas.ID, windows []window) (map[series.Window]made, error) {
	bounds := map[series.Window]span{}
	for i := range windows {
		w := &windows[i]
		s, known := bounds[w.kind]
		if start := w.start(); !known || start.Before(s.from) {
			s.from = start
		}
		if !known || w.end.After(s.to) {
			s.to = w.end
		}
		bounds[w.kind] = s
	}
	all := make(map[series.Window]made, len(bounds))
	for kind, s := range bounds {
		of, err := aggregates(ctx, m.store, series.OfficeQuery{Org: org, Window: kind, From: s.from, To: s.to})
		if err != nil {
			return nil, err
		}
		all[kind] = of
	}
	return all, nil
}

// open reports whether a window is made again however little comes of it.
func (w *window) open(row *series.Aggregate) bool { return row.Made.Before(w.end.Add(leaveAfter)) }

// due reports whether a window is to be made now: row is what is stored of the whole
// organisation, nil for nothing, and came what came of the window lately.
func (w *window) due(row *series.Aggregate, came streak, now time.Time) bool {
	switch again := ruleOf(w.kind).again; {
	case now.Before(w.end.Add(makeAfter)) || !came.over(now):
		return false
	case row == nil || w.open(row) && now.Sub(row.Made) >= again:
		return true
	case !came.last.After(row.Made):
		return false
	default: // what comes of one that was empty, or was made later than usual and a moment ago
		return row.Suppressed || !w.open(row) && now.Sub(row.Made) < again
	}
}

// make makes a window's figures, those of the whole organisation last. What the rest of
// the published tells of a figure is to be looked at here.
func (m *Maker) make(ctx context.Context, org schemas.ID, w *window, people roster, stored made) ([]series.Aggregate, error) {
	now := m.now().UTC().Truncate(time.Second)
	contributors, err := m.contributors(ctx, org, w, people.members)
	if err != nil {
		return nil, err
	}
	office, groups := publish(contributors, ruleOf(w.kind)), map[schemas.ID]series.Aggregate{}
	if w.kind == series.Week {
		for at := range stored { // one that is no group any more must not stay beside those that took its people
			if at.start == w.start().Unix() && !at.group.IsZero() {
				groups[at.group] = series.Aggregate{Suppressed: true}
			}
		}
		var figures []series.Aggregate
		office, figures = split(contributors, people.groups, ruleOf(w.kind))
		for i, g := range people.groups {
			groups[g.key()] = figures[i]
		}
	}
	m.metrics.count(w.kind, office.Suppressed)
	rows := make([]series.Aggregate, 0, len(groups)+1)
	for group, a := range groups {
		a.Group = group
		rows = append(rows, a)
	}
	rows = append(rows, office)
	for i := range rows {
		a := &rows[i]
		a.Org, a.Window, a.Start, a.End, a.Made = org, w.kind, w.start().UTC(), w.end.UTC(), now
	}
	return rows, nil
}

// contributors are those of a window, nobody where there are too few members to ask.
func (m *Maker) contributors(ctx context.Context, org schemas.ID, w *window, members map[schemas.ID]bool) ([]person, error) {
	t := tally{rule: ruleOf(w.kind), members: members, sums: map[schemas.ID]sum{}}
	if len(members) < t.least {
		return nil, nil
	}
	for _, s := range w.spans {
		totals, err := m.store.Totals(ctx, series.Query{Org: org, From: s.from, To: s.to})
		if err != nil {
			return nil, fmt.Errorf("sum the office's figures of %s of %s: %w", w.label, org, err)
		}
		t.add(totals)
	}
	return t.people(), nil
}

// batch stores aggregates several windows at a time: a write of its own for each hour of a
// week would cost more than the hour.
type batch struct {
	put  func(ctx context.Context, all []series.Aggregate) error
	rows []series.Aggregate
}

// batchRows is how many aggregates wait to be stored; what waits is made again after a crash.
const batchRows = 24

// add takes a window's rows. The last, of the whole organisation, says that the window was made: it is
// stored after those of its groups.
func (b *batch) add(ctx context.Context, rows []series.Aggregate) error {
	if groups := rows[:len(rows)-1]; len(groups) > 0 {
		if err := wrapPut(b.put(ctx, groups)); err != nil {
			return err
		}
	}
	b.rows = append(b.rows, rows[len(rows)-1])
	if len(b.rows) < batchRows {
		return nil
	}
	return b.flush(ctx)
}

func (b *batch) flush(ctx context.Context) error {
	rows := b.rows
	if len(rows) == 0 {
		return nil
	}
	b.rows = nil
	return wrapPut(b.put(ctx, rows))
}

func wrapPut(err error) error {
	if err != nil {
		return fmt.Errorf("store the office's figures: %w", err)
	}
	return nil
}
