package office

import (
	"maps"
	"strings"
	"sync"
	"time"

	"sitwell/schemas"
)

const (
	// quiet is for how long nothing of a window may have come before it is made.
	quiet = 5 * time.Second
	// An organisation of which only what is older than past comes, without a pause of
	// idle, is behind: a history is loaded, or a log is caught up with, and its days are there by half.
	past = time.Hour
	idle = time.Minute
	// patience is for how long all of this is waited for.
	patience = 30 * time.Minute

	// maxHours bounds the hours that are remembered, of all organisations together: three months of
	// a hundred organisations, some 30 MB. Above it they are all forgotten and
	// everything counts as having come just now, as after a start.
	maxHours = 1 << 18
)

// streak is a run of arrivals without a pause of quiet in it.
type streak struct{ first, last time.Time }

// and is two streaks taken together; the zero one is none.
func (s streak) and(o streak) streak {
	if s.last.IsZero() {
		return o
	}
	if !o.last.IsZero() && o.first.Before(s.first) {
		s.first = o.first
	}
	if o.last.After(s.last) {
		s.last = o.last
	}
	return s
}

// over reports whether the streak has ended, or lasts for too long to wait for that.
func (s streak) over(now time.Time) bool {
	return now.Sub(s.last) >= quiet || now.Sub(s.first) >= patience
}

// hours are streaks by the UTC hour that the rollups are of, since 1970.
type hours map[int64]streak

// in is what came of a window.
func (h hours) in(w *window) (s streak) {
	for hour, came := range h {
		from := time.Unix(hour*3600, 0)
		for _, sp := range w.spans {
			if from.Before(sp.to) && sp.from.Before(from.Add(time.Hour)) {
				s = s.and(came)
				break
			}
		}
	}
	return s
}

// flow is what came of an organisation.
type flow struct {
	hours hours
	last  time.Time // when something came
	fresh time.Time // when something came that was not past
	began time.Time // when past things began to come, without others or a pause since
}

// behind reports whether the organisation's present is still to come.
func (f *flow) behind(now time.Time) bool {
	return now.Sub(f.last) < idle && now.Sub(f.fresh) >= idle && now.Sub(f.began) < patience
}

// arrivals remembers of which hours rollups have come.
type arrivals struct {
	mu   sync.Mutex // guards what follows
	all  streak     // counts for every hour of everybody
	orgs map[schemas.ID]*flow
	n    int // hours in orgs
}

func newArrivals(now time.Time) *arrivals {
	return &arrivals{all: streak{now, now}, orgs: map[schemas.ID]*flow{}}
}

// note takes rollups that are stored now.
func (a *arrivals) note(rollups []schemas.Rollup, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest, newest := now.AddDate(0, 0, -lookBack-1).Unix()/3600, now.AddDate(0, 0, 1).Unix()/3600
	for i := range rollups {
		r := &rollups[i]
		if hour := r.Minute / 60; hour >= oldest && hour <= newest {
			f := a.flow(r.Org)
			f.came(time.Unix(r.Minute*60, 0), now)
			a.touch(f, hour, now)
		}
	}
	if a.n > maxHours {
		a.orgs, a.n, a.all = map[schemas.ID]*flow{}, 0, streak{now, now}
	}
}

// flow is an organisation's; the caller holds mu.
func (a *arrivals) flow(org schemas.ID) *flow {
	f := a.orgs[org]
	if f == nil {
		f = &flow{hours: hours{}}
		a.orgs[schemas.MustID(strings.Clone(org.String()))] = f // nothing of the batch is kept
	}
	return f
}

// came notes that something of a time came.
func (f *flow) came(of, now time.Time) {
	if now.Sub(of) < past {
		f.fresh, f.began = now, now
	}
	if now.Sub(f.last) >= idle {
		f.began = now
	}
	f.last = now
}

// touch notes an arrival of an hour; the caller holds mu.
func (a *arrivals) touch(f *flow, hour int64, now time.Time) {
	s, known := f.hours[hour]
	if !known {
		a.n++
	}
	if !known || now.Sub(s.last) >= quiet {
		s.first = now
	}
	s.last = now
	f.hours[hour] = s
}

// behind reports whether an organisation's present is still to come.
func (a *arrivals) behind(org schemas.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.orgs[org]
	return f != nil && f.behind(now)
}

// waiting reports whether something came of an organisation before an instant, the
// beginning of its today, that has not been looked at since a time and can be now.
func (a *arrivals) waiting(org schemas.ID, before, since, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all.last.After(since) {
		return a.all.over(now)
	}
	f := a.orgs[org]
	if f == nil {
		return false
	}
	for hour, s := range f.hours {
		if !time.Unix((hour+1)*3600, 0).After(before) && s.over(now) {
			return true
		}
	}
	return false
}

// of is what came of an organisation; everything counts as come, too, if that was
// not looked at since a time.
func (a *arrivals) of(org schemas.ID, since time.Time) (all streak, came hours) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all.last.After(since) {
		all = a.all
	}
	if f := a.orgs[org]; f != nil {
		came = maps.Clone(f.hours)
	}
	return all, came
}

// forget drops what was looked at: all that came is over by then and did not go on since.
func (a *arrivals) forget(org schemas.ID, came hours, then time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.orgs[org]
	if f == nil {
		return
	}
	for hour, s := range came {
		if s.over(then) && f.hours[hour] == s {
			delete(f.hours, hour)
			a.n--
		}
	}
}
