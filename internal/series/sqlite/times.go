package sqlite

import "time"

const (
	minute    = 60_000 // milliseconds
	maxMinute = 1<<minuteBits - 1
	maxMillis = (maxMinute+1)*minute - 1
)

// millis is a bound of a range in milliseconds, rounded up: times are whole
// milliseconds, and one is before t exactly if it is before t rounded up.
func millis(t time.Time) int64 { return min(max(ceilMillis(t), 0), maxMillis+1) }

// ceilMillis is a time in milliseconds, rounded up.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.Nanosecond()%1_000_000 != 0 {
		ms++
	}
	return ms
}

// fromMillis is a stored time.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// rowKey is the key of a wearer's minute.
func rowKey(wearer, minuteNumber int64) int64 { return wearer<<minuteBits | minuteNumber }

// within is the part of a scope that lies in a day.
func (sc scope) within(day int64) scope {
	sc.from, sc.to = max(sc.from, day*dayMillis), min(sc.to, (day+1)*dayMillis)
	return sc
}

// rowRange is the keys, both included, of the minutes that hold from <= time < to.
func (sc scope) rowRange() (first, last int64) {
	return rowKey(sc.wearer, sc.from/minute), rowKey(sc.wearer, (sc.to-1)/minute)
}

// minuteRange is the keys, both included, of the minutes that start in from <= start < to.
func (sc scope) minuteRange() (first, last int64) {
	first, last = wholeMinutes(sc.from, sc.to)
	return rowKey(sc.wearer, first), rowKey(sc.wearer, last)
}

func wholeMinutes(from, to int64) (first, last int64) {
	return (from + minute - 1) / minute, (to+minute-1)/minute - 1
}
