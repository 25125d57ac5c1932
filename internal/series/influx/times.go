package influx

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"time"

	"sitwell/schemas"
)

const (
	nanosInMilli = int64(time.Millisecond)
	nanosInMin   = int64(time.Minute)
	millisInMin  = int64(time.Minute / time.Millisecond)

	// The milliseconds that a point's time can hold, 1677 to 2262.
	minMillis = math.MinInt64/nanosInMilli + 1
	maxMillis = math.MaxInt64/nanosInMilli - 1
	maxMinute = maxMillis/millisInMin - 1
)

// A point's time is its own time in milliseconds and, in the nanoseconds below, what
// keeps it from others of that millisecond.
func at(ms, below int64) int64 { return ms*nanosInMilli + below }

// split takes a point's time apart again.
func split(nanos int64) (ms, below int64) {
	ms = nanos / nanosInMilli
	if below = nanos % nanosInMilli; below < 0 {
		ms, below = ms-1, below+nanosInMilli
	}
	return ms, below
}

// readingAt is the time of a reading's or an event's point: two of one run meet only if
// their sequences are a million apart and their milliseconds the same.
func readingAt(ms int64, boot uint32, seq uint64) int64 {
	return at(ms, (int64(seq%uint64(nanosInMilli))+mix(boot))%nanosInMilli)
}

// seqLow is what a point's time tells of the sequence: its remainder by a million.
func seqLow(below int64, boot uint32) uint64 {
	return uint64((below - mix(boot) + nanosInMilli) % nanosInMilli) //nolint:gosec // not negative
}

// mix spreads the runs of a device over the nanoseconds: after a restart its sequence
// begins again, in the same millisecond if the clock was set back.
func mix(boot uint32) int64 { return int64(boot*2654435761) % nanosInMilli }

// lateAt is the time of a mark's point. Another mark of the same first millisecond is
// another point.
func lateAt(l *schemas.Late) int64 {
	h := fnv.New64a()
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(l.Boot))
	binary.LittleEndian.PutUint64(b[8:], l.First)
	binary.LittleEndian.PutUint64(b[16:], l.Last)
	_, _ = h.Write(b[:]) // a hash never fails
	return at(l.From, int64(h.Sum64()%uint64(nanosInMilli)))
}

// The most that a minute's sums are told apart by, in milliseconds; the recorder lets
// through 60,001 for each of their parts.
const (
	mostCovered = 4 * 60_001
	mostJudged  = 2 * 60_001
)

// minuteAt is the time of a minute's point: what covers more of it is later, and what
// covers the same overwrites. Readers take the last point of a minute.
func minuteAt(minute, covered, judged int64) int64 {
	covered, judged = min(max(covered, 0), mostCovered), min(max(judged, 0), mostJudged)
	return minute*nanosInMin + covered*(mostJudged+1) + judged // below half a minute
}

// minuteOf is the minute that a point's time lies in.
func minuteOf(nanos int64) int64 { return nanos / nanosInMin }

// The room that each rank has within the millisecond of an episode's start.
const (
	mostRank = 999
	inRank   = 1000
)

// findingAt is the time of a finding's point: at its episode's start, so that an episode
// lies in one place.
func findingAt(f *schemas.Finding) int64 {
	return at(f.Start.UnixMilli(), int64(min(max(rank(f), 0), mostRank))*inRank+hash(f.Episode)%inRank)
}

// decisionAt is the time of a decision's point.
func decisionAt(d *schemas.Decision) int64 { return at(d.Time.UnixMilli(), hash(d.ID)%nanosInMilli) }

// hash is a text as a number that is not negative.
func hash(s string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // a hash never fails
	return int64(h.Sum64() >> 1)
}

// rank orders the findings of an episode, none of the same rank as another, so that it
// does not matter in which order they come. It is part of what is stored.
func rank(f *schemas.Finding) int {
	switch f.Step {
	case schemas.Opened:
		return 0
	case schemas.Escalated:
		return f.Level
	case schemas.Risen:
		return 100 + f.Level
	case schemas.Raised:
		return 200 + int(f.Severity)
	case schemas.Closed:
	}
	return mostRank
}
