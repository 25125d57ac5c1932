package detect

import "math"

// traits are the truths of a sample.
type traits uint16

const (
	worn          traits = 1 << iota // the device is worn
	shown                            // Flexion and Lean hold something
	fitted                           // they are against the baseline that fits
	derived                          // they come from acc_g, not from the device
	motionKnown                      // moving is known
	moving                           // walking, climbing stairs
	sittingKnown                     // sitting is known
	sitting                          // on a seat
	countsSitting                    // the device counts its bout by itself
	curved                           // Curve is known: there is a second sensor
)

func (t traits) has(want traits) bool { return t&want == want }

// sample is what the signals made of one reading. Angles are in tenths of a
// degree, as readings have them, so that sums of them are exact.
type sample struct {
	At      int64 // event time, ms since 1970; never runs back
	Flexion int16 // forward of upright
	Lean    int16 // to the right of upright
	Curve   int16 // of the upper back forward of the lower, if Is has curved
	Is      traits
}

// judged reports whether the posture counts: worn, against the fitting
// baseline, and not moving. Where motion is unknown a wearer off the seat might
// be walking, which is not judged; one who sits, or of whom sitting is unknown, is.
func (s *sample) judged() bool {
	if !s.Is.has(worn | fitted) {
		return false
	}
	if s.Is.has(motionKnown) {
		return !s.Is.has(moving)
	}
	return s.Is.has(sitting) || !s.Is.has(sittingKnown)
}

// moves reports whether the wearer is known to move.
func (s *sample) moves() bool { return s.Is.has(worn | motionKnown | moving) }

// tellsPosture reports whether the rules about posture learn something from s.
func (s *sample) tellsPosture() bool { return s.judged() || s.moves() }

// tellsSitting reports whether the rules about sitting learn something from s.
func (s *sample) tellsSitting() bool { return s.Is.has(worn | sittingKnown) }

// sits reports whether the wearer is known to sit.
func (s *sample) sits() bool { return s.Is.has(worn | sittingKnown | sitting) }

// seated reports whether s shows a posture on the seat.
func (s *sample) seated() bool { return s.Is.has(worn | fitted | sittingKnown | sitting) }

// interval is the time between two readings, the value that each rule steps
// over: what was during it is what before says, and after is what begins now.
type interval struct {
	from, to int64 // event time, ms since 1970
	ms       int64 // to - from, 0 and more
	// held is set if the interval is short enough to belong to before. If not,
	// nobody knows what was meanwhile.
	held          bool
	before, after sample
	counted       int64 // the device's own count of the bout at its end, in ms
	first         bool  // it ends with the first reading of a run of the device

	// The time off the seat that it is in, as the bout counts it, and since when.
	away, awayFrom int64

	// What is known in it of the posture, of sitting, and of the posture on the
	// seat; and since when nothing is, where that has just become too long.
	posture, seat, pose                sight
	postureSince, seatSince, poseSince int64
}

// bridged reports whether both ends carry the device's own count of the bout
// over an interval that is too long to belong to its earlier reading. Then that
// count alone says what was.
func (iv *interval) bridged(longest int64) bool {
	const both = worn | countsSitting
	return !iv.held && iv.ms <= longest && iv.before.Is.has(both) && iv.after.Is.has(both)
}

// sight is what a rule learns from an interval.
type sight uint8

const (
	seen   sight = iota // what before says
	frozen              // nothing, and not for long: time stands still
	lost                // nothing, and in this interval it has become too long
	dark                // nothing, for too long already
)

// blind is for how many ms in one piece rules have learned nothing: no readings,
// not worn, or readings without what they need. It counts no further than 65 s,
// which is beyond any limit.
type blind uint16

// step adds an interval of which told says whether the reading before it told
// something, and returns what is seen in it and since when nothing is.
func (b *blind) step(iv *interval, told bool, limit int64) (what sight, since int64) {
	if iv.held && told {
		return seen, 0
	}
	was := int64(*b)
	all := was + iv.ms
	*b = blind(min(all, math.MaxUint16)) //nolint:gosec // bounded
	switch {
	case all <= limit:
		return frozen, 0
	case was > limit:
		return dark, 0
	}
	return lost, iv.to - all
}

// stamp is an event time: the low 32 bits of its milliseconds, of which 0 is no
// time. The rest is that of a time within 24 days of it; absence.go sees to it
// that nothing is asked for longer.
type stamp uint32

func stampOf(at int64) stamp { return max(stamp(uint32(at)), 1) } //nolint:gosec // the low bits are meant

// time is the time whose stamp it is, asked in an interval.
func (iv *interval) time(s stamp) int64 {
	return iv.from + int64(int32(uint32(s)-uint32(iv.from))) //nolint:gosec // the difference of the low bits is meant
}

// span is a length of time in ms; it stops at 49 days.
type span uint32

func (s *span) add(ms int64) { *s = span(min(int64(*s)+ms, math.MaxUint32)) } //nolint:gosec // bounded

// short is a length of time in ms; it stops at 65 s.
type short uint16

func (s *short) add(ms int64) { *s = short(min(int64(*s)+ms, math.MaxUint16)) } //nolint:gosec // bounded
