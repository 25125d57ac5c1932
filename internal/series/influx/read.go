package influx

import (
	"fmt"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// scope is a query of a wearer that was checked: milliseconds, from included, to not.
type scope struct {
	org, wearer schemas.ID
	from, to    int64
}

// scopeOf checks a query. some is false where there can be no answer.
func scopeOf(q series.Query) (sc scope, some bool, err error) {
	if q.Org.IsZero() || q.Wearer.IsZero() {
		return sc, false, fmt.Errorf("query of wearer %q of %q: %w", q.Wearer, q.Org, errNoName)
	}
	sc = scope{q.Org, q.Wearer, boundOf(q.From), boundOf(q.To)}
	return sc, sc.from < sc.to, nil
}

// boundOf is a bound of a range in milliseconds, rounded up: stored times are whole
// milliseconds, and one is before t exactly if it is before t rounded up.
func boundOf(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%int(nanosInMilli) != 0 {
		ms++
	}
	return min(max(ms, 0), lastMillis)
}

// lastMillis is the end of ranges, in 2242: windows about it stay clear of the end of time.
const lastMillis = maxMillis - 20*366*24*60*millisInMin

// nanos is the range of points of from <= milliseconds < to.
func (sc scope) nanos() (from, to int64) { return at(sc.from, 0), at(sc.to, 0) }

// minutes is the range of points of the minutes that start in the range.
func (sc scope) minutes() (from, to int64) { return ceilMinute(sc.from), ceilMinute(sc.to) }

// ceilMinute is the first start of a minute from a millisecond on, in nanoseconds.
func ceilMinute(ms int64) int64 {
	n := ms / millisInMin
	if ms%millisInMin > 0 {
		n++
	}
	return n * nanosInMin
}

// whose are the conditions of a wearer's points.
func (sc scope) whose() cond { return both(tagIs(tagOrg, sc.org), tagIs(tagWearer, sc.wearer)) }

// milli is a bound or a stored time for people.
func milli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// wrap says what failed, if anything did.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
