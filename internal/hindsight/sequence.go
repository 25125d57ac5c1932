package hindsight

import (
	"math"
	"slices"

	"sitwell/internal/series"
)

// sequence knows, for each run, which sequence numbers of those on time are still
// to come at a minute. A late reading whose number lies beyond one of them would
// make the engine give up everything in between, as where a device's clock was
// set back in the middle of a run: it is left out.
//
// It keeps two numbers for each minute and run.
type sequence struct{ runs map[run][]minuteSeq }

// minuteSeq is the least sequence number of a minute; after finish, of it and all
// later ones.
type minuteSeq struct {
	minute int64
	least  uint64
}

const minuteMS = 60_000

// note takes the next reading by time.
func (s *sequence) note(r *series.Reading) {
	if s.runs == nil {
		s.runs = map[run][]minuteSeq{}
	}
	list, minute := s.runs[runOf(r)], r.Time/minuteMS
	if n := len(list); n > 0 && list[n-1].minute == minute {
		list[n-1].least = min(list[n-1].least, r.Seq)
		return
	}
	s.runs[runOf(r)] = append(list, minuteSeq{minute, r.Seq})
}

// finish ends the notes.
func (s *sequence) finish() {
	for _, list := range s.runs {
		least := uint64(math.MaxUint64)
		for i := range slices.Backward(list) {
			least = min(least, list[i].least)
			list[i].least = least
		}
	}
}

// fits reports whether a late reading can be judged in its place.
func (s *sequence) fits(r *series.Reading) bool {
	list := s.runs[runOf(r)]
	// From here on, numbers are certainly beyond what the order sorts out.
	later := r.Time/minuteMS + disorder.Milliseconds()/minuteMS + 1
	i, _ := slices.BinarySearchFunc(list, later, func(m minuteSeq, minute int64) int { return int(m.minute - minute) })
	return i == len(list) || r.Seq < list[i].least
}
