package detect

// traits are the truths of a sample.
type traits uint16

const (
	worn          traits = 1 << iota // the device is worn
	shown                            // Flexion and Lean hold something
	fitted                           // they are against the baseline that fits
	motionKnown                      // moving is known
	moving                           // walking, climbing stairs
	sittingKnown                     // sitting is known
	sitting                          // on a seat
	countsSitting                    // SittingS is known
)

func (t traits) has(want traits) bool { return t&want == want }

// sample is what the signals made of one reading.
type sample struct {
	At       int64   `cbor:"1,keyasint,omitempty"` // event time, ms since 1970; never runs back
	Flexion  float64 `cbor:"2,keyasint,omitempty"` // degrees forward of upright
	Lean     float32 `cbor:"3,keyasint,omitempty"` // degrees to the right of upright
	SittingS uint32  `cbor:"4,keyasint,omitempty"` // the device's own count of the bout, seconds
	Is       traits  `cbor:"5,keyasint,omitempty"`
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

// tellsPosture reports whether the slouch rule learns something from s.
func (s *sample) tellsPosture() bool { return s.judged() || s.moves() }

// tellsSitting reports whether the sitting rule learns something from s.
func (s *sample) tellsSitting() bool { return s.Is.has(worn | sittingKnown) }

// sits reports whether the wearer is known to sit.
func (s *sample) sits() bool { return s.Is.has(worn | sittingKnown | sitting) }

// interval is the time between two readings, the value that each rule steps
// over: what was during it is what before says, and after is what begins now.
type interval struct {
	from, to int64 // event time, ms since 1970
	ms       int64 // to - from, 0 and more
	// held is set if the interval is short enough to belong to before. If not,
	// nobody knows what was meanwhile.
	held          bool
	before, after *sample
}

// between makes the interval between two samples; the first one of a wearer
// follows an interval of no length.
func between(before, after *sample, hold int64) interval {
	iv := interval{from: before.At, to: after.At, before: before, after: after}
	if before.At == 0 {
		iv.from = after.At
	}
	iv.ms = iv.to - iv.from
	iv.held = iv.ms <= hold
	return iv
}

// counted reports whether both ends carry the device's own count of the bout
// over an interval that is too long to belong to its earlier reading. Then that
// count alone says what was.
func (iv *interval) counted(longest int64) bool {
	const both = worn | countsSitting
	return !iv.held && iv.ms <= longest && iv.before.Is.has(both) && iv.after.Is.has(both)
}

// blind keeps how long a rule has learned nothing: no readings, not worn, or
// readings without what the rule needs. The zero blind sees.
type blind struct {
	From int64 `cbor:"1,keyasint,omitempty"` // event time, ms; 0 while the rule sees
}

// step reports whether the rule learned nothing from iv, told being whether the
// reading before it told something, and whether that now lasts longer than limit.
func (b *blind) step(iv *interval, told bool, limit int64) (dark, over bool) {
	if iv.held && told {
		return false, false
	}
	if b.From == 0 {
		b.From = iv.from
	}
	return true, iv.to-b.From > limit
}
