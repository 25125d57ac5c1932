package office

import (
	"maps"
	"strings"
	"sync"
	"time"

	"sitwell/schemas"
)

const (
	// quiet is for how long nothing of a window may have come before it is made: a
	// history that is loaded, or a log that is caught up with, goes through it in one go.
	quiet = 5 * time.Second
	// patience is after how long without such a pause it is made all the same.
	patience = 10 * time.Minute

	// maxHours bounds the hours that are remembered, of all organisations together: three months of
	// a hundred organisations, some 20 MB. Above it they are all forgotten and
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

// arrivals remembers of which hours rollups have come.
type arrivals struct {
	mu   sync.Mutex // guards what follows
	all  streak     // counts for every hour of everybody
	orgs map[schemas.ID]hours
	n    int // hours in orgs
}

func newArrivals(now time.Time) *arrivals {
	return &arrivals{all: streak{now, now}, orgs: map[schemas.ID]hours{}}
}

// note takes rollups that are stored now.
func (a *arrivals) note(rollups []schemas.Rollup, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest, newest := now.AddDate(0, 0, -lookBack-1).Unix()/3600, now.AddDate(0, 0, 1).Unix()/3600
	for i := range rollups {
		r := &rollups[i]
		if hour := r.Minute / 60; hour >= oldest && hour <= newest {
			a.touch(r.Org, hour, now)
		}
	}
	if a.n > maxHours {
		a.orgs, a.n, a.all = map[schemas.ID]hours{}, 0, streak{now, now}
	}
}

// touch notes an arrival; the caller holds mu.
func (a *arrivals) touch(org schemas.ID, hour int64, now time.Time) {
	of := a.orgs[org]
	if of == nil {
		of = hours{}
		a.orgs[schemas.MustID(strings.Clone(org.String()))] = of // nothing of the batch is kept
	}
	s, known := of[hour]
	if !known {
		a.n++
	}
	if !known || now.Sub(s.last) >= quiet {
		s.first = now
	}
	s.last = now
	of[hour] = s
}

// waiting reports whether something came of an organisation before an instant, the
// beginning of its today, that has not been looked at since a time and can be now.
func (a *arrivals) waiting(org schemas.ID, before, since, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all.last.After(since) {
		return a.all.over(now)
	}
	for hour, s := range a.orgs[org] {
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
	return all, maps.Clone(a.orgs[org])
}

// forget drops what was looked at: all that came is over by then and did not go on since.
func (a *arrivals) forget(org schemas.ID, came hours, then time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.orgs[org]
	for hour, s := range came {
		if s.over(then) && of[hour] == s {
			delete(of, hour)
			a.n--
		}
	}
}
